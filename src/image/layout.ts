import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '../base/atomic-file.ts';
import { OcupError, findErrno, isOcupError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { Semaphore } from '../base/semaphore.ts';
import type { Descriptor } from '../model/descriptor.ts';
import { type Digest, digestHex, parseDigest } from '../model/digest.ts';
import { MAX_DOCUMENT_BYTES, checkDigest, parseDescriptor, parseObject } from './documents.ts';

/** The annotation that names an entry. @see image-spec annotations.md */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** RFC 3339: when the name was given. */
export const TAGGED_AT = 'org.ocup.image.tagged-at';
/** The name by digest under which somebody asked for the entry, and which it takes when it loses its own. */
export const PINNED_AS = 'org.ocup.image.pinned-as';

/**
 * The store of blobs: an OCI image layout that other tools can read. An entry of its index with a name is an image's
 * name; an entry without one keeps an image that has lost its names. Blobs appear when they are verified.
 * The index is kept in memory: one process owns the layout.
 * @see image-spec image-layout.md
 */
export class ImageLayout {
  readonly folder: string;
  private index: readonly Descriptor[];
  private readonly writing = new Semaphore(1);

  private constructor(folder: string, index: readonly Descriptor[]) {
    this.folder = folder;
    this.index = index;
  }

  /** Opens the layout, makes it if it is missing, and removes what interrupted work left. @throws E_IMAGE_STORE */
  static async open(folder: string, logger: Logger): Promise<ImageLayout> {
    await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
    const marker = join(folder, 'oci-layout');
    if (!(await exists(marker))) {
      await writeFileAtomic(marker, '{"imageLayoutVersion":"1.0.0"}\n');
    }
    const layout = new ImageLayout(folder, await readIndex(join(folder, 'index.json'), logger));
    await layout.sweep();
    return layout;
  }

  get entries(): readonly Descriptor[] {
    return this.index;
  }

  blobPath(digest: Digest): string {
    return join(this.folder, 'blobs', 'sha256', digestHex(digest));
  }

  /** A new name beside the blobs, to write one to. */
  temporaryPath(): string {
    return join(this.folder, 'blobs', 'sha256', `.${randomBytes(8).toString('hex')}.tmp`);
  }

  /** Whether the blob is here with the size that `descriptor` states. */
  async hasBlob(descriptor: Descriptor): Promise<boolean> {
    try {
      return (await stat(this.blobPath(descriptor.digest))).size === descriptor.size;
    } catch (error) {
      if (findErrno(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** A manifest, index or configuration that is here and undamaged; else undefined. */
  async findDocument(descriptor: Descriptor): Promise<Buffer | undefined> {
    if (descriptor.size > MAX_DOCUMENT_BYTES || !(await this.hasBlob(descriptor))) return undefined;
    const bytes = await readFile(this.blobPath(descriptor.digest));
    try {
      checkDigest(bytes, descriptor);
      return bytes;
    } catch (error) {
      // A damaged blob counts as missing: it is then fetched anew and replaced.
      if (isOcupError(error, 'E_IMAGE_DIGEST')) return undefined;
      throw error;
    }
  }

  /** @throws E_IMAGE_DIGEST */
  async addDocument(descriptor: Descriptor, bytes: Buffer): Promise<void> {
    checkDigest(bytes, descriptor);
    await writeFileAtomic(this.blobPath(descriptor.digest), bytes);
  }

  /** The content of a document whose size is not known; undefined where it is not here, damaged or too large. */
  async findBytes(digest: Digest): Promise<Buffer | undefined> {
    try {
      const { size } = await stat(this.blobPath(digest));
      return await this.findDocument({ mediaType: '', digest, size });
    } catch (error) {
      if (findErrno(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The hex part of every blob's digest. */
  async listBlobs(): Promise<Digest[]> {
    const names = await readdir(join(this.folder, 'blobs', 'sha256'));
    return names.flatMap((name) =>
      /^[a-f0-9]{64}$/.test(name) ? [parseDigest(`sha256:${name}`)] : [],
    );
  }

  /** Replaces the index by what `change` makes of it, one change after the other. */
  async update(change: (entries: readonly Descriptor[]) => readonly Descriptor[]): Promise<void> {
    await this.writing.run(async () => {
      const entries = change(this.index);
      const text = JSON.stringify({ schemaVersion: 2, manifests: entries });
      await writeFileAtomic(join(this.folder, 'index.json'), `${text}\n`);
      this.index = entries;
    });
  }

  private async sweep(): Promise<void> {
    const folder = join(this.folder, 'blobs', 'sha256');
    const left = (await readdir(folder)).filter((name) => name.endsWith('.tmp'));
    await Promise.all(left.map((name) => rm(join(folder, name), { force: true })));
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.F_OK);
    return true;
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A damaged index is set aside: blobs and snapshots stay, and pulling gives the names back. */
async function readIndex(path: string, logger: Logger): Promise<readonly Descriptor[]> {
  try {
    return parseEntries(await readFile(path), path);
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return [];
    if (!isOcupError(error)) throw error;
    const aside = `${path}.damaged-${Date.now()}`;
    await rename(path, aside);
    logger.error(`${error.message}; kept as ${aside}`);
    return [];
  }
}

/** The entries of an `index.json`. @throws E_IMAGE_FORMAT, E_IMAGE_DIGEST */
export function parseEntries(bytes: Buffer, path: string): Descriptor[] {
  const { manifests } = parseObject(bytes, path);
  if (!Array.isArray(manifests)) {
    throw new OcupError('E_IMAGE_FORMAT', `cannot read ${path}: it has no manifests`);
  }
  return manifests.map((item: unknown, at) => parseDescriptor(item, `entry ${at} of ${path}`));
}
