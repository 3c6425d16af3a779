import { rename, rm } from 'node:fs/promises';

import { syncFolder } from '../base/atomic-file.ts';
import { cancelled } from '../base/abort.ts';
import { findErrno, messageOf } from '../base/errors.ts';
import { KeyedMutex } from '../base/keyed-mutex.ts';
import { Semaphore } from '../base/semaphore.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import {
  type LayerUnpack,
  type UnpackLimits,
  type UnpackResult,
  startUnpack,
} from '../native/layers.ts';
import { removeTree } from '../native/trees.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import { FileSync } from './file-sync.ts';
import { checkLayer, isDamage, shortDigest, unpackError } from './layer-errors.ts';
import { LayerProgress } from './layer-progress.ts';
import type { ImageLayout } from './layout.ts';
import type { SnapshotStore } from './snapshots.ts';
import type { Origin, OriginCall } from './source/origin.ts';

/** A layer that an image needs. */
export interface LayerPlan {
  readonly layer: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
  /** Chain IDs of the layers below, from the top. */
  readonly below: readonly Digest[];
}

export interface LayerCall {
  readonly origin: Origin;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
}

/** A layer that is here but not visible yet: a verified blob, an unpacked folder, or both. */
interface StagedLayer {
  readonly unpack: LayerUnpack | undefined;
  readonly blob: string | undefined;
  readonly folder: string | undefined;
}

/** How many blobs are on their way at once. */
const MAX_TRANSFERS = 6;

/**
 * Brings layers into the store: all layers of an image at once, each blob fetched once however many ask for it,
 * digested, stored and unpacked while it comes in. A layer becomes visible after those below it, when all of it is on
 * disk. Giving up leaves nothing but what is visible.
 */
export class LayerStore {
  private readonly layout: ImageLayout;
  private readonly snapshots: SnapshotStore;
  private readonly limits: UnpackLimits;
  private readonly fileSync: FileSync;
  private readonly chains = new KeyedMutex();
  private readonly blobs = new KeyedMutex();
  private readonly transfers = new Semaphore(MAX_TRANSFERS);
  /** Verified blobs that are not visible yet. */
  private readonly verified = new Map<Digest, string>();

  constructor(layout: ImageLayout, snapshots: SnapshotStore, limits: UnpackLimits) {
    this.layout = layout;
    this.snapshots = snapshots;
    this.limits = limits;
    this.fileSync = new FileSync([layout.folder, snapshots.folder]);
  }

  /** @throws E_IMAGE_… of the first layer that fails, after the others have ended; E_CANCELLED */
  async ensure(plans: readonly LayerPlan[], call: LayerCall): Promise<void> {
    const others = new AbortController();
    const signal = AbortSignal.any([call.signal, others.signal]);
    let failure: { readonly error: unknown } | undefined;
    let below: Promise<void> = Promise.resolve();
    const works = plans.map((plan) => {
      below = this.ensureOne(plan, below, { ...call, signal }).catch((error: unknown) => {
        failure ??= { error };
        others.abort();
        throw error;
      });
      return below;
    });
    await Promise.allSettled(works);
    if (failure !== undefined) throw failure.error;
  }

  private ensureOne(plan: LayerPlan, below: Promise<void>, call: LayerCall): Promise<void> {
    const { layer, chainId } = plan;
    const progress = new LayerProgress(layer, call.onProgress);
    const work = async (): Promise<void> => {
      const hasSnapshot = await this.snapshots.has(chainId);
      const hasBlob = await this.layout.hasBlob(layer);
      if (hasSnapshot && hasBlob) {
        progress.say('exists');
        return below;
      }
      progress.say('waiting');
      const staged = await this.stage(plan, { hasSnapshot, progress, call });
      try {
        await below;
        await this.commit(plan, staged, call);
      } catch (error) {
        await discard(staged);
        throw error;
      } finally {
        if (staged.blob !== undefined) this.verified.delete(layer.digest);
      }
      progress.say('done');
    };
    return this.chains.run(chainId, work, call.signal);
  }

  private stage(
    plan: LayerPlan,
    context: {
      readonly hasSnapshot: boolean;
      readonly progress: LayerProgress;
      readonly call: LayerCall;
    },
  ): Promise<StagedLayer> {
    const { signal } = context.call;
    const work = async (): Promise<StagedLayer> => {
      const source = await this.locate(plan.layer);
      return this.transfers.run(() => this.transfer(plan, source, context), signal);
    };
    return this.blobs.run(plan.layer.digest, work, signal);
  }

  /** The file that holds the blob already. */
  private async locate(layer: Descriptor): Promise<string | undefined> {
    const verified = this.verified.get(layer.digest);
    if (verified !== undefined) return verified;
    return (await this.layout.hasBlob(layer)) ? this.layout.blobPath(layer.digest) : undefined;
  }

