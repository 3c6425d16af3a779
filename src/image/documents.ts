import { createHash } from 'node:crypto';

import { OcupError, messageOf } from '../base/errors.ts';
import type { Descriptor, ImageIndex, Manifest } from '../model/descriptor.ts';
import { type Digest, parseDigest } from '../model/digest.ts';
import type { Platform } from '../model/platform.ts';

/** The largest manifest, index or configuration that is read. @see distribution-spec spec.md#pushing-manifests */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

export const MEDIA_TYPE = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const;

/** What a registry is asked for, the most wanted first. */
export const ACCEPTED_MEDIA_TYPES = [
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.dockerIndex,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.dockerManifest,
] as const;

/** What a reference may point at. */
export type ImageDocument =
  | { readonly kind: 'index'; readonly index: ImageIndex }
  | { readonly kind: 'manifest'; readonly manifest: Manifest };

export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

/** @throws E_IMAGE_DIGEST when the bytes are not what `descriptor` names */
export function checkDigest(bytes: Uint8Array, descriptor: Descriptor): void {
  const digest = digestOf(bytes);
  if (digest === descriptor.digest) return;
  throw new OcupError(
    'E_IMAGE_DIGEST',
    `content of ${descriptor.digest} is damaged: it has the digest ${digest}`,
  );
}

/**
 * Parses an index or a manifest. `mediaType` is what the registry or a descriptor called it.
 * @throws E_IMAGE_FORMAT, also for manifests of schema 1, for contradictions, and for what is no image
 */
export function parseDocument(bytes: Buffer, mediaType: string, name: string): ImageDocument {
  if (/distribution\.manifest\.v1\+/.test(mediaType)) throw schemaOne(name);
  const fields = parseObject(bytes, name);
  if (fields['schemaVersion'] === 1) throw schemaOne(name);
  const stated = fields['mediaType'];
  const isIndex = Array.isArray(fields['manifests']);
  if (isIndex && Array.isArray(fields['layers'])) {
    throw malformed(name, 'has both manifests and layers');
  }
  const type = typeof stated === 'string' && stated !== '' ? stated : mediaType;
  if (isKnown(mediaType) && type !== mediaType) {
    throw malformed(name, `says it is ${type}, but was served as ${mediaType}`);
  }
  return isIndex
    ? { kind: 'index', index: parseIndex(fields, type, name) }
    : { kind: 'manifest', manifest: parseManifest(fields, type, name) };
}

/** The object that JSON text holds. @throws E_IMAGE_FORMAT */
export function parseObject(bytes: Buffer, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw malformed(name, `is not JSON: ${messageOf(cause)}`);
  }
  return parseFields(value, name);
}

/** @throws E_IMAGE_FORMAT when `value` is no object */
export function parseFields(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw malformed(name, 'is not an object');
}

/** @throws E_IMAGE_FORMAT, E_IMAGE_DIGEST */
export function parseDescriptor(value: unknown, name: string): Descriptor {
  const fields = parseFields(value, name);
  const { mediaType, digest, size } = fields;
  if (typeof digest !== 'string') throw malformed(name, 'has no digest');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw malformed(name, 'has no size');
  }
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest: parseDigest(digest),
    size,
    platform: parsePlatformOf(fields['platform']),
    annotations: parseStrings(fields['annotations']),
    urls: Array.isArray(fields['urls']) ? fields['urls'].filter(isText) : undefined,
    ...(isText(fields['artifactType']) && { artifactType: fields['artifactType'] }),
  };
}

export function malformed(name: string, what: string): OcupError {
  return new OcupError('E_IMAGE_FORMAT', `cannot read ${name}: it ${what}`);
}

function parseIndex(fields: Record<string, unknown>, mediaType: string, name: string): ImageIndex {
  const manifests: unknown = fields['manifests'];
  if (!Array.isArray(manifests)) throw malformed(name, 'has no manifests');
  return {
    mediaType,
    manifests: manifests.map((item: unknown, at) =>
      parseDescriptor(item, `entry ${at} of ${name}`),
    ),
    annotations: parseStrings(fields['annotations']) ?? {},
  };
}

function parseManifest(fields: Record<string, unknown>, mediaType: string, name: string): Manifest {
  const layers: unknown = fields['layers'];
  if (!Array.isArray(layers)) throw malformed(name, 'has neither manifests nor layers');
  const config = parseDescriptor(fields['config'], `config of ${name}`);
  if (!isImageConfig(config.mediaType)) {
    throw malformed(name, `is not an image: its config is ${config.mediaType}`);
  }
  return {
    mediaType,
    config,
    layers: layers.map((item: unknown, at) => parseLayer(item, `layer ${at} of ${name}`)),
    annotations: parseStrings(fields['annotations']) ?? {},
  };
}

function parseLayer(value: unknown, name: string): Descriptor {
  const layer = parseDescriptor(value, name);
  if (layer.mediaType.includes('+encrypted')) {
    throw malformed(name, 'is encrypted, and ocup has no keys');
  }
  if (!/\.(tar|diff)\b/.test(layer.mediaType)) {
    throw malformed(name, `is not a file system layer but ${layer.mediaType || 'of no type'}`);
  }
  return layer;
}

function isImageConfig(mediaType: string): boolean {
  return (
    mediaType === MEDIA_TYPE.ociConfig ||
    mediaType === 'application/vnd.docker.container.image.v1+json' ||
    mediaType === ''
  );
}

function isKnown(mediaType: string): boolean {
  return ACCEPTED_MEDIA_TYPES.some((known) => known === mediaType);
}

function parsePlatformOf(value: unknown): Platform | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { os, architecture, variant }: Record<string, unknown> = { ...value };
  if (!isText(os) || !isText(architecture)) return undefined;
  return { os, architecture, variant: isText(variant) && variant !== '' ? variant : undefined };
}

/** The members that are strings. */
export function parseStrings(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).filter((entry): entry is [string, string] =>
    isText(entry[1]),
  );
  return Object.fromEntries(entries);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function schemaOne(name: string): OcupError {
  return new OcupError(
    'E_IMAGE_FORMAT',
    `cannot read ${name}: it is a manifest of schema 1, which is no longer in use`,
    { hint: 'Push the image again with a tool that is not older than 2017.' },
  );
}
