import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

interface Blob {
  readonly digest: string;
  readonly size: number;
}

export interface WrittenLayer extends Blob {
  readonly diffId: string;
}

export interface WrittenImage {
  readonly name: string;
  readonly layers: readonly WrittenLayer[];
  /** The `config` part of the image's configuration. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Begins an OCI image layout in a folder. */
export async function beginLayout(layout: string): Promise<void> {
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}

/** Packs paths below `folder` with GNU tar and gzip as one layer blob. `excluded` are tar patterns. */
export async function addLayer(
  layout: string,
  folder: string,
  what: { readonly paths?: readonly string[]; readonly excluded?: readonly string[] } = {},
): Promise<WrittenLayer> {
  const file = join(layout, randomUUID());
  const options = (what.excluded ?? []).map((path) => `--exclude=${path}`);
  const tar = spawn(
    'tar',
    [
      ...[
        '-C',
        folder,
        '--numeric-owner',
        '--sort=name',
        '--xattrs',
        '--xattrs-include=security.*',
      ],
      ...[...options, '-cf', '-', '--null', '--files-from=-'],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  tar.stdin.end((what.paths ?? ['.']).join('\0'));
  const diffId = createHash('sha256');
  const digest = createHash('sha256');
  await pipeline(
    tar.stdout,
    tap(diffId),
    createGzip({ level: 1 }),
    tap(digest),
    createWriteStream(file),
  );
  const blob = await storeBlob(layout, file, digest.digest('hex'));
  return { ...blob, diffId: `sha256:${diffId.digest('hex')}` };
}

/** Writes the index of the layout with these images, each under its name. */
export async function finishLayout(layout: string, images: readonly WrittenImage[]): Promise<void> {
  const manifests = [];
  for (const image of images) manifests.push(await addImage(layout, image));
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

async function addImage(layout: string, image: WrittenImage): Promise<unknown> {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const config = await addJson(layout, {
    created: '2026-01-01T00:00:00Z',
    os: 'linux',
    architecture,
    config: { Env: [path], ...image.config },
    rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => layer.diffId) },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await addJson(layout, {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: image.layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest,
      size,
    })),
  });
  return {
    mediaType,
    ...manifest,
    platform: { os: 'linux', architecture },
    annotations: { 'org.opencontainers.image.ref.name': image.name },
  };
}

function tap(hash: ReturnType<typeof createHash>): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

async function storeBlob(layout: string, file: string, hex: string): Promise<Blob> {
  const { size } = await lstat(file);
  await rename(file, join(layout, 'blobs/sha256', hex));
  return { digest: `sha256:${hex}`, size };
}

async function addJson(layout: string, value: unknown): Promise<Blob> {
  const text = JSON.stringify(value);
  const file = join(layout, randomUUID());
  await writeFile(file, text);
  return storeBlob(layout, file, createHash('sha256').update(text).digest('hex'));
}
