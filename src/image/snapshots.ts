import { mkdir, mkdtemp, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { syncFolder } from '../base/atomic-file.ts';
import { findErrno } from '../base/errors.ts';
import { type Digest, digestHex, parseDigest } from '../model/digest.ts';
import { removeTree, spreadSubfolders } from '../native/trees.ts';
import { exists } from './layout.ts';

const STAGED = '.staged-';
const REMOVED = '.removed-';

/**
 * The unpacked layers, each a folder in the form overlayfs takes, named by the chain ID of the layer and those below it.
 *
 *     stage ─▶ (unpack, settle, sync) ─▶ commit ─▶ remove
 *
 * INVARIANT: a folder with the name of a chain ID is complete and on disk.
 */
export class SnapshotStore {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Opens the store, and removes what interrupted work left. */
  static async open(folder: string): Promise<SnapshotStore> {
    await mkdir(folder, { recursive: true });
    spreadSubfolders(folder);
    const store = new SnapshotStore(folder);
    const names = await readdir(folder);
    const left = names.filter((name) => name.startsWith(STAGED) || name.startsWith(REMOVED));
    for (const name of left) await removeTree(join(folder, name));
    return store;
  }

  path(chainId: Digest): string {
    return join(this.folder, digestHex(chainId));
  }

  has(chainId: Digest): Promise<boolean> {
    return exists(this.path(chainId));
  }

  /** A new empty folder that nobody else sees as a snapshot. */
  stage(): Promise<string> {
    return mkdtemp(join(this.folder, STAGED));
  }

  /** Makes a staged folder, whose content is on disk already, the snapshot of `chainId`. */
  async commit(staged: string, chainId: Digest): Promise<void> {
    try {
      await rename(staged, this.path(chainId));
    } catch (error) {
      const isThere = ['EEXIST', 'ENOTEMPTY'].includes(findErrno(error) ?? '');
      if (!isThere) throw error;
      await removeTree(staged);
    }
    await syncFolder(this.folder);
  }

  async list(): Promise<Digest[]> {
    const names = await readdir(this.folder);
    return names.flatMap((name) =>
      /^[a-f0-9]{64}$/.test(name) ? [parseDigest(`sha256:${name}`)] : [],
    );
  }

  /** Hides the snapshot at once; the folder that is then to be removed. */
  async hide(chainId: Digest): Promise<string> {
    const hidden = join(this.folder, `${REMOVED}${digestHex(chainId)}-${process.hrtime.bigint()}`);
    await rename(this.path(chainId), hidden);
    return hidden;
  }
}
