import { join } from 'node:path';

import { throwIfAborted } from '../base/abort.ts';
import { OcupError, messageOf } from '../base/errors.ts';
import { KeyedMutex } from '../base/keyed-mutex.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import type { Image } from '../model/image.ts';
import type { Platform } from '../model/platform.ts';
import type { ImageSource } from '../model/reference.ts';
import type { UnpackLimits } from '../native/layers.ts';
import { exportTree } from '../native/trees.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import type { ImageDetails } from '../wire/image-calls.ts';
import { Catalog, withAbsolutePath } from './catalog.ts';
import { chainIds } from './chain-ids.ts';
import { parseObject } from './documents.ts';
import { Garbage } from './garbage.ts';
import { ImageReader } from './image-reader.ts';
import { type ImageUser, ImageUsers } from './image-users.ts';
import { LayerStore } from './layer-store.ts';
import { ImageLayout } from './layout.ts';
import { nameOfSource, shownName, withName, withPin } from './names.ts';
import { parseWanted } from './platforms.ts';
import { bringIn } from './pull.ts';
import type { RegistryClient } from './registry/client.ts';
import { RegistryClients } from './registry/clients.ts';
import { type PruneRequest, type PruneResult, Removal, type RemoveResult } from './removal.ts';
import { type RootView, openRootView } from './root-view.ts';
import { findRootfs, rootfsFolder } from './rootfs-image.ts';
import { SnapshotStore } from './snapshots.ts';
import { openOrigin } from './source/open-origin.ts';
import { Transfers } from './transfers.ts';
import type { VerifyResult } from './verification.ts';
import { type VerifyRequest, verifyStore } from './verify-store.ts';

export interface ImagesOptions {
  /** Holds `images/` and `snapshots/`. */
  readonly dataDir: string;
  /** The containers that use images or are being made from them, whatever state they are in. */
  readonly users: () => Iterable<ImageUser>;
  /**
   * Proxies, credentials, `OCUP_INSECURE_REGISTRIES`, `OCUP_MAX_LAYER_BYTES` and `OCUP_MAX_LAYER_ENTRIES`.
   * Default: that of this process.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly logger?: Logger;
  /** How long a registry may be silent. */
  readonly idleTimeoutMs?: number;
  /** Of the first pause before another try. */
  readonly retryDelayMs?: number;
}

export interface PullRequest {
  /** A path in it is absolute, or relative to this process's folder. */
  readonly source: ImageSource;
  /** `os/architecture[/variant]`; undefined: what runs on this machine. */
  readonly platform?: string | undefined;
  /** `always` asks the source what the name stands for now, `missing` only if the image is not here. */
  readonly policy: 'always' | 'missing' | 'never';
  /** Of whoever asks: proxies, credentials, settings of registries. Default: that of `ImagesOptions`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

type OriginSource = Exclude<ImageSource, { kind: 'rootfs' }>;

const DEFAULT_MAX_BYTES = 64 * 2 ** 30;
const DEFAULT_MAX_ENTRIES = 4_000_000;

/**
 * Opens the images below `dataDir`, which belongs to this process alone. What interrupted work left is removed.
 * @throws the system error when the folders cannot be made
 */
export async function openImages(options: ImagesOptions): Promise<Images> {
  const logger = options.logger ?? silentLogger;
  const layout = await ImageLayout.open(join(options.dataDir, 'images'), logger);
  const snapshots = await SnapshotStore.open(join(options.dataDir, 'snapshots'));
  return new Images(layout, snapshots, { ...options, logger });
}

/** The images of this machine: pulled, found, listed, removed. Calls may overlap. */
export class Images {
  /** To and from archives and registries. */
  readonly transfers: Transfers;
  private readonly layout: ImageLayout;
  private readonly snapshots: SnapshotStore;
  private readonly catalog: Catalog;
  private readonly layers: LayerStore;
  private readonly garbage: Garbage;
  private readonly clients: RegistryClients;
  private readonly pulls = new KeyedMutex();
  private readonly users: ImageUsers;
  private readonly removal: Removal;
  private readonly logger: Logger;
  private readonly limits: UnpackLimits;

