import { rename } from 'node:fs/promises';

import { syncFolder } from '../base/atomic-file.ts';
import { cancelled, throwIfAborted } from '../base/abort.ts';
import { findErrno, isOcupError, messageOf } from '../base/errors.ts';
import type { Digest } from '../model/digest.ts';
import { type UnpackLimits, startUnpack } from '../native/layers.ts';
import { findDifference, removeTree, syncFileSystem } from '../native/trees.ts';
import { checkLayer, isDamage } from './layer-errors.ts';
import type { LayerPlan } from './layer-store.ts';
import type { ImageLayout } from './layout.ts';
import type { SnapshotStore } from './snapshots.ts';

/** What is wrong with a layer; `reason` is for people. */
export interface LayerFault {
  readonly kind: 'blob' | 'snapshot';
  readonly reason: string;
  /** Whether the snapshot has been replaced by what its blob unpacks to. */
  readonly isReplaced: boolean;
}

export interface LayerCheckOptions {
  /** Runs the replacing of a snapshot that differs when that may be; false: it may not. Undefined: never. */
  readonly replacing: ((replace: () => Promise<void>) => Promise<boolean>) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Holds a layer in the store against its digests: digests the blob, unpacks it once more beside the snapshot, and
 * compares the two file by file.
 */
export class LayerCheck {
  private readonly layout: ImageLayout;
  private readonly snapshots: SnapshotStore;
  private readonly limits: UnpackLimits;

  constructor(layout: ImageLayout, snapshots: SnapshotStore, limits: UnpackLimits) {
    this.layout = layout;
    this.snapshots = snapshots;
    this.limits = limits;
  }

  /**
   * The first fault of a layer; those below it must be sound. A blob that is missing or damaged comes first, since
   * nothing can be compared without it. Leaves nothing but, if asked for, the new snapshot.
   * @throws E_CANCELLED, and system errors that are not the layer's fault
   */
  async find(plan: LayerPlan, options: LayerCheckOptions): Promise<LayerFault | undefined> {
    const { signal, replacing } = options;
    const staged = await this.snapshots.stage();
    try {
      const fault = await this.unpack(plan, staged, signal);
      if (fault !== undefined) return fault;
      throwIfAborted(signal);
      const difference = await this.compare(plan, staged);
      if (difference === undefined) return undefined;
      const isReplaced = replacing !== undefined && (await this.replace(plan, staged, replacing));
      return { kind: 'snapshot', reason: difference, isReplaced };
    } finally {
      await removeTree(staged);
    }
  }

  /** What is wrong with a blob as such; undefined: nothing. @throws as `find` */
  async findBlobFault(digest: Digest, signal: AbortSignal): Promise<string | undefined> {
    throwIfAborted(signal);
    const source = this.layout.blobPath(digest);
    const { limits } = this;
    const reading = startUnpack({
      source,
      blob: undefined,
      target: undefined,
      isBase: true,
      limits,
    });
    const giveUp = (): void => reading.cancel();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const found = await reading.result;
      return found.digest === digest ? undefined : `it has the digest ${found.digest}`;
    } catch (error) {
      if (signal.aborted) throw cancelled(signal);
      if (findErrno(error) === 'ENOENT') return 'missing';
      if (findErrno(error) === 'EIO') return messageOf(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  private async unpack(
    plan: LayerPlan,
    staged: string,
    signal: AbortSignal,
  ): Promise<LayerFault | undefined> {
    throwIfAborted(signal);
    const source = this.layout.blobPath(plan.layer.digest);
    const isBase = plan.below.length === 0;
    const unpack = startUnpack({
      source,
      blob: undefined,
      target: staged,
      isBase,
      limits: this.limits,
    });
    const giveUp = (): void => unpack.cancel();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      checkLayer(await unpack.result, plan);
      await unpack.settle(plan.below.map((id) => this.snapshots.path(id)));
      return undefined;
    } catch (error) {
      if (signal.aborted) throw cancelled(signal);
      if (findErrno(error) === 'ENOENT') return blobFault('missing');
      // What the disk cannot read is lost as well.
      if (findErrno(error) === 'EIO' || isDamage(error) || isOcupError(error)) {
        return blobFault(messageOf(error));
      }
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
      unpack.cancel();
    }
  }

  private async compare({ chainId }: LayerPlan, staged: string): Promise<string | undefined> {
    if (!(await this.snapshots.has(chainId))) return 'missing';
    try {
      return await findDifference(staged, this.snapshots.path(chainId));
    } catch (error) {
      if (findErrno(error) === 'EIO' || findErrno(error) === 'ENOENT') return messageOf(error);
      throw error;
    }
  }

  private async replace(
    { chainId }: LayerPlan,
    staged: string,
    replacing: (replace: () => Promise<void>) => Promise<boolean>,
  ): Promise<boolean> {
    await syncFileSystem(this.snapshots.folder);
    let old: string | undefined;
    const isReplaced = await replacing(async () => {
      const isThere = await this.snapshots.has(chainId);
      if (isThere) old = await this.snapshots.hide(chainId);
      await rename(staged, this.snapshots.path(chainId));
    });
    if (!isReplaced) return false;
    await syncFolder(this.snapshots.folder);
    if (old !== undefined) await removeTree(old);
    return true;
  }
}

function blobFault(reason: string): LayerFault {
  return { kind: 'blob', reason, isReplaced: false };
}
