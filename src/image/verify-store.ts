import { isOcupError } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import type { UnpackLimits } from '../native/layers.ts';
import { type Catalog, parseLocalSource } from './catalog.ts';
import type { Garbage } from './garbage.ts';
import { LayerCheck } from './layer-check.ts';
import type { LayerStore } from './layer-store.ts';
import type { ImageLayout } from './layout.ts';
import { entryName, nameOfSource, shownName } from './names.ts';
import type { RegistryClient } from './registry/client.ts';
import type { SnapshotStore } from './snapshots.ts';
import { openOrigin } from './source/open-origin.ts';
import type { Origin } from './source/origin.ts';
import { Verification, type VerifyProgress, type VerifyResult } from './verification.ts';

export interface VerifyRequest {
  /** Undefined: all that is here. */
  readonly nameOrId?: string | undefined;
  /** Whether what is damaged is fetched again. */
  readonly repairs: boolean;
  /** As in `PullRequest`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/** What verifying needs of the store. */
export interface VerifyStore {
  readonly layout: ImageLayout;
  readonly snapshots: SnapshotStore;
  readonly layers: LayerStore;
  readonly catalog: Catalog;
  readonly garbage: Garbage;
  readonly client: RegistryClient;
  readonly limits: UnpackLimits;
  /** The names of the containers that use a snapshot. */
  readonly usersOfChain: (chainId: Digest) => readonly string[];
}

/** The promise of `Images.verify`. @throws E_IMAGE_NOT_FOUND, E_CANCELLED */
export async function verifyStore(
  store: VerifyStore,
  { nameOrId, repairs, signal, onProgress = () => undefined }: VerifyRequest,
): Promise<VerifyResult> {
  const { layout, snapshots, layers, limits } = store;
  const entries = await entriesOf(store, nameOrId);
  const lease = store.garbage.lease();
  const verification = new Verification({
    layout,
    snapshots,
    layers,
    check: new LayerCheck(layout, snapshots, limits),
    lease,
    openOrigin: (entry) => openOriginOf(store, entry),
    usersOf: store.usersOfChain,
    exclusively: (work) => store.garbage.exclusively(work),
    repairs,
    signal,
    onProgress,
  });
  try {
    for (const entry of entries) await verification.verifyEntry(entry);
    const strays = nameOrId === undefined ? await layout.listBlobs() : [];
    for (const digest of strays) await verification.verifyStray(digest);
    return verification.result;
  } finally {
    lease.release();
  }
}

/** A damaged image is not found by what it holds, so its name comes first. */
async function entriesOf(
  { layout, catalog }: VerifyStore,
  nameOrId: string | undefined,
): Promise<readonly Descriptor[]> {
  if (nameOrId === undefined) return layout.entries;
  const named = layout.entries.filter((entry) => isNamed(entry, nameOrId));
  if (named.length > 0) return named;
  const damaged = await catalog.findDamaged(nameOrId);
  if (damaged !== undefined) return [damaged];
  const { image } = await catalog.get(nameOrId);
  return layout.entries.filter((entry) => entry.digest === image.targetDigest);
}

async function openOriginOf(
  { client, snapshots }: VerifyStore,
  entry: Descriptor,
): Promise<Origin | undefined> {
  const name = entryName(entry);
  const source = name === undefined ? undefined : parseLocalSource(name);
  if (source === undefined || source.kind === 'rootfs') return undefined;
  return openOrigin(source, { client, name: shownName(source), scratch: snapshots.folder });
}

function isNamed(entry: Descriptor, text: string): boolean {
  try {
    return entryName(entry) === nameOfSource(parseLocalSource(text));
  } catch (error) {
    if (isOcupError(error, 'E_IMAGE_REFERENCE')) return false;
    throw error;
  }
}
