import { rename, rm } from 'node:fs/promises';

import { throwIfAborted } from '../base/abort.ts';
import { OcupError, isOcupError, messageOf } from '../base/errors.ts';
import type { Descriptor, Manifest } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import { chainIds } from './chain-ids.ts';
import { parseDocument } from './documents.ts';
import type { Lease } from './garbage.ts';
import type { LayerCheck, LayerFault } from './layer-check.ts';
import type { LayerPlan, LayerStore } from './layer-store.ts';
import { describeUsers } from './image-users.ts';
import { type ImageLayout, exists } from './layout.ts';
import { entryName } from './names.ts';
import { parseImageConfig } from './parse-image-config.ts';
import { hostPlatform, selectEntries } from './platforms.ts';
import { planLayers } from './pull.ts';
import type { SnapshotStore } from './snapshots.ts';
import type { Origin } from './source/origin.ts';

/** Something in the store that is not what its digest says. */
export interface VerifyFinding {
  readonly kind: 'document' | 'blob' | 'snapshot';
  /** Of the document or blob; the chain ID of a snapshot. */
  readonly digest: Digest;
  /** The name of an image that needs it; undefined where none does, or it has none. */
  readonly image: string | undefined;
  /** What is wrong: `missing`, `usr/bin/env: content`. */
  readonly fault: string;
  /** `kept`: still as it was, because repairing was not asked for or for the reason that `obstacle` gives. */
  readonly outcome: 'repaired' | 'removed' | 'kept';
  readonly obstacle: string | undefined;
}

export interface VerifyResult {
  /** How many documents, blobs and snapshots were looked at. */
  readonly checked: {
    readonly documents: number;
    readonly blobs: number;
    readonly snapshots: number;
  };
  readonly findings: readonly VerifyFinding[];
}

/** What is looked at next. */
export interface VerifyProgress {
  readonly kind: 'document' | 'layer';
  readonly digest: Digest;
}

export interface VerifyContext {
  readonly layout: ImageLayout;
  readonly snapshots: SnapshotStore;
  readonly layers: LayerStore;
  readonly check: LayerCheck;
  readonly lease: Lease;
  /** Where the image of an entry came from; undefined: nobody knows. The caller closes it. */
  readonly openOrigin: (entry: Descriptor) => Promise<Origin | undefined>;
  /** The containers that use a snapshot, by its chain ID. */
  readonly usersOf: (chainId: Digest) => readonly string[];
  /** Runs `work` while no container comes to use a snapshot. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  readonly repairs: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: VerifyProgress) => void;
}

interface Fault {
  readonly kind: VerifyFinding['kind'];
  readonly digest: Digest;
  readonly fault: string;
}

/** Verifies entries of the index one after the other; what several of them need is looked at once. */
export class Verification {
  private readonly context: VerifyContext;
  private readonly seen = new Set<Digest>();
  private readonly findings: VerifyFinding[] = [];
  private readonly checked = { documents: 0, blobs: 0, snapshots: 0 };
  /** Blobs that stay damaged: nothing above them can be looked at. */
  private readonly lost = new Set<Digest>();

  constructor(context: VerifyContext) {
    this.context = context;
  }

  get result(): VerifyResult {
    return { checked: { ...this.checked }, findings: [...this.findings] };
  }

  /** All that the image of an entry needs, in the order from the index down and from the base up. */
  async verifyEntry(entry: Descriptor): Promise<void> {
    let origin: Promise<Origin | undefined> | undefined;
    const open = (): Promise<Origin | undefined> => (origin ??= this.context.openOrigin(entry));
    try {
      await this.verifyTarget(entry, { entry, open, isNeeded: true });
    } finally {
      await (await origin?.catch(() => undefined))?.close();
    }
  }

  /** A blob that no entry needs: damaged, it is taken away. */
  async verifyStray(digest: Digest): Promise<void> {
    if (this.seen.has(digest)) return;
    const { layout, repairs } = this.context;
    const fault = await this.context.check.findBlobFault(digest, this.context.signal);
    this.checked.blobs += 1;
    if (fault === undefined) return;
    if (repairs) await rm(layout.blobPath(digest), { force: true });
    const outcome = repairs ? 'removed' : 'kept';
    this.findings.push({
      kind: 'blob',
      digest,
      image: undefined,
      fault,
      outcome,
      obstacle: undefined,
    });
  }

  /** How many images were found complete enough to be looked at. */
  private async verifyTarget(target: Descriptor, way: Way): Promise<number> {
    const bytes = await this.verifyDocument(target, way);
    if (bytes === undefined) return 0;
    let document;
    try {
      document = parseDocument(bytes, target.mediaType, target.digest);
    } catch (error) {
      if (isOcupError(error, 'E_IMAGE_FORMAT')) return 0; // an index may name what is no image
      throw error;
    }
    if (document.kind === 'manifest') {
      return (await this.verifyManifest(document.manifest, way)) ? 1 : 0;
    }
    const { manifests } = document.index;
    let count = 0;
    for (const item of manifests) {
      count += await this.verifyTarget(item, { ...way, isNeeded: false });
    }
    if (count > 0 || !way.isNeeded) return count;
    // The manifest that was chosen is gone: it is the one for this machine.
    const [chosen] = selectEntries(document.index, hostPlatform(), target.digest);
    return chosen === undefined ? 0 : this.verifyTarget(chosen, way);
  }

  private async verifyManifest(manifest: Manifest, way: Way): Promise<boolean> {
    const bytes = await this.verifyDocument(manifest.config, { ...way, isNeeded: true });
    if (bytes === undefined) return true;
    const config = parseImageConfig(bytes, manifest.config.digest);
    const chain = chainIds(config.diffIds);
    await this.context.lease.protect(chain);
    const present = await Promise.all(chain.map((id) => this.context.snapshots.has(id)));
    // An image of another platform whose documents were only looked at.
    if (!present.some((isThere) => isThere) && !way.isNeeded) return false;
    for (const plan of planLayers(manifest, config, manifest.config.digest)) {
      await this.verifyLayer(plan, way);
    }
    return true;
  }

