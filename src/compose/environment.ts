import { resolve } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { type DotenvFile, parseDotenv } from './dotenv.ts';
import type { Position } from '../model/project.ts';
import type { LoadOptions } from './load-options.ts';
import type { Place, Problems } from './problems.ts';
import type { SourceFiles } from './source-files.ts';
import type { Lookup } from './template.ts';

/** Variables by name. */
export type Variables = ReadonlyMap<string, string>;

/** Where files of variables are read from, and where they are named if that is in a file. */
export interface EnvFileSource {
  readonly files: SourceFiles;
  readonly problems: Problems;
  readonly place?: Place | undefined;
  /** Gets the line that sets each variable. */
  readonly origins?: Map<string, Position> | undefined;
}

/** The variables of the shell, with `UID` and `GID` where the shell does not export them. */
export function shellVariables(options: LoadOptions): Map<string, string> {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(options.environment))
    if (value !== undefined) variables.set(name, value);
  return variables;
}

/** Looks up in `variables`, then in the ids of the user. */
export function lookupIn(variables: Variables, userIds: LoadOptions['userIds']): Lookup {
  const ids = idsOf(userIds);
  return (name) => variables.get(name) ?? ids(name);
}

/** `UID` and `GID` of the user. */
export function idsOf(userIds: LoadOptions['userIds']): Lookup {
  const ids = new Map<string, string>();
  if (userIds !== undefined) {
    ids.set('UID', String(userIds.uid));
    ids.set('GID', String(userIds.gid));
  }
  return (name) => ids.get(name);
}

/**
 * Which files of variables hold for the project: those of `--env-file`, else those of `COMPOSE_ENV_FILES`,
 * else `.env` in `folder` if it is there and not switched off.
 */
export async function findEnvFiles(
  options: LoadOptions,
  variables: Variables,
  { folder, files }: { folder: string; files: SourceFiles },
): Promise<readonly string[]> {
  const given = options.envFiles ?? [];
  const named = given.length > 0 ? given : splitList(variables.get('COMPOSE_ENV_FILES'), ',');
  if (named.length > 0) return named.map((file) => resolve(options.workingDir, file));
  if (isTrue(variables.get('COMPOSE_DISABLE_ENV_FILE'))) return [];
  return findEnvFile(folder, files);
}

/** `.env` in `folder`, if it is there. */
export async function findEnvFile(folder: string, files: SourceFiles): Promise<readonly string[]> {
  const file = resolve(folder, '.env');
  return (await files.kind(file)) === 'file' ? [file] : [];
}

/**
 * The variables that `paths` set, a later file over an earlier one; names that `known` has are looked up
 * there first, in the values too.
 */
export async function readEnvFiles(
  paths: readonly string[],
  known: Lookup,
  { files, problems, place, origins }: EnvFileSource,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const text = await readText(path, { files, problems, place });
    if (text === undefined) continue;
    const parsed = parseDotenv(text, (name) => known(name) ?? found.get(name));
    reportFault(path, parsed, problems);
    for (const { name, value, line } of parsed.entries) {
      found.set(name, value);
      origins?.set(name, { file: path, line, column: 1 });
    }
  }
  return found;
}

/** Tells what is wrong in a file of variables, at its place. */
export function reportFault(path: string, { fault }: DotenvFile, problems: Problems): void {
  if (fault === undefined) return;
  const position = { file: path, line: fault.line, column: fault.column };
  problems.error({ position, path: [] }, `failed to read: line ${fault.line}: ${fault.message}`, {
    code: 'E_COMPOSE_SYNTAX',
  });
}

/** `base` and what `added` has beyond it. */
export function withDefaults(base: Variables, added: Variables): Map<string, string> {
  return new Map([...added, ...base]);
}

export function splitList(text: string | undefined, separator: string): readonly string[] {
  return (text ?? '').split(separator).filter((part) => part !== '');
}

/** As `strconv.ParseBool` reads it. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text);
}

async function readText(
  path: string,
  { files, problems, place = { position: undefined, path: [] } }: EnvFileSource,
): Promise<string | undefined> {
  try {
    const text = await files.read(path);
    if (text === undefined)
      problems.error(place, `couldn't find env file: ${path}`, { code: 'E_COMPOSE_READ' });
    return text;
  } catch (error) {
    const message = `cannot read env file ${path}: ${messageOf(error)}`;
    problems.error(place, message, { code: 'E_COMPOSE_READ' });
    return undefined;
  }
}
