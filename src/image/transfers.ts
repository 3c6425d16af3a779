import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import { throwIfAborted } from '../base/abort.ts';
import { OcupError, isOcupError } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import type { Image } from '../model/image.ts';
import { formatPlatform } from '../model/platform.ts';
import type { LockedImage } from '../model/lock.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import { type Reference, formatReference, parseReference } from '../model/reference.ts';
import type { PushProgress } from '../model/transfer.ts';
import { type Catalog, parseLocalSource } from './catalog.ts';
import type { Garbage, Lease } from './garbage.ts';
import type { ImageReader } from './image-reader.ts';
import type { LayerStore } from './layer-store.ts';
import type { ImageLayout } from './layout.ts';
import { entryName, findFullName, keepTarget, shownName, withName } from './names.ts';
import { lockImage } from './lock-image.ts';
import { isImageEntry, parseWanted } from './platforms.ts';
import { bringIn } from './pull.ts';
import { pushImage } from './push.ts';
import type { RegistryClient } from './registry/client.ts';
import type { RegistryClients } from './registry/clients.ts';
import {
  type ArchiveFormat,
  type SavedArtifact,
  type SavedImage,
  saveArchive,
} from './save-archive.ts';
import {
  type ArchivedImage,
  type OpenArchive,
  openArchive,
  storedNames,
} from './source/open-archive.ts';
import { openOrigin } from './source/open-origin.ts';
import type { Origin } from './source/origin.ts';
import { type StoredImage, collectPlatform, collectStored } from './stored-image.ts';
import type { TarResult } from './tar/tar-file.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The parts of the image room that transfers work on. */
export interface TransferParts {
  readonly layout: ImageLayout;
  readonly reader: ImageReader;
  readonly catalog: Catalog;
  readonly layers: LayerStore;
  readonly garbage: Garbage;
  readonly clients: RegistryClients;
  /** Where archives may be unpacked for the time of an import. */
  readonly scratch: string;
}

export interface LoadRequest {
  /** An archive or a layout, absolute. */
  readonly path: string;
  readonly platform: string | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
  /** The names that an image gets, by those in the archive. Default: the same, where a registry could have them. */
  readonly rename?: (names: readonly string[]) => readonly string[];
}

export interface SaveRequest {
  /** Names or ids. */
  readonly images: readonly string[];
  /** Names in the archive, for those of `images` that get others. */
  readonly names?: ReadonlyMap<string, readonly string[]>;
  /** Absolute. */
  readonly path: string;
  readonly format: ArchiveFormat;
  /** Only the image for this platform. */
  readonly platform: string | undefined;
  readonly artifacts?: readonly SavedArtifact[];
  readonly mode?: number;
  readonly signal: AbortSignal;
  readonly onBytes?: (total: number) => void;
}

export interface PushRequest {
  /** A name or an id. */
  readonly image: string;
  /** The name it gets: `registry.example/team/app:1`. */
  readonly destination: string;
  /** Only the image for this platform. */
  readonly platform: string | undefined;
  readonly chunkBytes?: number;
  /** As in `PullRequest`. */
  readonly env?: Env | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PushProgress) => void;
}

export interface LockRequest {
  /** A source, its path absolute. */
  readonly image: string;
  readonly platforms: readonly string[];
  /** As in `PullRequest`. */
  readonly env?: Env | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
}

/** Blobs beyond this size are uploaded in pieces, so that a broken connection does not cost all of it. */
const CHUNK_BYTES = 64 * 1024 * 1024;

/** Images on their way between this store and files. */
export class Transfers {
  private readonly parts: TransferParts;

  constructor(parts: TransferParts) {
    this.parts = parts;
  }

  /** The digest that the source of `image` has for its name; what it names is not fetched. @throws E_IMAGE_… */
  resolve(image: string, signal: AbortSignal, env?: Env): Promise<Digest> {
    return this.reading(image, env, async (origin) => {
      const { descriptor } = await origin.resolve({ signal, onRetry: () => undefined });
      return descriptor.digest;
    });
  }

  /** Gives an image a further name. @throws E_IMAGE_NOT_FOUND, E_IMAGE_REFERENCE */
  async tag(nameOrId: string, name: string): Promise<Image> {
    const reference = parseReference(name);
    if (reference.digest !== undefined) {
      throw new OcupError('E_IMAGE_REFERENCE', `cannot name an image ${name}: a digest is no tag`);
    }
    const { entry } = await this.getStored(nameOrId);
    await this.giveNames(entry, [formatReference(reference)]);
    return this.getImage(entry);
  }

  /**
   * Brings all images of an archive in. Those without a name are kept without.
   * @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT, E_IMAGE_PLATFORM, E_IMAGE_DIGEST, E_IMAGE_UNPACK, E_CANCELLED
   */
  async load(request: LoadRequest): Promise<Image[]> {
    const archive = await this.openArchive(request.path);
    try {
      return await this.loadFrom(archive, request);
    } finally {
      await archive.close();
    }
  }

