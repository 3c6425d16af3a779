import { resolve } from 'node:path';

import { OcupError, isOcupError } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import type { Image } from '../model/image.ts';
import type { Platform } from '../model/platform.ts';
import { type ImageSource, parseImageSource } from '../model/reference.ts';
import type { Reachable } from './garbage.ts';
import type { ImageReader, ReadImage } from './image-reader.ts';
import type { ImageLayout } from './layout.ts';
import { entryName, entryTaggedAt, nameOfSource } from './names.ts';
import { findRootfs } from './rootfs-image.ts';

/** Fewer digits of an id could be a name just as well. */
const SHORTEST_ID = 6;

/** What images are here, by the names in the layout's index. Only those with all their layers count. */
export class Catalog {
  private readonly layout: ImageLayout;
  private readonly reader: ImageReader;

  constructor(layout: ImageLayout, reader: ImageReader) {
    this.layout = layout;
    this.reader = reader;
  }

  /** The image of a source with an absolute path. */
  async find(source: ImageSource, platform: Platform | undefined): Promise<Image | undefined> {
    if (source.kind === 'rootfs') return findRootfs(source.path);
    const name = nameOfSource(source);
    const named = this.layout.entries.find((item) => entryName(item) === name);
    const entry = named ?? this.entryByDigest(source);
    if (entry === undefined) return undefined;
    const found = await this.reader.findFor(entry, platform);
    return found === undefined ? undefined : this.toImage(found, entry);
  }

  /** By name, id, or at least six digits of an id. @throws E_IMAGE_NOT_FOUND */
  async get(
    nameOrId: string,
    platform?: Platform,
  ): Promise<{ readonly image: Image; readonly isById: boolean }> {
    const byId = await this.findById(nameOrId);
    if (byId !== undefined) return { image: byId, isById: true };
    const image = await this.findByText(nameOrId, platform);
    if (image !== undefined) return { image, isById: false };
    throw new OcupError('E_IMAGE_NOT_FOUND', `no such image: ${nameOrId}`);
  }

  /** The image of an entry of the index, by the digest of what it names. */
  async findTarget(digest: Digest, platform: Platform | undefined): Promise<Image | undefined> {
    const entry = this.layout.entries.find((item) => item.digest === digest);
    if (entry === undefined) return undefined;
    const found = await this.reader.findFor(entry, platform);
    return found === undefined ? undefined : this.toImage(found, entry);
  }

  /** Those named last first; images without a name are among them. */
  async list(): Promise<Image[]> {
    const lists = await Promise.all(
      this.layout.entries.map(async (entry) => {
        const images = await this.reader.listOf(entry);
        return images.map((image) => this.toImage(image, entry));
      }),
    );
    const byManifest = new Map(lists.flat().map((image) => [image.manifestDigest, image]));
    return [...byManifest.values()].sort(
      (a, b) => b.taggedAt.localeCompare(a.taggedAt) || a.id.localeCompare(b.id),
    );
  }

  /** What entries of the index need, all of them unless told. */
  async reachable(entries: readonly Descriptor[] = this.layout.entries): Promise<Reachable> {
    const parts = await Promise.all(
      entries.map(async (entry) => ({ entry, need: await this.reader.reachable(entry) })),
    );
    return {
      blobs: new Set(parts.flatMap(({ need }) => need.blobs)),
      chains: new Set(parts.flatMap(({ need }) => need.chains)),
      damaged: parts.flatMap(({ entry, need }) => (need.lost.length > 0 ? [labelOf(entry)] : [])),
    };
  }

  /** Names, or digests where there is none, of entries of which no image is whole or some document is damaged. */
  async damaged(): Promise<string[]> {
    const found = await Promise.all(
      this.layout.entries.map(async (entry) => {
        const images = await this.reader.listOf(entry);
        const isWhole = images.length > 0 && (await this.reader.reachable(entry)).lost.length === 0;
        return isWhole ? [] : [labelOf(entry)];
      }),
    );
    return [...new Set(found.flat())].sort();
  }

  /** The damaged entry that a name or a whole digest means. */
  async findDamaged(text: string): Promise<Descriptor | undefined> {
    const damaged = new Set(await this.damaged());
    const name = findLocalName(text);
    return this.layout.entries.find((entry) => {
      const label = labelOf(entry);
      return damaged.has(label) && (label === text || label === name);
    });
  }

  /** `name@sha256:…` is here when the digest is, whatever name it came by. */
  private entryByDigest(source: ImageSource): Descriptor | undefined {
    if (source.kind !== 'registry' || source.reference.digest === undefined) return undefined;
    const digest: Digest = source.reference.digest;
    return this.layout.entries.find((entry) => entry.digest === digest);
  }

  private async findById(text: string): Promise<Image | undefined> {
    const hex = text.replace(/^sha256:/, '');
    if (hex.length < SHORTEST_ID || !/^[a-f0-9]+$/.test(hex)) return undefined;
    const found = (await this.list()).filter((image) => image.id.startsWith(`sha256:${hex}`));
    const ids = new Set(found.map((image) => image.id));
    return ids.size === 1 ? found[0] : undefined;
  }

  private async findByText(
    text: string,
    platform: Platform | undefined,
  ): Promise<Image | undefined> {
    try {
      return await this.find(parseLocalSource(text), platform);
    } catch (error) {
      if (isOcupError(error, 'E_IMAGE_REFERENCE')) return undefined;
      throw error;
    }
  }

  private toImage(found: ReadImage, entry: Descriptor): Image {
    const entries = this.layout.entries.filter((item) => item.digest === entry.digest);
    return {
      id: found.manifest.config.digest,
      manifestDigest: found.descriptor.digest,
      targetDigest: entry.digest,
      names: entries.flatMap((item) => entryName(item) ?? []).sort(),
      config: found.config,
      sizeBytes: found.manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
      taggedAt: entries.map(entryTaggedAt).sort().at(-1) ?? entryTaggedAt(entry),
    };
  }
}

function labelOf(entry: Descriptor): string {
  return entryName(entry) ?? entry.digest;
}

function findLocalName(text: string): string | undefined {
  try {
    return nameOfSource(parseLocalSource(text));
  } catch (error) {
    if (isOcupError(error, 'E_IMAGE_REFERENCE')) return undefined;
    throw error;
  }
}

/** A source with its path made absolute. @throws E_IMAGE_REFERENCE */
export function parseLocalSource(text: string): ImageSource {
  return withAbsolutePath(parseImageSource(text));
}

export function withAbsolutePath(source: ImageSource): ImageSource {
  return source.kind === 'registry' ? source : { ...source, path: resolve(source.path) };
}
