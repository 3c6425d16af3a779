import { statSync } from 'node:fs';
import { normalize } from 'node:path';

/**
 * The folder a command was started in, by the way its user went there: `PWD` where that is the same folder as `folder`,
 * which has no links in it. A project's name comes from the last part of it.
 *
 * @see POSIX.1-2017 pwd, option -L
 */
export function workingDirOf(
  folder: string,
  environment: Readonly<Record<string, string>>,
): string {
  const logical = environment['PWD'];
  if (logical === undefined || logical === folder || !logical.startsWith('/')) return folder;
  const isSame = identityOf(logical) === identityOf(folder);
  return isSame ? normalize(logical).replace(/(?<=.)\/$/, '') : folder;
}

/** Unlike for any two folders that are not the same, and for what cannot be looked at. */
function identityOf(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return path;
  }
}
