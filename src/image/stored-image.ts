import { OcupError, isOcupError } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Platform } from '../model/platform.ts';
import type { ImageReader, ReadImage } from './image-reader.ts';
import type { ImageLayout } from './layout.ts';
import { isImageEntry } from './platforms.ts';

/** What is here of an index or a manifest, complete images only. */
export interface StoredImage {
  /** What the name stands for: index or manifest. */
  readonly target: Descriptor;
  /** Indexes and manifests, what is named before what names it. */
  readonly documents: readonly Descriptor[];
  /** Configurations and layers, each once. */
  readonly blobs: readonly Descriptor[];
  readonly images: readonly ReadImage[];
  /** Entries of an index whose images are not here, such as those for other platforms. */
  readonly missing: readonly Descriptor[];
}

/** What is to be read, and from where. */
export interface StoredParts {
  readonly layout: ImageLayout;
  readonly reader: ImageReader;
  /** How the user calls it. */
  readonly name: string;
}

/**
 * Collects what is here of `target`, to be saved or pushed.
 * @throws E_IMAGE_STORE when not one of its images is here with all blobs
 */
export async function collectStored(target: Descriptor, parts: StoredParts): Promise<StoredImage> {
  const found = await collect(target, parts);
  if (found !== undefined && found.images.length > 0) return found;
  throw new OcupError('E_IMAGE_STORE', `cannot read ${parts.name}: some of its blobs are gone`, {
    hint: `Fetch it again: ocup image pull ${parts.name}`,
  });
}

/** The same for one manifest only, the one for a platform. @throws E_IMAGE_PLATFORM, E_IMAGE_STORE */
export async function collectPlatform(
  target: Descriptor,
  platform: Platform | undefined,
  parts: StoredParts,
): Promise<StoredImage> {
  const image = await parts.reader.findFor(target, platform);
  if (image !== undefined) return collectStored(plainDescriptor(image.descriptor), parts);
  throw new OcupError('E_IMAGE_PLATFORM', `${parts.name} is not here for that platform`, {
    hint: `Pull it first: ocup image pull --platform PLATFORM ${parts.name}`,
  });
}

/** A descriptor without what an index says about it. */
export function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

async function collect(target: Descriptor, parts: StoredParts): Promise<StoredImage | undefined> {
  const { layout, reader } = parts;
  const document = await reader.document(target);
  if (document === undefined) return undefined;
  if (document.kind === 'manifest') {
    const image = await reader.image(target);
    if (image === undefined) return undefined;
    const { config, layers } = image.manifest;
    const blobs = [config, ...layers.filter(isDistributable)];
    for (const blob of blobs) if (!(await layout.hasBlob(blob))) return undefined;
    return { target, documents: [target], blobs: unique(blobs), images: [image], missing: [] };
  }
  const entries = document.index.manifests;
  const found: StoredImage[] = [];
  const missing: Descriptor[] = [];
  for (const entry of entries) {
    const child = await collectEntry(entry, parts);
    if (child === undefined) missing.push(entry);
    else found.push(child);
  }
  return {
    target,
    documents: [...unique(found.flatMap((child) => child.documents)), target],
    blobs: unique(found.flatMap((child) => child.blobs)),
    images: found.flatMap((child) => child.images),
    missing: [...missing, ...found.flatMap((child) => child.missing)],
  };
}

/** An index may name what is no image, such as a statement about one. */
async function collectEntry(
  entry: Descriptor,
  parts: StoredParts,
): Promise<StoredImage | undefined> {
  if (!isImageEntry(entry)) return undefined;
  try {
    return await collect(entry, parts);
  } catch (error) {
    if (isOcupError(error, 'E_IMAGE_FORMAT')) return undefined;
    throw error;
  }
}

/** A layer that registries may not keep is named by address, and fetched from there. */
export function isDistributable(layer: Descriptor): boolean {
  return !/foreign|nondistributable/.test(layer.mediaType);
}

function unique(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((item) => [item.digest, item])).values()];
}
