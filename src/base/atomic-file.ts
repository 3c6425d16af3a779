import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { findErrno } from './errors.ts';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces `path` by `content`: a temporary file in the same folder, written, synced, renamed, and
 * the folder synced. A reader sees the old file or the new one; after a crash a stale `.NAME.*.tmp` may
 * be left beside it. The folder is made if it is missing.
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
  await mkdir(folder, { recursive: true });
  try {
    await withFile(temporary, options.mode ?? 0o644, async (file) => {
      await file.writeFile(content);
      await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
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
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function withFile(
  path: string,
  mode: number,
  work: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
