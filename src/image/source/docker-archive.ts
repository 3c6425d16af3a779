import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

import { throwIfAborted } from '../../base/abort.ts';
import { findErrno } from '../../base/errors.ts';
import type { Descriptor } from '../../model/descriptor.ts';
import { parseDigest } from '../../model/digest.ts';
import { MEDIA_TYPE, digestOf, malformed, parseFields } from '../documents.ts';
import type { Origin } from './origin.ts';

/** An image of `docker save`, as its `manifest.json` tells. Paths are relative to the archive. */
export interface SavedImage {
  readonly config: string;
  readonly tags: readonly string[];
  readonly layers: readonly string[];
}

/**
 * One image of an unpacked archive. Its layers get a manifest here, since such archives have none of their own.
 * @throws E_IMAGE_FORMAT when a part is missing
 */
export async function savedOrigin(
  folder: string,
  image: SavedImage,
  name: string,
): Promise<Origin> {
  const configPath = await pathInside(folder, image.config, name);
  const configBytes = await readFile(configPath);
  const config = {
    mediaType: MEDIA_TYPE.ociConfig,
    digest: digestOf(configBytes),
    size: configBytes.length,
  };
  const files = new Map<string, string>();
  const layers: Descriptor[] = [];
  for (const layer of image.layers) {
    const path = await pathInside(folder, layer, name);
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
      return Promise.reject(malformed(name, `lacks ${digest}`));
    },
    blob({ digest }, { signal }) {
      throwIfAborted(signal);
      const path = files.get(digest);
      if (path === undefined) throw malformed(name, `lacks ${digest}`);
      return createReadStream(path, { highWaterMark: 1024 * 1024, signal });
    },
    close: () => Promise.resolve(),
  };
}

/** What `manifest.json` of an unpacked archive lists. @throws E_IMAGE_FORMAT, also when there is none */
export async function readSavedImages(folder: string, name: string): Promise<SavedImage[]> {
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
  let suffix = '';
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    if (size === 0) suffix = compressionSuffix(chunk as Buffer);
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return {
    mediaType: `${MEDIA_TYPE.ociLayer}${suffix}`,
    digest: parseDigest(`sha256:${hash.digest('hex')}`),
    size,
  };
}

/** Most archives hold plain layers, those of containerd's store compressed ones; nothing in them says which. */
function compressionSuffix(start: Buffer): string {
  const magic = start.subarray(0, 4).toString('hex');
  if (magic.startsWith('1f8b')) return '+gzip';
  return magic === '28b52ffd' ? '+zstd' : '';
}
