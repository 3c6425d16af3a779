import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { extract } from 'tar';

import { throwIfAborted } from '../../base/abort.ts';
import { OcupError, findErrno, messageOf } from '../../base/errors.ts';
import type { Descriptor } from '../../model/descriptor.ts';
import { parseDigest } from '../../model/digest.ts';
import { parseReference, formatReference } from '../../model/reference.ts';
import { removeTree } from '../../native/trees.ts';
import { MEDIA_TYPE, digestOf, malformed, parseFields } from '../documents.ts';
import { exists } from '../layout.ts';
import { layoutOrigin } from './layout-origin.ts';
import type { Origin } from './origin.ts';

export interface ArchiveSource {
  readonly path: string;
  readonly tag: string | undefined;
  /** How the user calls it. */
  readonly name: string;
  /** Where it may be unpacked for the time of the import. */
  readonly scratch: string;
}

/** An OCI image layout in a tar file, compressed or not. */
export async function ociArchiveOrigin(source: ArchiveSource): Promise<Origin> {
  const folder = await unpackArchive(source);
  const inner = layoutOrigin(folder, source.tag, source.name);
  return { ...inner, close: () => removeTree(folder).then(() => undefined) };
}

/**
 * What `docker save` writes: `manifest.json` beside configurations and layers, in the old form (a folder a layer)
 * or the new one (a layout as well). Layers get a manifest here, since archives have none of their own.
 */
export async function dockerArchiveOrigin(source: ArchiveSource): Promise<Origin> {
  const folder = await unpackArchive(source);
  try {
    return await openDockerArchive(folder, source);
  } catch (error) {
    await removeTree(folder);
    throw error;
  }
}

async function unpackArchive({ path, scratch, name }: ArchiveSource): Promise<string> {
  if (!(await exists(path))) {
    throw new OcupError('E_IMAGE_NOT_FOUND', `cannot find ${name}: ${path} does not exist`);
  }
  const folder = await mkdtemp(join(scratch, '.staged-archive-'));
  try {
    // Nothing but the files and links that images are kept in; tar refuses names that lead outside.
    await extract({
      file: path,
      cwd: folder,
      strict: false,
      preserveOwner: false,
      noMtime: true,
      filter: (_, entry) =>
        !('type' in entry) || /^(File|OldFile|Directory|SymbolicLink|Link)$/.test(entry.type),
    });
    return folder;
  } catch (error) {
    await removeTree(folder);
    throw new OcupError('E_IMAGE_FORMAT', `cannot read ${name}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

interface SavedImage {
  readonly config: string;
  readonly tags: readonly string[];
  readonly layers: readonly string[];
}

async function openDockerArchive(folder: string, source: ArchiveSource): Promise<Origin> {
  const image = selectImage(await readSavedImages(folder, source.name), source);
  const configPath = await pathInside(folder, image.config, source.name);
  const configBytes = await readFile(configPath);
  const config = {
    mediaType: MEDIA_TYPE.ociConfig,
    digest: digestOf(configBytes),
    size: configBytes.length,
  };
  const files = new Map<string, string>();
  const layers: Descriptor[] = [];
  for (const layer of image.layers) {
    const path = await pathInside(folder, layer, source.name);
    const descriptor = await describeLayer(path);
    files.set(descriptor.digest, path);
    layers.push(descriptor);
  }
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const target = { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(bytes), size: bytes.length };
  return {
    resolve: () => Promise.resolve({ descriptor: target, bytes }),
    document: ({ digest }) => {
      if (digest === config.digest) return Promise.resolve(configBytes);
      if (digest === target.digest) return Promise.resolve(bytes);
      return Promise.reject(malformed(source.name, `lacks ${digest}`));
    },
    blob({ digest }, { signal }) {
      throwIfAborted(signal);
      const path = files.get(digest);
      if (path === undefined) throw malformed(source.name, `lacks ${digest}`);
      return createReadStream(path, { highWaterMark: 1024 * 1024, signal });
    },
    close: () => removeTree(folder).then(() => undefined),
  };
}

async function readSavedImages(folder: string, name: string): Promise<SavedImage[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  } catch (error) {
    const isMissing = findErrno(error) === 'ENOENT';
    throw malformed(
      name,
      isMissing ? 'has no manifest.json' : `has a manifest.json that is not JSON`,
    );
  }
  if (!Array.isArray(value)) throw malformed(name, 'has a manifest.json that is not a list');
  return value.map((item: unknown) => {
    const fields = parseFields(item, `manifest.json of ${name}`);
    const { Config: config } = fields;
    if (typeof config !== 'string') throw malformed(name, 'has an image without configuration');
    return { config, tags: strings(fields['RepoTags']), layers: strings(fields['Layers']) };
  });
}

function strings(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string')
    : [];
}

/** A tag is the whole name (`app:1`) or only what is behind its colon. */
function selectImage(images: readonly SavedImage[], { tag, name }: ArchiveSource): SavedImage {
  const fits = (written: string): boolean =>
    tag === undefined || written.endsWith(`:${tag}`) || isSameName(written, tag);
  const found = tag === undefined ? images : images.filter((image) => image.tags.some(fits));
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

function isSameName(a: string, b: string): boolean {
  try {
    return formatReference(parseReference(a)) === formatReference(parseReference(b));
  } catch {
    return a === b;
  }
}

/** Old archives link one layer's file to another's; nothing may lead out of the archive. */
async function pathInside(folder: string, path: string, name: string): Promise<string> {
  const top = await realpath(folder);
  try {
    const found = await realpath(join(top, path));
    if (found.startsWith(top + sep) && (await stat(found)).isFile()) return found;
  } catch (error) {
    if (findErrno(error) !== 'ENOENT') throw error;
  }
  throw malformed(name, `has no file ${path}`);
}

async function describeLayer(path: string): Promise<Descriptor> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return {
    mediaType: MEDIA_TYPE.ociLayer,
    digest: parseDigest(`sha256:${hash.digest('hex')}`),
    size,
  };
}
