import { type OptionDefinition, option, hiddenOption } from './command.ts';
import type { RawOptions } from './raw-options.ts';

export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];
export const ANSI_MODES = ['auto', 'always', 'never'] as const;
export type AnsiMode = (typeof ANSI_MODES)[number];

/** Options that every command takes. */
export interface GlobalOptions {
  readonly files: readonly string[];
  readonly projectName: string | undefined;
  readonly profiles: readonly string[];
  readonly envFiles: readonly string[];
  readonly projectDirectory: string | undefined;
  readonly progress: ProgressMode;
  readonly ansi: AnsiMode;
  /** How many actions may go on at once. */
  readonly parallel: number;
  readonly dryRun: boolean;
  /** Whether the lock must be there and fit. */
  readonly locked: boolean;
}

export const GLOBAL_OPTIONS: readonly OptionDefinition[] = [
  option('-f, --file <path>...', 'compose file; - reads standard input'),
  option('-p, --project-name <name>', 'name of the project'),
  option('--profile <name>...', 'enable a profile; * enables all'),
  option('--env-file <path>...', 'read variables from this file instead of .env'),
  option('--project-directory <path>', 'folder that relative paths start from'),
  option('--progress <mode>', 'auto, tty, plain, json or quiet'),
  option('--ansi <mode>', 'colours: auto, always or never'),
  option('--parallel <number>', 'how many actions may go on at once, -1 for no limit'),
  option('--locked', 'fail where ocup.lock is missing or does not fit'),
  option('--dry-run', 'say what would be done, and do nothing'),
  hiddenOption('--compatibility', 'accepted, without effect'),
  hiddenOption('--all-resources', 'accepted, without effect'),
  hiddenOption('--verbose', 'accepted, without effect'),
  hiddenOption('--no-ansi', 'same as --ansi never'),
  hiddenOption('--workdir <path>', 'same as --project-directory'),
];

/**
 * Global options from the command line, then from `COMPOSE_*` variables, then the defaults.
 * @throws E_USAGE for a value that is not known
 */
export function parseGlobals(
  raw: RawOptions,
  environment: Readonly<Record<string, string>>,
): GlobalOptions {
  return {
    files: raw.list('file'),
    projectName: raw.text('project-name'),
    profiles: raw.list('profile'),
    envFiles: raw.list('env-file'),
    projectDirectory: raw.text('project-directory') ?? raw.text('workdir'),
    progress:
      raw.choice('progress', PROGRESS_MODES) ??
      PROGRESS_MODES.find((mode) => mode === environment['COMPOSE_PROGRESS']) ??
      'auto',
    ansi: raw.flag('no-ansi')
      ? 'never'
      : (raw.choice('ansi', ANSI_MODES) ??
        ANSI_MODES.find((mode) => mode === environment['COMPOSE_ANSI']) ??
        'auto'),
    parallel: parallelLimit(raw.text('parallel') ?? environment['COMPOSE_PARALLEL_LIMIT']),
    dryRun: raw.flag('dry-run'),
    locked: raw.flag('locked'),
  };
}

/** Unlimited, like docker compose: the supervisor bounds what is costly. */
function parallelLimit(value: string | undefined): number {
  const limit = Number(value);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : Number.MAX_SAFE_INTEGER;
}
