import { findErrno, isOcupError } from '../base/errors.ts';
import type { Descriptor, Manifest } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import type { ImageConfig } from '../model/image-config.ts';
import type { Platform } from '../model/platform.ts';
import { chainIds } from './chain-ids.ts';
import { type ImageDocument, parseDocument } from './documents.ts';
import { type ImageLayout, exists } from './layout.ts';
import { parseImageConfig } from './parse-image-config.ts';
import { hostPlatform, isCompatible, isImageEntry, selectEntries } from './platforms.ts';
import type { SnapshotStore } from './snapshots.ts';

/** An image as its documents describe it; its layers may be missing. */
export interface ReadImage {
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly chainIds: readonly Digest[];
}

/** What a target needs of the store. */
export interface Need {
  readonly blobs: readonly Digest[];
  readonly chains: readonly Digest[];
  /** How many images of it can be read; their layers may be missing. */
  readonly images: number;
  /** Documents that should be here and are damaged or missing: what they need is not known. */
  readonly lost: readonly Digest[];
}

/** How many parsed documents are remembered: they never change. */
const MAX_REMEMBERED = 500;

/** Reads images from the documents in the layout. What is missing or damaged is undefined. */
export class ImageReader {
  private readonly layout: ImageLayout;
  private readonly snapshots: SnapshotStore;
  private readonly documents = new Map<Digest, ImageDocument>();
  private readonly images = new Map<Digest, ReadImage>();

  constructor(layout: ImageLayout, snapshots: SnapshotStore) {
    this.layout = layout;
    this.snapshots = snapshots;
  }

  document(descriptor: Descriptor): Promise<ImageDocument | undefined> {
    return remember(this.documents, descriptor.digest, async () => {
      const bytes = await this.layout.findDocument(descriptor);
      if (bytes === undefined) return undefined;
      return parseDocument(bytes, descriptor.mediaType, descriptor.digest);
    });
  }

  /** The image of a manifest. */
  image(descriptor: Descriptor): Promise<ReadImage | undefined> {
    return remember(this.images, descriptor.digest, async () => {
      const document = await this.document(descriptor);
      if (document?.kind !== 'manifest') return undefined;
      const { manifest } = document;
      const bytes = await this.layout.findDocument(manifest.config);
      if (bytes === undefined) return undefined;
      const config = parseImageConfig(bytes, manifest.config.digest);
      return { descriptor, manifest, config, chainIds: chainIds(config.diffIds) };
    });
  }

  /** The image that a target (index or manifest) holds for a platform, with all its layers here. */
  async findFor(target: Descriptor, wanted: Platform | undefined): Promise<ReadImage | undefined> {
    const document = await this.document(target);
    if (document === undefined) return undefined;
    if (document.kind === 'manifest') {
      const image = await this.image(target);
      const fits =
        image !== undefined &&
        (wanted === undefined || isCompatible(image.config.platform, wanted));
      return fits && (await this.isUnpacked(image)) ? image : undefined;
    }
    for (const entry of entriesFor(document, wanted)) {
      const found = await this.findFor(entry, entry.platform === undefined ? wanted : undefined);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** All images of a target that have their layers here. */
  async listOf(target: Descriptor): Promise<ReadImage[]> {
    const document = await this.document(target);
    if (document?.kind === 'index') {
      const found = await Promise.all(
        document.index.manifests.filter(isImageEntry).map((entry) => this.listOf(entry)),
      );
      return found.flat();
    }
    const image = await this.image(target);
    return image !== undefined && (await this.isUnpacked(image)) ? [image] : [];
  }

  /**
   * What a target needs: every document and layer below it that is here or should be. What an index names need not be
   * here, except one image of it.
   */
  async reachable(target: Descriptor, mayBeAbsent = false): Promise<Need> {
    const document = await this.document(target);
    if (document === undefined) {
      const lost = await this.findLost(target, mayBeAbsent);
      return { blobs: [target.digest], chains: [], images: 0, lost };
    }
    if (document.kind === 'index') {
      const { manifests } = document.index;
      const parts = await Promise.all(manifests.map((entry) => this.reachable(entry, true)));
      const images = parts.reduce((sum, part) => sum + part.images, 0);
      const lost = parts.flatMap((part) => part.lost);
      const isEmpty = images === 0 && lost.length === 0 && !mayBeAbsent;
      return {
        blobs: [target.digest, ...parts.flatMap((part) => part.blobs)],
        chains: parts.flatMap((part) => part.chains),
        images,
        lost: isEmpty ? [target.digest] : lost,
      };
    }
    const { config, layers } = document.manifest;
    const image = await this.image(target);
    return {
      blobs: [target.digest, config.digest, ...layers.map((layer) => layer.digest)],
      chains: image?.chainIds ?? [],
      images: image === undefined ? 0 : 1,
      lost: image === undefined ? await this.findLost(config, mayBeAbsent) : [],
    };
  }

  /** A document that could not be read: lost, unless it is whole and of another form, or absent and may be. */
  private async findLost({ digest, ...rest }: Descriptor, mayBeAbsent: boolean): Promise<Digest[]> {
    const bytes = await undefinedIfUnreadable(() => this.layout.findDocument({ digest, ...rest }));
    if (bytes !== undefined) return [];
    const isAbsent = mayBeAbsent && !(await exists(this.layout.blobPath(digest)));
    return isAbsent ? [] : [digest];
  }

  private async isUnpacked(image: ReadImage): Promise<boolean> {
    const found = await Promise.all(image.chainIds.map((id) => this.snapshots.has(id)));
    return found.every((isThere) => isThere);
  }
}

async function remember<T>(
  remembered: Map<Digest, T>,
  digest: Digest,
  read: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const known = remembered.get(digest);
  if (known !== undefined) return known;
  const found = await undefinedIfUnreadable(read);
  if (found === undefined) return undefined;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(digest, found);
  return found;
}

/** An index may point at what is no image; here that is nothing. */
async function undefinedIfUnreadable<T>(
  read: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const isDamage = isOcupError(error, 'E_IMAGE_FORMAT') || isOcupError(error, 'E_IMAGE_DIGEST');
    // What a disk cannot give back is damaged like what it gives back wrongly.
    if (isDamage || ['EIO', 'EISDIR'].includes(findErrno(error) ?? '')) return undefined;
    throw error;
  }
}

function entriesFor(
  document: ImageDocument & { kind: 'index' },
  wanted: Platform | undefined,
): readonly Descriptor[] {
  try {
    return selectEntries(document.index, wanted ?? hostPlatform(), '');
  } catch (error) {
    if (isOcupError(error, 'E_IMAGE_PLATFORM')) return [];
    throw error;
  }
}
