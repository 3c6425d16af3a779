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

/** Blobs and snapshots that entries of the index need. */
export interface Reachable {
  readonly blobs: ReadonlySet<Digest>;
  readonly chains: ReadonlySet<Digest>;
  /** Names of entries, or their digests, of which a document is damaged or missing: what they need is not known. */
  readonly damaged: readonly string[];
}

/** What a decision to remove came to. */
export interface Decision {
  /** By the entries that are left. */
  readonly needed: Reachable;
  /** By the entries that were removed. */
  readonly released: Reachable;
}

/**
 * Removes what nothing needs any more: no entry of the index, no container, no lease. Whoever brings something in holds
 * a lease on it, so that it is not taken away between being found and being named.
 *
 * INVARIANT: collecting and protecting exclude each other.
 * INVARIANT: what `findHeld` found and nothing has let go of is not collected.
 */
export class Garbage {
  private readonly leases = new Set<Set<Digest>>();
  private readonly gate = new Semaphore(1);
  private readonly layout: ImageLayout;
  private readonly snapshots: SnapshotStore;
  private readonly chainsInUse: () => ReadonlySet<Digest>;
  /** Odd while something may be taken away. */
  private changes = 0;

  /** `chainsInUse` gives the snapshots below containers, whatever the documents say of their images. */
  constructor(
    layout: ImageLayout,
    snapshots: SnapshotStore,
    chainsInUse: () => ReadonlySet<Digest>,
  ) {
    this.layout = layout;
    this.snapshots = snapshots;
    this.chainsInUse = chainsInUse;
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

  /**
   * What `find` finds. `hold` is told of it before anything can be taken away, and makes it known as being in use.
   * Overlapping calls do not wait for each other.
   */
  async findHeld<T>(find: () => Promise<T>, hold: (found: T) => void): Promise<T> {
    for (;;) {
      while (this.changes % 2 === 1) await this.gate.run(() => Promise.resolve());
      const before = this.changes;
      const found = await find();
      if (this.changes !== before) continue;
      hold(found);
      return found;
    }
  }

  /** Runs `work`, which may take something away that is not in use, while nothing is found, protected or collected. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.gate.run(async () => {
      this.changes += 1;
      try {
        return await work();
      } finally {
        this.changes += 1;
      }
    });
  }

  /**
   * Removes what is not needed after a decision, which is made while nothing is found or protected; undefined: nothing.
   * While an entry is damaged, only what the removed entries needed goes, since all else may be its own. Resolves with
   * the bytes that are free.
   */
  async collect(decide: () => Promise<Decision | undefined>): Promise<number> {
    const { hidden, freedBytes } = await this.exclusively(async () => {
      const decision = await decide();
      return decision === undefined ? { hidden: [], freedBytes: 0 } : this.takeAway(decision);
    });
    let total = freedBytes;
    for (const folder of hidden) total += await removeTree(folder);
    return total;
  }

  private async takeAway({
    needed,
    released,
  }: Decision): Promise<{ readonly hidden: readonly string[]; readonly freedBytes: number }> {
    const used = this.chainsInUse();
    const isKnown = needed.damaged.length === 0;
    const isLeased = (digest: Digest): boolean => [...this.leases].some((held) => held.has(digest));
    const idle = (await this.snapshots.list()).filter(
      (id) => !needed.chains.has(id) && !used.has(id) && (isKnown || released.chains.has(id)),
    );
    const hidden: string[] = [];
    for (const id of idle) if (!isLeased(id)) hidden.push(await this.snapshots.hide(id));
    let freedBytes = 0;
    for (const digest of await this.layout.listBlobs()) {
      const isIdle = !needed.blobs.has(digest) && (isKnown || released.blobs.has(digest));
      if (isIdle && !isLeased(digest)) freedBytes += await removeFile(this.layout.blobPath(digest));
    }
    return { hidden, freedBytes };
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
