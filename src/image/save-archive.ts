import type { Descriptor } from '../model/descriptor.ts';
import { type Digest, digestHex } from '../model/digest.ts';
import { parseReference, formatFamiliarReference } from '../model/reference.ts';
import { MEDIA_TYPE } from './documents.ts';
import { REF_NAME, type ImageLayout } from './layout.ts';
import { findFullName } from './names.ts';
import { IMAGE_NAME } from './source/open-archive.ts';
import { type StoredImage, plainDescriptor } from './stored-image.ts';
import { type TarOptions, type TarResult, type TarSink, writeTarFile } from './tar/tar-file.ts';
import { PLAIN_MEMBER } from './tar/tar-header.ts';

/** `docker`: a layout with `manifest.json` beside it, which every tool reads. `oci`: the layout alone. */
export type ArchiveFormat = 'docker' | 'oci';

/** An image to be saved, and the names it gets in the archive. */
export interface SavedImage {
  readonly stored: StoredImage;
  readonly names: readonly string[];
}

/** A document or layer that is no image, and what names it in the archive's index. */
export interface SavedArtifact {
  readonly entry: Descriptor;
  /** By digest: what it consists of. */
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

/**
 * Writes images as one archive. The same images give the same bytes. Failing leaves nothing.
 * @see image-spec image-layout.md
 * @throws E_IMAGE_STORE, E_CANCELLED
 */
export function saveArchive(
  path: string,
  content: {
    readonly layout: ImageLayout;
    readonly images: readonly SavedImage[];
    readonly artifacts: readonly SavedArtifact[];
    readonly format: ArchiveFormat;
  },
  options: TarOptions,
): Promise<TarResult> {
  const { layout, images, artifacts, format } = content;
  return writeTarFile(path, options, async (sink) => {
    const manifests = [...images.flatMap(indexEntries), ...artifacts.map(({ entry }) => entry)];
    await addText(sink, 'oci-layout', '{"imageLayoutVersion":"1.0.0"}');
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
    await addText(sink, 'index.json', JSON.stringify(index));
    if (format === 'docker') {
      await addText(sink, 'manifest.json', JSON.stringify(images.flatMap(dockerEntries)));
    }
    await addFolder(sink, 'blobs');
    await addFolder(sink, 'blobs/sha256');
    const blobs = new Map(
      images.flatMap(({ stored }) =>
        [...stored.documents, ...stored.blobs].map((item) => [item.digest, item.size] as const),
      ),
    );
    for (const [digest, size] of [...blobs].sort()) {
      const member = { ...PLAIN_MEMBER, path: blobName(digest), type: 'file', size } as const;
      await sink.addFile(member, layout.blobPath(digest));
    }
    for (const artifact of artifacts) await addArtifact(sink, artifact);
  });
}

/** An entry for each name, and one for an image without. */
function indexEntries({ stored, names }: SavedImage): Descriptor[] {
  const entry = plainDescriptor(stored.target);
  if (names.length === 0) return [entry];
  return names.map((name) => {
    const full = findFullName(name);
    const whole = full === undefined ? {} : { [IMAGE_NAME]: full };
    return { ...entry, annotations: { ...whole, [REF_NAME]: name } };
  });
}

/** What Docker reads. Of an index it has one image, since an older Docker knows no platforms there. */
function dockerEntries({ stored, names }: SavedImage): unknown[] {
  const [image] = stored.images;
  if (image === undefined) return [];
  const { config, layers } = image.manifest;
  const tags = names.flatMap((name) => findTag(name) ?? []);
  return [
    {
      Config: blobName(config.digest),
      RepoTags: tags.length === 0 ? null : tags,
      Layers: layers.map((layer) => blobName(layer.digest)),
    },
  ];
}

/** `nginx:1.27`; a name without tag is no tag of Docker's. */
function findTag(name: string): string | undefined {
  const full = findFullName(name);
  if (full === undefined) return undefined;
  const reference = parseReference(full);
  if (reference.tag === undefined) return undefined;
  return formatFamiliarReference({ ...reference, digest: undefined });
}

async function addArtifact(sink: TarSink, { blobs }: SavedArtifact): Promise<void> {
  for (const [digest, bytes] of blobs) {
    const size = bytes.length;
    await sink.add({ ...PLAIN_MEMBER, path: blobName(digest), type: 'file', size }, bytes);
  }
}

function addText(sink: TarSink, path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  return sink.add({ ...PLAIN_MEMBER, path, type: 'file', size: bytes.length }, bytes);
}

function addFolder(sink: TarSink, path: string): Promise<void> {
  return sink.add({ ...PLAIN_MEMBER, path, type: 'folder', mode: 0o755, size: 0 });
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}
