import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Project } from '../../model/project.ts';
import { getService } from '../../plan/selection.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import { RawOptions } from '../raw-options.ts';
import type { Session } from '../session.ts';
import { narrowed, sectionOf } from './narrow-config.ts';

export const configCommand: CommandDefinition = {
  name: 'config',
  aliases: ['convert'],
  usage: '[SERVICE...]',
  summary: 'Check the compose file and print it in canonical form',
  options: [
    option('-q, --quiet', 'only check'),
    option('--format <format>', 'yaml (default) or json; table or json with --variables'),
    option('-o, --output <path>', 'write to a file'),
    option('--services', 'print names of services'),
    option('--images', 'print images'),
    option('--volumes', 'print names of volumes'),
    option('--networks', 'print names of networks'),
    option('--profiles', 'print names of profiles'),
    option('--hash <service>', 'print the configuration hash of a service; * for all'),
    option(
      '--resolve-image-digests',
      'ask the registries for digests, and put them behind the names',
    ),
    option(
      '--lock-image-digests',
      'print only images with digests, as a file to put behind the others',
    ),
    option('--environment', 'print the variables that are used for interpolation'),
    option('--variables', 'print the variables that the files mention'),
    option('--no-interpolate', 'keep variables as they are written'),
    option('--no-normalize', 'leave out what is implied'),
    option('--no-path-resolution', 'keep relative paths'),
    option('--no-consistency', 'do not check references'),
    option('--no-env-resolution', 'keep env_file'),
    hiddenOption('--models', 'print names of models'),
  ],
  examples: [
    ['ocup config -q', 'check the files: each problem with file, line and column'],
    [
      'ocup config --lock-image-digests -o lock.yaml',
      'write down what tags mean today; use it with -f compose.yaml -f lock.yaml',
    ],
    ["ocup config --hash '*'", 'print what decides whether a service is replaced'],
  ],
  async run(session, { args, options }) {
    const hash = options.text('hash');
    if (hash !== undefined) {
      const project = await session.loadProject({ isQuiet: true });
      await session.print(lines(hashes(project, hash)));
      return 0;
    }
    const text = await configText(session, args, options);
    const output = options.text('output');
    if (options.flag('quiet') && text === '') return 0;
    if (output === undefined) await session.print(text);
    else await writeFile(resolve(session.context.workingDir, output), text);
    return 0;
  },
};

async function configText(
  session: Session,
  services: readonly string[],
  options: RawOptions,
): Promise<string> {
  // Parsing is loaded only where a file is read.
  const compose = await import('./config-load.ts');
  if (options.flag('variables')) {
    const uninterpolated = new RawOptions({ interpolate: false, consistency: false });
    const model = await compose.loadConfig(session, services, uninterpolated);
    return compose.variablesText(model, options);
  }
  const model = await compose.loadConfig(session, services, options);
  const names = (key: string): string[] => [...sectionOf(model.canonical, key).keys()];
  if (options.flag('environment')) return compose.environmentText(model);
  if (options.flag('services')) return lines(names('services'));
  if (options.flag('volumes')) return lines(names('volumes'));
  if (options.flag('networks')) return lines(names('networks'));
  if (options.flag('models')) return lines(compose.modelsOf(model.canonical));
  if (options.flag('profiles')) return lines([...model.profiles].sort());
  if (options.flag('images')) return lines(compose.imagesOf(model, services));
  if (options.flag('quiet')) return '';
  const pinned = options.flag('resolve-image-digests') || options.flag('lock-image-digests');
  if (!pinned) return compose.formatConfig(model.canonical, services, options);
  const digests = await import('./config-digests.ts');
  const resolved = await digests.withDigests(narrowed(model.canonical, services), session);
  const shown = options.flag('lock-image-digests') ? digests.imagesOnly(resolved) : resolved;
  return compose.formatConfig(shown, [], options);
}

function hashes(project: Project, wanted: string): string[] {
  const services =
    wanted === '*'
      ? project.services
      : wanted.split(',').map((name) => getService(project, name.trim()));
  return services.map((service) => `${service.name} ${service.configHash}`);
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join('');
}
