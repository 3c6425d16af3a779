import { constants } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';

/** The content of a file of /proc or /sys; undefined where it is missing or may not be read. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The number in such a file. */
export async function readNumber(path: string): Promise<number | undefined> {
  const text = (await readText(path))?.trim();
  return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
}

/** The names of the folders in a folder; none where it cannot be read. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

export async function pathExists(path: string): Promise<boolean> {
  return canAccess(path, constants.F_OK);
}

/** Whether this process may write there; false on a file system that is mounted read-only. */
export async function isWritable(path: string): Promise<boolean> {
  return canAccess(path, constants.W_OK);
}

export async function isExecutable(path: string): Promise<boolean> {
  return canAccess(path, constants.X_OK);
}

async function canAccess(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode);
    return true;
  } catch {
    return false;
  }
}
