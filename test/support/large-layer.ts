import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Descriptor, type ImageStore, OCI, addBlob, addJson } from './image-fixture.ts';
import { writeHeader } from './tar-writer.ts';

/** A layer too large for memory: its blob is a file. */
export interface LargeLayer {
  readonly digest: string;
  readonly diffId: string;
  readonly size: number;
  readonly path: string;
}

const FILE_BYTES = 8 * 1024 * 1024;

/** Makes a layer of files of 8 MiB each that do not get smaller by compression. */
export async function makeLargeLayer(folder: string, megabytes: number): Promise<LargeLayer> {
  const path = join(folder, `${randomUUID()}.tar.gz`);
  const [diff, blob] = [createHash('sha256'), createHash('sha256')];
  let size = 0;
  const gzip = createGzip({ level: 0 });
  gzip.on('data', (chunk: Buffer) => {
    blob.update(chunk);
    size += chunk.length;
  });
  const written = pipeline(gzip, createWriteStream(path));
  const write = async (bytes: Buffer): Promise<void> => {
    diff.update(bytes);
    if (!gzip.write(bytes)) await once(gzip, 'drain');
  };
  const content = randomBytes(FILE_BYTES);
  for (let at = 0; at < megabytes / 8; at += 1) {
    content.writeUInt32BE(at); // no two files are the same
    await write(writeHeader({ path: `file-${at}` }, FILE_BYTES));
    await write(content);
  }
  await write(Buffer.alloc(1024));
  gzip.end();
  await written;
  const [digest, diffId] = [blob, diff].map((hash) => `sha256:${hash.digest('hex')}`) as [
    string,
    string,
  ];
  return { digest, diffId, size, path };
}

/** Adds an image of such layers; the store has its documents only. */
export function addLargeImage(store: ImageStore, layers: readonly LargeLayer[]): Descriptor {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const config = {
    architecture,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const bytes = Buffer.from(JSON.stringify(config));
  return addJson(store, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: { mediaType: OCI.config, ...addBlob(store, bytes) },
    layers: layers.map(({ digest, size }) => ({
      mediaType: `${OCI.layer}+gzip`,
      digest,
      size,
    })),
  });
}

/** Answers a request for the blob. */
export function sendLargeLayer({ path, size }: LargeLayer, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': size });
  createReadStream(path).pipe(response);
}
