import { randomBytes } from 'node:crypto';
import { closeSync, fsync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findErrno } from './errors.ts';

/**
 * Replaces `path` by `content`: a temporary file in the same folder, written, synced, renamed, and
 * the folder synced. A reader sees the old file or the new one; after a crash a stale `.NAME.*.tmp` may
 * be left beside it. The folder is made if it is missing. Only what waits for the disk goes on beside: handing each
 * small step to a thread and back costs ten times the step.
 *
 * @throws the system error of the step that failed; `path` is then as it was
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const file = openNew(temporary, options.mode ?? 0o644);
  try {
    try {
      writeFileSync(file, content);
      await sync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

let replacements = 0;

/**
 * Replaces a small file that need not survive a loss of power: written beside it and renamed, so that a reader sees the old
 * content or the new one. It blocks, for some 50 µs: handing each of its steps to a thread and back costs ten times that.
 * The folder is made if it is missing.
 *
 * @throws the system error of the step that failed; `path` is then as it was
 */
export function replaceFile(path: string, content: string, mode: number): void {
  const folder = dirname(path);
  replacements += 1;
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${replacements}.tmp`);
  const replace = (): void => {
    writeFileSync(temporary, content, { mode });
    renameSync(temporary, path);
  };
  try {
    replace();
  } catch (error) {
    rmSync(temporary, { force: true });
    if (findErrno(error) !== 'ENOENT') throw error;
    mkdirSync(folder, { recursive: true });
    replace();
  }
}

/** Makes renames and unlinks inside `folder` durable. */
export async function syncFolder(folder: string): Promise<void> {
  const file = openSync(folder, 'r');
  try {
    await sync(file);
  } finally {
    closeSync(file);
  }
}

/** The folder is made if it is missing. */
function openNew(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode);
  } catch (error) {
    if (findErrno(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return openSync(path, 'wx', mode);
  }
}

const sync = promisify(fsync);
