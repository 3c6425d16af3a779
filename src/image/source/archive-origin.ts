import { OcupError } from '../../base/errors.ts';
import { removeTree } from '../../native/trees.ts';
import { isName } from '../names.ts';
import { type SavedImage, readSavedImages, savedOrigin } from './docker-archive.ts';
import { layoutOrigin } from './layout-origin.ts';
import type { Origin } from './origin.ts';
import { type ArchiveSource, unpackArchive } from './unpack-archive.ts';

/** An archive, and which of its images is meant. */
export interface TaggedArchive extends ArchiveSource {
  readonly tag: string | undefined;
}

/** An OCI image layout in a tar file, compressed or not. @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT */
export async function ociArchiveOrigin(source: TaggedArchive): Promise<Origin> {
  const folder = await unpackArchive(source);
  return closingWith(layoutOrigin(folder, source.tag, source.name), folder);
}

/**
 * What `docker save` writes: `manifest.json` beside configurations and layers, in the old form (a folder a layer)
 * or the new one (a layout as well). @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT
 */
export async function dockerArchiveOrigin(source: TaggedArchive): Promise<Origin> {
  const folder = await unpackArchive(source);
  try {
    const image = selectImage(await readSavedImages(folder, source.name), source);
    return closingWith(await savedOrigin(folder, image, source.name), folder);
  } catch (error) {
    await removeTree(folder);
    throw error;
  }
}

function closingWith(origin: Origin, folder: string): Origin {
  return { ...origin, close: () => removeTree(folder).then(() => undefined) };
}

/** A tag is the whole name (`app:1`) or only what is behind its colon. */
function selectImage(images: readonly SavedImage[], { tag, name }: TaggedArchive): SavedImage {
  const found =
    tag === undefined
      ? images
      : images.filter((image) => image.tags.some((written) => isName(written, tag)));
  const [first] = found;
  const tags = images.flatMap((image) => image.tags);
  const hint = tags.length === 0 ? undefined : `It holds ${tags.slice(0, 10).join(', ')}.`;
  if (first === undefined) {
    throw new OcupError('E_IMAGE_NOT_FOUND', `cannot find ${name}: the archive has no such image`, {
      hint,
    });
  }
  if (found.length > 1) {
    throw new OcupError('E_IMAGE_NOT_FOUND', `cannot choose an image of ${name}: it has several`, {
      hint,
    });
  }
  return first;
}
