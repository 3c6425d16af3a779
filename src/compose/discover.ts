import { dirname, join, resolve } from 'node:path';
import { OcupError } from '../base/errors.ts';
import { type Variables, splitList } from './environment.ts';
import type { LoadOptions } from './load-options.ts';
import type { Problems } from './problems.ts';
import type { SourceFiles } from './source-files.ts';

const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const OVERRIDES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/** Which files make the project. */
export interface Discovery {
  /** Absolute, or `-`. */
  readonly files: readonly string[];
  /** What relative paths are relative to. */
  readonly projectDir: string;
}

/**
 * The files given with `-f`, else those in `COMPOSE_FILE`, else the first folder upwards that has one of the
 * known names, with its override file.
 *
 * @throws E_COMPOSE_NOT_FOUND
 * @see compose-spec 03-compose-file.md
 */
export async function discover(
  options: LoadOptions,
  variables: Variables,
  { files, problems }: { files: SourceFiles; problems: Problems },
): Promise<Discovery> {
  const named = namedFiles(options, variables);
  if (named.length > 0) return { files: named, projectDir: projectDirOf(options, named) };
  const start = resolve(options.workingDir, options.projectDirectory ?? '.');
  for (let folder = start; ; folder = dirname(folder)) {
    const found = await pick(folder, NAMES, { files, problems });
    if (found !== undefined) {
      const override = await pick(folder, OVERRIDES, { files, problems });
      const all = override === undefined ? [found] : [found, override];
      return { files: all, projectDir: projectDirOf(options, all) };
    }
    if (dirname(folder) === folder) break;
  }
  throw new OcupError('E_COMPOSE_NOT_FOUND', 'no configuration file provided: not found', {
    hint: `make a ${NAMES[0] ?? ''} here or in a folder above, or name one with -f`,
  });
}

/** Those named with `-f` or in `COMPOSE_FILE`. */
export function namedFiles(options: LoadOptions, variables: Variables): readonly string[] {
  const separator = variables.get('COMPOSE_PATH_SEPARATOR') ?? ':';
  const given = options.files ?? [];
  const named = given.length > 0 ? given : splitList(variables.get('COMPOSE_FILE'), separator);
  return named.map((file) => (file === '-' ? file : resolve(options.workingDir, file)));
}

/** The folder of the project: that given, else that of the first file. */
export function projectDirOf(options: LoadOptions, files: readonly string[]): string {
  if (options.projectDirectory !== undefined)
    return resolve(options.workingDir, options.projectDirectory);
  const first = files.find((file) => file !== '-');
  return first === undefined ? resolve(options.workingDir) : dirname(first);
}

async function pick(
  folder: string,
  names: readonly string[],
  { files, problems }: { files: SourceFiles; problems: Problems },
): Promise<string | undefined> {
  const present: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    if ((await files.kind(path)) === 'file') present.push(path);
  }
  const [first] = present;
  if (first !== undefined && present.length > 1) {
    const message = `Found multiple config files with supported names: ${present.join(', ')}`;
    problems.warning({ position: undefined, path: [] }, message, { hint: `Using ${first}` });
  }
  return first;
}