  private async transfer(
    plan: LayerPlan,
    source: string | undefined,
    context: {
      readonly hasSnapshot: boolean;
      readonly progress: LayerProgress;
      readonly call: LayerCall;
    },
  ): Promise<StagedLayer> {
    const { layer } = plan;
    const { hasSnapshot, progress, call } = context;
    const blob = source === undefined ? this.layout.temporaryPath() : undefined;
    const folder = hasSnapshot ? undefined : await this.snapshots.stage();
    if (blob === undefined && folder === undefined) {
      return { unpack: undefined, blob, folder };
    }
    const isBase = plan.below.length === 0;
    const unpack = startUnpack({ source, blob, target: folder, isBase, limits: this.limits });
    const giveUp = (): void => unpack.cancel();
    call.signal.addEventListener('abort', giveUp, { once: true });
    let result: UnpackResult | undefined;
    try {
      if (call.signal.aborted) giveUp();
      if (source === undefined) await feed(unpack, layer, progress, call);
      progress.say('unpacking');
      result = await unpack.result;
      checkLayer(result, plan);
      if (blob !== undefined) this.verified.set(layer.digest, blob);
      return { unpack, blob, folder };
    } catch (error) {
      unpack.cancel();
      await unpack.result.catch(() => undefined);
      await discard({ unpack, blob, folder });
      if (source !== undefined && !call.signal.aborted) {
        const isStored = source === this.layout.blobPath(layer.digest);
        // Whoever had the blob verified has since given it its final name, or has given up.
        const isGone = findErrno(error) === 'ENOENT' && !isStored;
        if (isGone) return await this.transfer(plan, await this.locate(layer), context);
        if (isStored && isDamage(error)) {
          await rm(source, { force: true });
          return await this.transfer(plan, undefined, context);
        }
      }
      const isFalse = source === undefined && isDamage(error) && result?.digest !== layer.digest;
      const reason = messageOf(unpackError(error, layer));
      if (isFalse && call.origin.distrust?.(layer, reason, originCall(call)) === true) {
        progress.restart();
        return await this.transfer(plan, undefined, context);
      }
      throw call.signal.aborted ? cancelled(call.signal) : unpackError(error, layer);
    } finally {
      call.signal.removeEventListener('abort', giveUp);
    }
  }

  private async commit(plan: LayerPlan, staged: StagedLayer, call: LayerCall): Promise<void> {
    const { layer, chainId } = plan;
    if (staged.folder !== undefined && staged.unpack !== undefined) {
      const below = plan.below.map((id) => this.snapshots.path(id));
      try {
        const skipped = await staged.unpack.settle(below);
        tellSkipped(layer, skipped, call);
      } catch (error) {
        throw unpackError(error, layer);
      }
    }
    await this.fileSync.sync();
    if (call.signal.aborted) throw cancelled(call.signal);
    if (staged.blob !== undefined) {
      await rename(staged.blob, this.layout.blobPath(layer.digest));
      await syncFolder(`${this.layout.folder}/blobs/sha256`);
    }
    if (staged.folder !== undefined) await this.snapshots.commit(staged.folder, chainId);
  }
}

/** What the origin gives goes into the unpacking, as fast as both can. */
async function feed(
  unpack: LayerUnpack,
  layer: Descriptor,
  progress: LayerProgress,
  call: LayerCall,
): Promise<void> {
  progress.say('downloading');
  for await (const chunk of call.origin.blob(layer, originCall(call))) {
    await unpack.push(chunk);
    progress.received(chunk.length);
    if (unpack.hasEnded) break; // by an error, which its result tells
  }
  unpack.end();
}

function originCall({ signal, onProgress }: LayerCall): OriginCall {
  return {
    signal,
    onRetry: (reason, delayMs) => onProgress({ kind: 'retry', reason, delayMs }),
    onNotice: (message) => onProgress({ kind: 'warning', message }),
  };
}

function tellSkipped(
  layer: Descriptor,
  skipped: { readonly owners: number; readonly devices: number; readonly attributes: number },
  { onProgress }: LayerCall,
): void {
  const parts = Object.entries(skipped).flatMap(([what, count]) =>
    typeof count === 'number' && count > 0 ? [`${count} ${what}`] : [],
  );
  if (parts.length === 0) return;
  const message = `layer ${shortDigest(layer.digest)}: could not set ${parts.join(', ')} for want of privileges`;
  onProgress({ kind: 'warning', message });
}

async function discard({ unpack, blob, folder }: StagedLayer): Promise<void> {
  unpack?.cancel();
  if (blob !== undefined) await rm(blob, { force: true });
  if (folder !== undefined) await removeTree(folder);
}
