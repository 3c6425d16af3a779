import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type TarMember, writeTar } from './tar-writer.ts';

/** Blobs by digest, and what the names stand for: what a layout or a registry serves. */
export interface ImageStore {
  readonly blobs: Map<string, Buffer>;
  readonly tags: Map<string, Descriptor>;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { os: string; architecture: string; variant?: string };
  readonly annotations?: Record<string, string>;
  readonly urls?: readonly string[];
}

export interface LayerSpec {
  readonly tar: Buffer;
  readonly compression?: 'gzip' | 'zstd' | 'none';
  readonly mediaType?: string;
  readonly urls?: readonly string[];
}

export interface ImageSpec {
  readonly layers: readonly LayerSpec[];
  readonly config?: Record<string, unknown>;
  readonly platform?: { os: string; architecture: string; variant?: string };
  /** RFC 3339. */
  readonly created?: string;
}

export const OCI = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

export const HOST_ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

export function newStore(): ImageStore {
  return { blobs: new Map(), tags: new Map() };
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Layers from lists of members. */
export function layersOf(...layers: readonly (readonly TarMember[])[]): LayerSpec[] {
  return layers.map((members) => ({ tar: writeTar(members) }));
}

export function addBlob(store: ImageStore, bytes: Buffer): { digest: string; size: number } {
  const digest = digestOf(bytes);
  store.blobs.set(digest, bytes);
  return { digest, size: bytes.length };
}

export function addJson(store: ImageStore, mediaType: string, value: unknown): Descriptor {
  return { mediaType, ...addBlob(store, Buffer.from(JSON.stringify(value))) };
}

export function addLayer(store: ImageStore, layer: LayerSpec): Descriptor {
  const compression = layer.compression ?? 'gzip';
  const suffix = compression === 'none' ? '' : `+${compression}`;
  return {
    mediaType: layer.mediaType ?? `${OCI.layer}${suffix}`,
    ...addBlob(store, compress(layer.tar, compression)),
    ...(layer.urls !== undefined && { urls: layer.urls }),
  };
}

/** Adds an image and gives the descriptor of its manifest. */
export function addImage(store: ImageStore, image: ImageSpec): Descriptor {
  const platform = image.platform ?? { os: 'linux', architecture: HOST_ARCHITECTURE };
  const layers = image.layers.map((layer) => addLayer(store, layer));
  const diffIds = image.layers.map((layer) => digestOf(layer.tar));
  const config = addJson(store, OCI.config, {
    ...platform,
    ...(image.created !== undefined && { created: image.created }),
    config: image.config ?? {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  return addJson(store, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config,
    layers,
  });
}

export function addIndex(store: ImageStore, manifests: readonly Descriptor[]): Descriptor {
  return addJson(store, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests });
}

/** Writes the store as an OCI image layout, its tags as the names. */
export async function writeLayout(store: ImageStore, folder: string): Promise<void> {
  const blobs = join(folder, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  for (const [digest, bytes] of store.blobs) await writeFile(join(blobs, digest.slice(7)), bytes);
  const manifests = [...store.tags].map(([name, descriptor]) => ({
    ...descriptor,
    annotations: { 'org.opencontainers.image.ref.name': name },
  }));
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

export function compress(bytes: Buffer, how: 'gzip' | 'zstd' | 'none'): Buffer {
  if (how === 'none') return bytes;
  if (how === 'gzip') return gzipSync(bytes);
  const { status, stdout } = spawnSync('zstd', ['-q', '-c'], { input: bytes, maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error('zstd failed');
  return stdout;
}