  /** The caller closes it. @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT */
  openArchive(path: string): Promise<OpenArchive> {
    return openArchive({ path, name: path, scratch: this.parts.scratch });
  }

  /** `load` of an archive that is open already. */
  async loadFrom(archive: OpenArchive, request: LoadRequest): Promise<Image[]> {
    if (archive.images.length === 0) {
      throw new OcupError('E_IMAGE_FORMAT', `cannot load ${request.path}: it holds no image`);
    }
    const lease = this.parts.garbage.lease();
    try {
      const loaded: Image[] = [];
      for (const image of archive.images) loaded.push(await this.loadOne(image, lease, request));
      return loaded;
    } finally {
      lease.release();
    }
  }

  /**
   * Writes images to an archive. @throws E_IMAGE_NOT_FOUND, E_IMAGE_PLATFORM, E_IMAGE_STORE, E_CANCELLED
   */
  async save(request: SaveRequest): Promise<TarResult> {
    const { layout, garbage } = this.parts;
    const lease = garbage.lease();
    try {
      const images: SavedImage[] = [];
      for (const name of request.images) {
        const found = await this.collect(name, request.platform);
        images.push({ ...found, names: request.names?.get(name) ?? found.names });
      }
      const needed = images.flatMap(({ stored }) => [...stored.documents, ...stored.blobs]);
      await lease.protect(needed.map(({ digest }) => digest));
      const { path, format, artifacts = [] } = request;
      return await saveArchive(path, { layout, images: merge(images), artifacts, format }, request);
    } finally {
      lease.release();
    }
  }

  /**
   * Pushes an image to a registry under `destination`. Of an index that is not complete here only the image for a
   * platform is pushed, and the caller is told.
   *
   * @throws E_IMAGE_NOT_FOUND, E_IMAGE_PLATFORM, E_IMAGE_DENIED, E_IMAGE_REGISTRY, E_IMAGE_STORE, E_CANCELLED
   */
  async push(request: PushRequest): Promise<Descriptor> {
    const { layout, clients, garbage } = this.parts;
    const { env, signal, onProgress, chunkBytes = CHUNK_BYTES } = request;
    const reference = parseReference(request.destination);
    const lease = garbage.lease();
    try {
      const stored = await this.collectForPush(request);
      await lease.protect([...stored.documents, ...stored.blobs].map(({ digest }) => digest));
      const findMount = await this.findMounts(reference);
      const context = { layout, reference, findMount, chunkBytes, signal, onProgress };
      return await clients.using(env, (client) => pushImage(stored, { ...context, client }));
    } finally {
      lease.release();
    }
  }

  /**
   * What an image is at its source now, for each of the platforms, empty for this machine. No layer is fetched.
   * @throws E_IMAGE_…, E_CANCELLED
   */
  async lock(request: LockRequest): Promise<LockedImage> {
    const { layout, layers, garbage } = this.parts;
    const { image, platforms, env, signal, onProgress } = request;
    const name = shownName(parseLocalSource(image));
    const lease = garbage.lease();
    try {
      return await this.reading(image, env, (origin) => {
        const context = { layout, layers, lease, origin, name, signal, onProgress };
        const wanted = platforms.map(parseWanted);
        return lockImage(context, wanted);
      });
    } finally {
      lease.release();
    }
  }

  /** A new empty folder for the time of a call; what a crash leaves of it is removed at the next start. */
  stage(): Promise<string> {
    return mkdtemp(join(this.parts.scratch, '.staged-bundle-'));
  }

  /** The entry of the index that a name or id stands for. @throws E_IMAGE_NOT_FOUND */
  async getStored(nameOrId: string): Promise<{
    readonly entry: Descriptor;
    readonly image: Image;
    readonly isById: boolean;
  }> {
    const { image, isById } = await this.parts.catalog.get(nameOrId);
    const entry = this.parts.layout.entries.find(({ digest }) => digest === image.targetDigest);
    if (entry !== undefined) return { entry, image, isById };
    throw new OcupError(
      'E_IMAGE_NOT_FOUND',
      `cannot use ${nameOrId}: it is a folder, not an image`,
    );
  }

  private async collectForPush(request: PushRequest): Promise<StoredImage> {
    const { layout, reader } = this.parts;
    const { image: name, platform } = request;
    const { entry } = await this.getStored(name);
    const parts = { layout, reader, name };
    const wanted = parseWanted(platform);
    if (wanted !== undefined) return collectPlatform(entry, wanted, parts);
    const whole = await collectStored(entry, parts);
    const missing = whole.missing.filter(isImageEntry);
    if (whole.missing.length === 0) return whole;
    const alone = await collectPlatform(entry, undefined, parts);
    const shown = alone.images.map(({ config }) => formatPlatform(config.platform)).join(', ');
    const others = missing.flatMap((item) =>
      item.platform === undefined ? [] : [formatPlatform(item.platform)],
    );
    const message = `pushes only the image for ${shown}: not all that its index names is here${others.length === 0 ? '' : ` (${others.join(', ')})`}`;
    request.onProgress({ kind: 'warning', message });
    return alone;
  }

