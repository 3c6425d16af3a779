import { lstat } from 'node:fs/promises';
import { basename, dirname, posix, relative } from 'node:path';
import { create, Header } from 'tar';
import { findErrno, isOcupError } from '../../base/errors.ts';
import type { Container } from '../../model/container.ts';
import { FRAME } from '../../wire/frames.ts';
import type { SupervisorClient } from '../connection.ts';
import { receiveArchive, sendArchive } from '../copy-stream.ts';
import type { WatchRule } from './rules.ts';

export interface SyncContext {
  readonly client: SupervisorClient;
  readonly signal: AbortSignal;
}

/** What goes into one folder of a container, and what leaves the container. */
interface Transfer {
  /** The folder here that the names are relative to. */
  readonly from: string;
  readonly names: readonly string[];
  /** What the one file is called there; undefined where names stay. */
  readonly newName: string | undefined;
  readonly folder: string;
  readonly removals: readonly string[];
}

/**
 * Makes the container's files at the rule's target what `paths` are now: those that are there are copied, with
 * their modes and times, and belong to root; those that are gone are removed. @throws E_CONTAINER_COPY
 */
export async function syncPaths(
  container: Container,
  rule: WatchRule,
  paths: ReadonlySet<string>,
  context: SyncContext,
): Promise<void> {
  const transfer = await toTransfer(rule, paths);
  if (transfer === undefined) return;
  if (transfer.removals.length > 0) await removeFiles(container, transfer.removals, context);
  if (transfer.names.length > 0) await sendFiles(container, transfer, context);
}

async function toTransfer(
  { path: root, target }: WatchRule,
  paths: ReadonlySet<string>,
): Promise<Transfer | undefined> {
  if (target === undefined) return undefined;
  const names: string[] = [];
  const removals: string[] = [];
  let isFile = false;
  for (const path of paths) {
    const kind = await kindOf(path);
    if (kind === 'gone') removals.push(posix.join(target, relative(root, path)));
    else if (path !== root) names.push(relative(root, path));
    else isFile = kind === 'file';
  }
  // What is in a folder goes before the folder.
  removals.sort().reverse();
  if (!isFile) return { from: root, names, newName: undefined, folder: target, removals };
  const there = posix.join('/', target);
  return {
    from: dirname(root),
    names: [basename(root)],
    newName: posix.basename(there),
    folder: posix.dirname(there),
    removals,
  };
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'gone'> {
  try {
    return (await lstat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(findErrno(error) ?? '')) return 'gone';
    throw error;
  }
}

async function sendFiles(
  container: Container,
  { from, names, newName, folder }: Transfer,
  context: SyncContext,
): Promise<void> {
  const archive = (): AsyncIterable<Buffer> =>
    create(
      {
        cwd: from,
        noDirRecurse: true,
        onWriteEntry(entry) {
          if (newName !== undefined) entry.path = newName;
        },
      },
      // A name that begins with @ would be read as an archive.
      names.map((name) => `./${name}`),
    );
  await inFolder(container, folder, context, () => sendTo(container, folder, archive(), context));
}

/** Makes the folder when it turns out to be missing, and tries again. */
async function inFolder(
  container: Container,
  folder: string,
  context: SyncContext,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isMissing = isOcupError(error, 'E_CONTAINER_COPY') && error.details['errno'] === 'ENOENT';
    if (!isMissing || folder === '/') throw error;
    const parent = posix.dirname(folder);
    const entry = async function* (): AsyncGenerator<Buffer> {
      yield await Promise.resolve(folderArchive(posix.basename(folder)));
    };
    await inFolder(container, parent, context, () => sendTo(container, parent, entry(), context));
    await work();
  }
}

const BLOCK_BYTES = 512;

/** An archive that holds one folder. */
function folderArchive(name: string): Buffer {
  const header = new Header({
    path: `${name}/`,
    type: 'Directory',
    mode: 0o755,
    mtime: new Date(),
  });
  const archive = Buffer.alloc(3 * BLOCK_BYTES);
  header.encode(archive, 0);
  return archive;
}

async function sendTo(
  container: Container,
  path: string,
  archive: AsyncIterable<Buffer>,
  context: SyncContext,
): Promise<void> {
  const stream = await openCopy(container, { operation: 'write', path }, context);
  try {
    await sendArchive(stream, archive);
  } finally {
    stream.close();
  }
}

async function removeFiles(
  container: Container,
  paths: readonly string[],
  context: SyncContext,
): Promise<void> {
  const stream = await openCopy(container, { operation: 'remove', path: '/' }, context);
  try {
    await stream.send(FRAME.stdin, paths.map((path) => `${path}\0`).join(''));
    await stream.send(FRAME.stdinEnd);
    await receiveArchive(stream, () => Promise.resolve());
  } finally {
    stream.close();
  }
}

function openCopy(
  container: Container,
  wanted: { readonly operation: 'write' | 'remove'; readonly path: string },
  { client, signal }: SyncContext,
) {
  const params = {
    container: container.id,
    ...wanted,
    followsLink: false,
    keepsOwner: false,
    isPlainArchive: true,
  };
  return client.stream('container.copy', params, { signal });
}