  /** Use `openImages`. */
  constructor(
    layout: ImageLayout,
    snapshots: SnapshotStore,
    options: ImagesOptions & { readonly logger: Logger },
  ) {
    const env = options.env ?? process.env;
    this.layout = layout;
    this.snapshots = snapshots;
    this.users = new ImageUsers(options.users);
    this.logger = options.logger;
    const reader = new ImageReader(layout, snapshots);
    this.catalog = new Catalog(layout, reader);
    this.limits = {
      maxBytes: limit(env['OCUP_MAX_LAYER_BYTES'], DEFAULT_MAX_BYTES),
      maxEntries: limit(env['OCUP_MAX_LAYER_ENTRIES'], DEFAULT_MAX_ENTRIES),
    };
    this.layers = new LayerStore(layout, snapshots, this.limits);
    this.garbage = new Garbage(layout, snapshots, () => this.users.chains());
    const { idleTimeoutMs, retryDelayMs } = options;
    this.clients = new RegistryClients({ env, idleTimeoutMs, retryDelayMs });
    const { catalog, layers, garbage, clients, users } = this;
    this.removal = new Removal({ layout, catalog, garbage, users });
    const scratch = snapshots.folder;
    this.transfers = new Transfers({ layout, reader, catalog, layers, garbage, clients, scratch });
  }

  /** Ends connections. Pulls that still run fail. */
  close(): Promise<void> {
    return this.clients.close();
  }

  /**
   * Makes sure that an image is here, unpacked, and has the name of its source. Cancelling leaves whatever layers were
   * complete. Two pulls that need one layer fetch it once.
   *
   * @throws E_IMAGE_NOT_FOUND, E_IMAGE_DENIED, E_IMAGE_PLATFORM, E_IMAGE_REGISTRY, E_IMAGE_DIGEST, E_IMAGE_FORMAT,
   *   E_IMAGE_UNPACK, E_CANCELLED
   */
  async pull(request: PullRequest): Promise<Image> {
    const source = withAbsolutePath(request.source);
    const platform = parseWanted(request.platform);
    if (source.kind === 'rootfs') return getRootfs(source.path);
    // What a digest names does not change.
    const isFixed = source.kind === 'registry' && source.reference.digest !== undefined;
    const isAsked = request.policy === 'always' && !isFixed;
    const present = isAsked ? undefined : await this.catalog.find(source, platform);
    if (present !== undefined) {
      await this.pin(source);
      return present;
    }
    if (request.policy === 'never') {
      throw new OcupError('E_IMAGE_NOT_FOUND', `no such image: ${shownName(source)}`, {
        hint: 'Pull it first, or let the pull policy be missing.',
      });
    }
    const work = async (): Promise<Image> => {
      // Another call may have brought it in while this one waited.
      const found = isAsked ? undefined : await this.catalog.find(source, platform);
      if (found !== undefined) return found;
      return this.clients.using(request.env, (client) =>
        this.pullAlone(client, source, platform, request),
      );
    };
    return this.pulls.run(nameOfSource(source), work, request.signal);
  }

  /** The image of a source that is here with all its layers. @throws E_IMAGE_PLATFORM */
  find(source: ImageSource, platform?: string): Promise<Image | undefined> {
    return this.catalog.find(withAbsolutePath(source), parseWanted(platform));
  }

  /**
   * As `find`. `hold` is told of the image before anything of it can be removed, and makes `users` name it.
   * @throws E_IMAGE_PLATFORM
   */
  findHeld(
    source: ImageSource,
    platform: string | undefined,
    hold: (image: Image) => void,
  ): Promise<Image | undefined> {
    return this.garbage.findHeld(
      () => this.find(source, platform),
      (image) => image !== undefined && hold(image),
    );
  }

  /** By name (`nginx`, `oci:…`), id, or at least six digits of an id. @throws E_IMAGE_NOT_FOUND */
  async inspect(nameOrId: string, platform?: string): Promise<Image> {
    return (await this.catalog.get(nameOrId, parseWanted(platform))).image;
  }

  /** `inspect`, and the configuration as it is stored. */
  async details(nameOrId: string, platform?: string): Promise<ImageDetails> {
    const image = await this.inspect(nameOrId, platform);
    const bytes = await this.layout.findBytes(image.id);
    const config = bytes === undefined ? undefined : parseObject(bytes, nameOrId);
    return { image, config };
  }

  /** All images that are here with all their layers, those named last first; some may have lost their names. */
  list(): Promise<Image[]> {
    return this.catalog.list();
  }

  /** Names, or digests where there is none, of which some part is damaged or missing; `verify` repairs them. */
  damaged(): Promise<string[]> {
    return this.catalog.damaged();
  }

  /**
   * Takes a name away, and with the last name the image. By id, all its names are taken away. A damaged image goes with
   * `force` only, since nobody knows whose it is.
   *
   * @throws E_IMAGE_NOT_FOUND; E_IMAGE_STORE for a damaged one; E_IMAGE_IN_USE when a container uses it and this is its
   *   last name, unless `force` is set: then it stays without a name
   */
  remove(nameOrId: string, options: { readonly force: boolean }): Promise<RemoveResult> {
    return this.removal.remove(nameOrId, options);
  }

