import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TomlError, parse } from 'smol-toml';

import { OcupError, findErrno, messageOf } from '../../../base/errors.ts';
import { quoteServerText } from '../redact.ts';

type Env = Readonly<Record<string, string | undefined>>;
type Fields = Readonly<Record<string, unknown>>;

/** Where settings of a user and of the machine are, the user's first: `…/.config` and `/etc`. */
export function settingsFolders(env: Env): string[] {
  const home = env['HOME'] ?? '/root';
  const own = env['XDG_CONFIG_HOME'] ?? '';
  return [own === '' ? join(home, '.config') : own, '/etc'];
}

/** Undefined when there is no such file, or this user may not read it. @throws E_IMAGE_REGISTRY */
export function readToml(path: string): Promise<Fields | undefined> {
  return readSettings(path, parse);
}

/** As `readToml`, of JSON. */
export function readJson(path: string): Promise<Fields | undefined> {
  return readSettings(path, (text) => fieldsOf(JSON.parse(text)));
}

/** The paths of the `.conf` files in a folder, sorted; none when there is no such folder. */
export async function listConf(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw unreadable(folder, error);
  }
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** A list of strings; a single string is a list of one. */
export function stringsOf(value: unknown): string[] {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.filter((item): item is string => typeof item === 'string' && item !== '');
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The error of settings that cannot be used. */
export function badSettings(path: string, reason: string, cause?: unknown): OcupError {
  return new OcupError(
    'E_IMAGE_REGISTRY',
    `cannot read the settings in ${path}: ${quoteServerText(reason)}`,
    {
      hint: 'Correct the file, or move it away.',
      cause,
    },
  );
}

async function readSettings(
  path: string,
  parseText: (text: string) => Fields,
): Promise<Fields | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw unreadable(path, error);
  }
  try {
    return parseText(text);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EACCES'].includes(findErrno(error) ?? '');
}

function unreadable(path: string, error: unknown): OcupError {
  const [reason = 'it is not valid'] = messageOf(error).split('\n');
  const place = error instanceof TomlError ? `${path}:${error.line}:${error.column}` : path;
  return badSettings(place, reason.replace(/^Invalid TOML document: /, ''), error);
}
