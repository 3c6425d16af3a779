import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { findErrno, isOcupError } from '../../base/errors.ts';
import type { Descriptor } from '../../model/descriptor.ts';
import { removeTree } from '../../native/trees.ts';
import { parseObject } from '../documents.ts';
import { REF_NAME, exists } from '../layout.ts';
import { findFullName } from '../names.ts';
import { isImageEntry } from '../platforms.ts';
import { readSavedImages, savedOrigin } from './docker-archive.ts';
import { layoutEntryOrigin, readLayoutIndex } from './layout-origin.ts';
import type { Origin } from './origin.ts';
import { type ArchiveSource, unpackArchive } from './unpack-archive.ts';

/** The whole name of an entry, where `ref.name` is only the tag. Docker and containerd write it. */
export const IMAGE_NAME = 'io.containerd.image.name';

export interface ArchivedImage {
  /** As they are written in the archive; none for an image that was saved by its id. */
  readonly names: readonly string[];
  readonly origin: Origin;
}

/** An archive or a layout with all that it holds. */
export interface OpenArchive {
  /** Where it is unpacked. */
  readonly folder: string;
  readonly images: readonly ArchivedImage[];
  /** Entries of its index that are no images. */
  readonly artifacts: readonly Descriptor[];
  close(): Promise<void>;
}

/**
 * Opens what `save` of Docker, podman, skopeo or ocup wrote: a layout in an archive or a folder, or `manifest.json`
 * with configurations and layers. Where both are there the layout is read, since its digests are those of registries.
 *
 * @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT
 */
export async function openArchive(source: ArchiveSource): Promise<OpenArchive> {
  const isFolder = await isDirectory(source.path);
  const folder = isFolder ? source.path : await unpackArchive(source);
  const close = async (): Promise<void> => {
    if (!isFolder) await removeTree(folder);
  };
  try {
    const isLayout = await exists(join(folder, 'index.json'));
    const content = await (isLayout ? readLayout : readSaved)(folder, source.name);
    return { folder, ...content, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Content = Pick<OpenArchive, 'images' | 'artifacts'>;

async function readSaved(folder: string, name: string): Promise<Content> {
  const images: ArchivedImage[] = [];
  for (const image of await readSavedImages(folder, name)) {
    images.push({ names: image.tags, origin: await savedOrigin(folder, image, name) });
  }
  return { images, artifacts: [] };
}

/** An image with several names has an entry for each. */
async function readLayout(folder: string, name: string): Promise<Content> {
  const entries = await readLayoutIndex(folder, name);
  const tagsOf = await readTags(folder, name);
  const byDigest = new Map<string, { readonly entry: Descriptor; readonly names: string[] }>();
  for (const entry of entries.filter((item) => !isArtifact(item))) {
    const known = byDigest.get(entry.digest) ?? { entry, names: [] };
    byDigest.set(entry.digest, known);
    known.names.push(...entryNames(entry));
  }
  const images: ArchivedImage[] = [];
  for (const { entry, names } of byDigest.values()) {
    const origin = layoutEntryOrigin(folder, name, () => Promise.resolve(entry));
    const found = names.length > 0 ? names : await tagsOf(entry, origin);
    images.push({ names: [...new Set(found)], origin });
  }
  return { images, artifacts: entries.filter(isArtifact) };
}

function isArtifact(entry: Descriptor): boolean {
  return entry.artifactType !== undefined || !isImageEntry(entry);
}

function entryNames({ annotations }: Descriptor): string[] {
  const whole = annotations?.[IMAGE_NAME];
  if (whole !== undefined) return [whole];
  const name = annotations?.[REF_NAME];
  return name === undefined ? [] : [name];
}

/** Names that stand only in `manifest.json`, which tells images by their configuration. */
async function readTags(
  folder: string,
  name: string,
): Promise<(entry: Descriptor, origin: Origin) => Promise<readonly string[]>> {
  if (!(await exists(join(folder, 'manifest.json')))) return () => Promise.resolve([]);
  const saved = await readSavedImages(folder, name);
  return async (entry, origin) => {
    const call = { signal: new AbortController().signal, onRetry: () => undefined };
    const bytes = await origin.document(entry, call);
    const { config } = parseObject(bytes, name) as { config?: { digest?: unknown } };
    const digest = typeof config?.digest === 'string' ? config.digest.slice('sha256:'.length) : '';
    return saved.find((image) => digest !== '' && image.config.includes(digest))?.tags ?? [];
  };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (findErrno(error) === 'ENOENT' || isOcupError(error)) return false;
    throw error;
  }
}

/** The names under which a loaded image is kept: those that a registry could have. */
export function storedNames(names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => findFullName(name) ?? []))];
}