  /** Repositories of the same registry that images here came from, by what they hold. */
  private async findMounts(to: Reference): Promise<(digest: Digest) => string | undefined> {
    const { layout, reader } = this.parts;
    const holders = new Map<Digest, string>();
    for (const entry of layout.entries) {
      const source = findReference(entryName(entry));
      if (source?.domain !== to.domain || source.repository === to.repository) continue;
      for (const { manifest } of await reader.listOf(entry)) {
        for (const { digest } of [manifest.config, ...manifest.layers]) {
          holders.set(digest, source.repository);
        }
      }
    }
    return (digest) => holders.get(digest);
  }

  private reading<T>(
    image: string,
    env: Env | undefined,
    work: (origin: Origin) => Promise<T>,
  ): Promise<T> {
    return this.parts.clients.using(env, async (client) => {
      const origin = await this.openOrigin(image, client);
      try {
        return await work(origin);
      } finally {
        await origin.close();
      }
    });
  }

  private openOrigin(image: string, client: RegistryClient): Promise<Origin> {
    const { scratch } = this.parts;
    const source = parseLocalSource(image);
    if (source.kind !== 'rootfs') {
      return openOrigin(source, { client, name: shownName(source), scratch });
    }
    throw new OcupError('E_IMAGE_REFERENCE', `cannot look up ${image}: nothing fixes a folder`);
  }

  private async collect(nameOrId: string, platform: string | undefined): Promise<SavedImage> {
    const { layout, reader } = this.parts;
    const { entry, image, isById } = await this.getStored(nameOrId);
    const parts = { layout, reader, name: nameOrId };
    const wanted = parseWanted(platform);
    const stored = await (wanted === undefined
      ? collectStored(entry, parts)
      : collectPlatform(entry, wanted, parts));
    if (isById) return { stored, names: [] };
    const names = image.names.filter((name) => isNamed(name, nameOrId));
    return { stored, names: names.length === 0 ? image.names : names };
  }

  private async loadOne(
    { names, origin }: ArchivedImage,
    lease: Lease,
    request: LoadRequest,
  ): Promise<Image> {
    const { layout, layers } = this.parts;
    const { signal, onProgress, rename = storedNames } = request;
    const platform = parseWanted(request.platform);
    const name = names[0] ?? request.path;
    const target = await bringIn({
      layout,
      layers,
      lease,
      origin,
      name,
      platform,
      signal,
      onProgress,
    });
    throwIfAborted(signal);
    const { mediaType, digest, size } = target;
    await this.giveNames({ mediaType, digest, size }, rename(names));
    const found = await this.parts.catalog.findTarget(target.digest, platform);
    if (found !== undefined) return found;
    throw new OcupError('E_IMAGE_STORE', `cannot find ${name} after it was loaded`);
  }

  private async giveNames(target: Descriptor, names: readonly string[]): Promise<void> {
    const { mediaType, digest, size } = target;
    const taggedAt = new Date().toISOString();
    const plain = { mediaType, digest, size };
    await this.parts.layout.update((entries) =>
      names.length === 0
        ? keepTarget(entries, plain, taggedAt)
        : names.reduce<readonly Descriptor[]>(
            (all, name) => withName(all, name, plain, taggedAt),
            entries,
          ),
    );
  }

  private async getImage(entry: Descriptor): Promise<Image> {
    const found = await this.parts.catalog.findTarget(entry.digest, undefined);
    if (found !== undefined) return found;
    throw new OcupError('E_IMAGE_NOT_FOUND', `no such image: ${entryName(entry) ?? entry.digest}`);
  }
}

function findReference(name: string | undefined): Reference | undefined {
  const full = name === undefined ? undefined : findFullName(name);
  return full === undefined ? undefined : parseReference(full);
}

function isNamed(name: string, typed: string): boolean {
  try {
    return formatReference(parseReference(typed)) === name;
  } catch (error) {
    if (isOcupError(error, 'E_IMAGE_REFERENCE')) return name === typed;
    throw error;
  }
}

/** An image that was named twice is one image with two names. */
function merge(images: readonly SavedImage[]): SavedImage[] {
  const merged = new Map<string, SavedImage>();
  for (const { stored, names } of images) {
    const known = merged.get(stored.target.digest);
    const all = new Set([...(known?.names ?? []), ...names]);
    merged.set(stored.target.digest, { stored, names: [...all] });
  }
  return [...merged.values()];
}
