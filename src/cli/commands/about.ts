import { OcupError } from '../../base/errors.ts';
import { ocupVersion } from '../../base/install-root.ts';
import { type CommandDefinition, option } from '../command.ts';
import { isColored, paint } from '../style.ts';

export const versionCommand: CommandDefinition = {
  name: 'version',
  usage: '',
  summary: 'Print the version',
  options: [
    option('--short', 'only the number'),
    option('-f, --format <format>', 'pretty or json'),
  ],
  async run(session, { options }) {
    const version = ocupVersion();
    const format = options.choice('format', ['pretty', 'json']) ?? 'pretty';
    if (options.flag('short')) await session.print(`${version}\n`);
    else if (format === 'json')
      await session.print(`${JSON.stringify({ version: `v${version}` })}\n`);
    else await session.print(`ocup version v${version}\n`);
    return 0;
  },
};

const MARKS = { ok: ['ok', '32'], warning: ['warning', '33'], problem: ['problem', '31'] } as const;

export const doctorCommand: CommandDefinition = {
  name: 'doctor',
  usage: '',
  summary: 'Say what this machine lacks, and how to mend it',
  options: [option('--format <format>', 'text or json')],
  async run(session, { options }) {
    const format = options.choice('format', ['text', 'json']) ?? 'text';
    const [{ probeHost }, { examine }, { hostPaths }] = await Promise.all([
      import('../../host/facts.ts'),
      import('../../host/doctor.ts'),
      import('../../host/paths.ts'),
    ]);
    const { context, globals } = session;
    const { dataDir } = hostPaths(context.environment, context.uid);
    const findings = examine(await probeHost({ dataDir }));
    if (format === 'json') await session.print(`${JSON.stringify(findings, undefined, 2)}\n`);
    else {
      const hasColor = isColored(context.stdout, globals, context.environment);
      const width = Math.max(...findings.map((finding) => finding.name.length));
      for (const { status, name, message, remedy } of findings) {
        const [word, color] = MARKS[status];
        const mark = word.padEnd('problem'.length);
        await session.print(
          `${hasColor ? paint(mark, color) : mark}  ${name.padEnd(width)}  ${message}\n`,
        );
        const indent = ' '.repeat('problem'.length + width + 4);
        if (remedy !== undefined) await session.print(`${indent}${remedy}\n`);
      }
    }
    return findings.some((finding) => finding.status === 'problem') ? 1 : 0;
  },
};

/** Commands of docker compose that ocup does not have yet. */
export const missingCommands: readonly CommandDefinition[] = ['commit', 'publish'].map((name) => ({
  name,
  usage: '[ARGUMENT...]',
  summary: 'Not supported yet',
  isHidden: true,
  passesOptionsThrough: true,
  options: [],
  run: () =>
    Promise.reject(new OcupError('E_COMPOSE_UNSUPPORTED', `ocup ${name} is not supported yet`)),
}));
