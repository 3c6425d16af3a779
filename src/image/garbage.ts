import { rm, stat } from 'node:fs/promises';

import { findErrno } from '../base/errors.ts';
import { Semaphore } from '../base/semaphore.ts';
import type { Digest } from '../model/digest.ts';
import { removeTree } from '../native/trees.ts';
import type { ImageLayout } from './layout.ts';
import type { SnapshotStore } from './snapshots.ts';

/** What some pull needs to stay while it runs. */
export interface Lease {
  /** Adds blobs' digests and chain IDs. What is looked for after this resolves will not be removed. */
  protect(digests: readonly Digest[]): Promise<void>;
  release(): void;
}

/** What is to be kept: blobs and snapshots. */
export interface Reachable {
  readonly blobs: ReadonlySet<Digest>;
  readonly chains: ReadonlySet<Digest>;
}

/**
 * Removes what nothing needs any more. Whoever brings something in holds a lease on it, so that it is not taken away
 * between being found and being named.
 *
 * INVARIANT: collecting and protecting exclude each other.
 */
export class Garbage {
  private readonly leases = new Set<Set<Digest>>();
  private readonly gate = new Semaphore(1);
  private readonly layout: ImageLayout;
  private readonly snapshots: SnapshotStore;

  constructor(layout: ImageLayout, snapshots: SnapshotStore) {
    this.layout = layout;
    this.snapshots = snapshots;
  }

  lease(): Lease {
    const held = new Set<Digest>();
    this.leases.add(held);
    return {
      protect: (digests) =>
        this.gate.run(() => {
          for (const digest of digests) held.add(digest);
          return Promise.resolve();
        }),
      release: () => {
        this.leases.delete(held);
      },
    };
  }

  /** Removes all but what `findReachable` gives and what is leased. Resolves with the bytes that are free. */
  async collect(findReachable: () => Promise<Reachable>): Promise<number> {
    const { hidden, freedBytes } = await this.gate.run(async () => {
      const { blobs, chains } = await findReachable();
      const isLeased = (digest: Digest): boolean =>
        [...this.leases].some((held) => held.has(digest));
      const idle = (await this.snapshots.list()).filter((id) => !chains.has(id) && !isLeased(id));
      const folders: string[] = [];
      for (const id of idle) folders.push(await this.snapshots.hide(id));
      let freed = 0;
      for (const digest of await this.layout.listBlobs()) {
        if (!blobs.has(digest) && !isLeased(digest))
          freed += await removeFile(this.layout.blobPath(digest));
      }
      return { hidden: folders, freedBytes: freed };
    });
    let total = freedBytes;
    for (const folder of hidden) total += await removeTree(folder);
    return total;
  }
}

async function removeFile(path: string): Promise<number> {
  try {
    const { size } = await stat(path);
    await rm(path);
    return size;
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return 0;
    throw error;
  }
}
