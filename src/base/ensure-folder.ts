import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findErrno } from './errors.ts';

/**
 * Makes a folder and those above it that are missing; idempotent. Unlike `mkdir` of Node.js with `recursive` it ends where a
 * folder exists in which none can be made, as in /proc.
 * @throws the error of the system
 */
export async function ensureFolder(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const errno = findErrno(error);
    if (errno === 'EEXIST' && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (errno !== 'ENOENT' || parent === path || (await isFolder(parent))) throw error;
    await ensureFolder(parent, mode);
    await ensureFolder(path, mode);
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return false;
    throw error;
  }
}