  /** Removes images without a name, or all, unless a container uses them; and what interrupted pulls left. */
  prune(request: PruneRequest): Promise<PruneResult> {
    return this.removal.prune(request);
  }

  /**
   * Digests every document and blob again, unpacks every layer once more beside its snapshot and compares them file by
   * file; what is damaged or missing is fetched again from where its image came from. Without `repairs` it only tells.
   * A snapshot that a container uses is never replaced; a repair that fails keeps what is there and says why.
   * Cancelling leaves what was repaired so far. `nameOrId` limits it to one image; all else is then left out.
   *
   * @throws E_IMAGE_NOT_FOUND for `nameOrId`, E_CANCELLED
   */
  verify(request: VerifyRequest): Promise<VerifyResult> {
    const { layout, snapshots, layers, catalog, garbage, limits } = this;
    const usersOfChain = (chainId: Digest): readonly string[] => this.users.ofChain(chainId);
    const store = { layout, snapshots, layers, catalog, garbage, limits, usersOfChain };
    return this.clients.using(request.env, (client) => verifyStore({ ...store, client }, request));
  }

  /** The folders of an image's layers from the top, as `lowerdir` of overlayfs wants them. */
  layerPaths(image: Image): string[] {
    const folder = rootfsFolder(image);
    if (folder !== undefined) return [folder];
    return chainIds(image.config.diffIds)
      .map((id) => this.snapshots.path(id))
      .reverse();
  }

  /** Read-only access to the image's files. */
  openRootView(image: Image): RootView {
    return openRootView(this.layerPaths(image));
  }

  /**
   * Writes the image's files as a plain tree into the empty folder `target`.
   * @throws E_IMAGE_UNPACK; part of the tree may then be left
   */
  async exportRootfs(image: Image, target: string): Promise<void> {
    const name = image.names[0] ?? image.id;
    try {
      const skipped = await exportTree(this.layerPaths(image), target);
      if (skipped === 0) return;
      this.logger.warn(`${name}: ${skipped} owners, devices or attributes could not be exported`);
    } catch (error) {
      const message = `cannot write the files of ${name}: ${messageOf(error)}`;
      throw new OcupError('E_IMAGE_UNPACK', message, { cause: error });
    }
  }

  private async pullAlone(
    client: RegistryClient,
    source: OriginSource,
    platform: Platform | undefined,
    { signal, onProgress = () => undefined }: PullRequest,
  ): Promise<Image> {
    const name = shownName(source);
    const { layout, layers } = this;
    const lease = this.garbage.lease();
    try {
      const origin = await openOrigin(source, { client, name, scratch: this.snapshots.folder });
      try {
        const context = { layout, layers, lease, origin, name, platform, signal, onProgress };
        const target = await bringIn(context);
        throwIfAborted(signal);
        return await this.giveName(source, target, platform);
      } finally {
        await origin.close();
      }
    } finally {
      lease.release();
    }
  }

  /** Who asks for a digest, as a locked project does, is to find it again when the tag it came by has moved. */
  private async pin(source: ImageSource): Promise<void> {
    if (source.kind !== 'registry' || source.reference.digest === undefined) return;
    const { digest } = source.reference;
    const name = nameOfSource(source);
    const add = (entries: readonly Descriptor[]): readonly Descriptor[] | undefined =>
      withPin(entries, name, digest);
    if (add(this.layout.entries) === undefined) return;
    await this.layout.update((entries) => add(entries) ?? entries);
  }

  private async giveName(
    source: OriginSource,
    target: Descriptor,
    platform: Platform | undefined,
  ): Promise<Image> {
    const { mediaType, digest, size } = target;
    const name = nameOfSource(source);
    const taggedAt = new Date().toISOString();
    await this.layout.update((entries) =>
      withName(entries, name, { mediaType, digest, size }, taggedAt),
    );
    const found = await this.catalog.find(source, platform);
    if (found !== undefined) return found;
    throw new OcupError('E_IMAGE_STORE', `cannot find ${shownName(source)} after it was pulled`);
  }
}

async function getRootfs(path: string): Promise<Image> {
  const found = await findRootfs(path);
  if (found !== undefined) return found;
  throw new OcupError('E_IMAGE_NOT_FOUND', `cannot find rootfs:${path}: no such folder`);
}

function limit(text: string | undefined, fallback: number): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : fallback;
}
