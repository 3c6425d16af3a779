import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
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
  options: { readonly mode?: number; readonly sync?: boolean } = {},
): Promise<void> {
  const folder = dirname(path);
  const sync = options.sync ?? true;
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  await mkdir(folder, { recursive: true });
  try {
    await withFile(temporary, options.mode ?? 0o644, async (file) => {
      await file.writeFile(content);
      if (sync) await file.sync();
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  if (sync) await syncFolder(folder);
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