  /** The document, repaired if need be; undefined: it is not here, or lost. */
  private async verifyDocument(descriptor: Descriptor, way: Way): Promise<Buffer | undefined> {
    const { layout, lease, signal, onProgress } = this.context;
    throwIfAborted(signal);
    await lease.protect([descriptor.digest]);
    const isNew = !this.seen.has(descriptor.digest);
    const present = await layout.findDocument(descriptor);
    const isThere = present !== undefined || (await exists(layout.blobPath(descriptor.digest)));
    if (!isThere && !way.isNeeded) return undefined;
    if (isNew) {
      this.seen.add(descriptor.digest);
      this.checked.documents += 1;
      onProgress({ kind: 'document', digest: descriptor.digest });
    }
    if (present !== undefined || !isNew) return present;
    const fault = isThere ? 'content' : 'missing';
    let fetched: Buffer | undefined;
    const found = { kind: 'document', digest: descriptor.digest, fault } as const;
    await this.repair(found, way, async (origin) => {
      fetched = await origin.document(descriptor, quietly(signal));
      await layout.addDocument(descriptor, fetched);
    });
    return fetched;
  }

  private async verifyLayer(plan: LayerPlan, way: Way): Promise<void> {
    const { lease, usersOf, repairs, onProgress } = this.context;
    const { layer, chainId } = plan;
    if (this.seen.has(chainId)) return;
    this.seen.add(chainId);
    await lease.protect([layer.digest]);
    onProgress({ kind: 'layer', digest: layer.digest });
    if (!this.seen.has(layer.digest)) this.checked.blobs += 1;
    this.seen.add(layer.digest);
    let fault = await this.findFault(plan);
    if (fault?.kind === 'blob') {
      const found = { kind: 'blob', digest: layer.digest, fault: fault.reason } as const;
      const isRepaired = await this.repair(found, way, (origin) => this.fetchAgain(plan, origin));
      fault = isRepaired ? await this.findFault(plan) : undefined;
      if (!isRepaired) this.lost.add(chainId);
    }
    if (!this.lost.has(chainId)) this.checked.snapshots += 1;
    if (fault === undefined) return;
    const { isReplaced, reason } = fault;
    if (!isReplaced) this.lost.add(chainId);
    const users = usersOf(chainId);
    this.findings.push({
      kind: 'snapshot',
      digest: chainId,
      image: entryName(way.entry),
      fault: reason,
      outcome: isReplaced ? 'repaired' : 'kept',
      obstacle: repairs && !isReplaced ? describeUsers(users) : undefined,
    });
  }

  /** Above a layer that stays damaged only the blob can be looked at. */
  private async findFault(plan: LayerPlan): Promise<LayerFault | undefined> {
    const { check, repairs, signal } = this.context;
    if (plan.below.every((id) => !this.lost.has(id))) {
      const replacing = (replace: () => Promise<void>): Promise<boolean> =>
        this.replaceUnused(plan.chainId, replace);
      return check.find(plan, { replacing: repairs ? replacing : undefined, signal });
    }
    this.lost.add(plan.chainId);
    const reason = await check.findBlobFault(plan.layer.digest, signal);
    return reason === undefined ? undefined : { kind: 'blob', reason, isReplaced: false };
  }

  /** What is below a container stays as it is; what is missing there may come back. */
  private replaceUnused(chainId: Digest, replace: () => Promise<void>): Promise<boolean> {
    const { exclusively, usersOf, snapshots } = this.context;
    return exclusively(async () => {
      if (usersOf(chainId).length > 0 && (await snapshots.has(chainId))) return false;
      await replace();
      return true;
    });
  }

  private async fetchAgain(plan: LayerPlan, origin: Origin): Promise<void> {
    const { layout, layers, signal } = this.context;
    const path = layout.blobPath(plan.layer.digest);
    const aside = layout.temporaryPath();
    const isThere = await exists(path);
    if (isThere) await rename(path, aside);
    try {
      await layers.ensure([plan], { origin, signal, onProgress: () => undefined });
    } catch (error) {
      if (isThere) await rename(aside, path);
      throw error;
    }
    await rm(aside, { force: true });
  }

  /** Notes what was found, and repairs it from where the image came from. False: it stays as it is. */
  private async repair(
    found: Fault,
    way: Way,
    work: (origin: Origin) => Promise<void>,
  ): Promise<boolean> {
    const image = entryName(way.entry);
    let obstacle: string | undefined;
    if (this.context.repairs) {
      try {
        const origin = await way.open();
        if (origin === undefined) {
          throw new OcupError('E_IMAGE_NOT_FOUND', 'nobody knows where it came from');
        }
        await work(origin);
        this.findings.push({ ...found, image, outcome: 'repaired', obstacle });
        return true;
      } catch (error) {
        if (!isOcupError(error) || isOcupError(error, 'E_CANCELLED')) throw error;
        obstacle = messageOf(error);
      }
    }
    this.findings.push({ ...found, image, outcome: 'kept', obstacle });
    return false;
  }
}

/** How a document or layer was come to. */
interface Way {
  readonly entry: Descriptor;
  readonly open: () => Promise<Origin | undefined>;
  /** Whether it must be here; entries of an index are here when somebody wanted them. */
  readonly isNeeded: boolean;
}

function quietly(signal: AbortSignal): { signal: AbortSignal; onRetry: () => void } {
  return { signal, onRetry: () => undefined };
}
