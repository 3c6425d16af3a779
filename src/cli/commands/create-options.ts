import { OcupError } from '../../base/errors.ts';
import type { Project, Service } from '../../model/project.ts';
import { getService } from '../../plan/selection.ts';
import type { UpOptions } from '../../plan/up-options.ts';
import { hiddenOption, option, type OptionDefinition } from '../command.ts';
import type { RawOptions } from '../raw-options.ts';

/** Options that `up` and `create` share. */
export const CREATE_OPTIONS: readonly OptionDefinition[] = [
  option('--build', 'build images first (not supported yet)'),
  option('--no-build', 'do not build, even if an image is missing'),
  option('--force-recreate', 'replace containers that have not changed, too'),
  option('--no-recreate', 'keep containers that have changed'),
  option('--pull <policy>', 'pull images: always, missing or never'),
  option('--quiet-pull', 'pull without progress'),
  option('--remove-orphans', 'remove containers of services that are gone'),
  option('--scale <service=number>...', 'number of containers of a service'),
  hiddenOption('-y, --yes', 'accepted, without effect: nothing is asked'),
  hiddenOption('--quiet-build', 'accepted, without effect'),
];

type CreateOptions = Pick<UpOptions, 'recreate' | 'pull' | 'orphans' | 'scale'>;

/** @throws E_USAGE, E_COMPOSE_UNSUPPORTED for --build, E_USAGE_NO_SUCH_SERVICE */
export function parseCreateOptions(
  raw: RawOptions,
  environment: Readonly<Record<string, string>>,
  project: Project,
): CreateOptions {
  const pull = raw.choice('pull', ['always', 'missing', 'never', 'build', 'policy']);
  const built = project.services.filter((service) => service.hasBuild);
  // `up --build` is a habit, and has nothing to do where no service is built.
  if ((raw.flag('build') || pull === 'build') && built.length > 0) throw buildUnsupported(built);
  return {
    recreate: raw.flag('force-recreate') ? 'force' : raw.flag('no-recreate') ? 'never' : 'diverged',
    pull: pull === 'policy' || pull === 'build' ? undefined : pull,
    orphans: orphansOption(raw, environment),
    scale: parseScale(raw.list('scale'), project),
  };
}

function buildUnsupported(services: readonly Service[]): OcupError {
  const names = services.map((service) => service.name).join(', ');
  return new OcupError(
    'E_COMPOSE_UNSUPPORTED',
    `--build is not supported yet: ocup cannot build images (${names})`,
    { hint: 'build them with another tool, name them with image:, and leave out --build' },
  );
}

function orphansOption(
  raw: RawOptions,
  environment: Readonly<Record<string, string>>,
): UpOptions['orphans'] {
  if (raw.flag('remove-orphans') || isTrue(environment['COMPOSE_REMOVE_ORPHANS'])) return 'remove';
  return isTrue(environment['COMPOSE_IGNORE_ORPHANS']) ? 'ignore' : 'warn';
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'true', 'yes', 'on'].includes((value ?? '').toLowerCase());
}

/** `web=3` items. @throws E_USAGE, E_USAGE_NO_SUCH_SERVICE */
export function parseScale(items: readonly string[], project: Project): Record<string, number> {
  return Object.fromEntries(
    items.map((item) => {
      const match = /^(.+)=(\d{1,4})$/.exec(item);
      if (match === null) {
        throw new OcupError('E_USAGE', `invalid --scale ${JSON.stringify(item)}`, {
          hint: 'write SERVICE=NUMBER, such as --scale web=3',
        });
      }
      return [getService(project, match[1] ?? '').name, Number(match[2])];
    }),
  );
}
