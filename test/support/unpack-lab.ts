import { mkdtempSync } from 'node:fs';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type UnpackLimits, startUnpack } from '../../src/native/layers.ts';
import { exportTree, removeTree } from '../../src/native/trees.ts';
import { type TarMember, writeTar } from './tar-writer.ts';

export const LIMITS: UnpackLimits = { maxBytes: 1e9, maxEntries: 10_000 };

export interface Unpacked {
  readonly path: string;
  readonly diffId: string;
}

/** Unpacks layers into folders of a temporary one: `begin` before each test, `close` at the end. */
export class UnpackLab {
  readonly top = mkdtempSync(join(tmpdir(), 'ocup-unpack-'));
  folder = '';
  private count = 0;

  /** A new empty folder for what follows. */
  async begin(): Promise<void> {
    this.count += 1;
    this.folder = join(this.top, `case-${this.count}`);
    await mkdir(this.folder);
  }

  async close(): Promise<void> {
    await removeTree(this.top);
  }

  /** One blob over the layers below (from the top), settled on them. */
  async unpackBytes(
    bytes: Buffer,
    below: readonly string[] = [],
    limits: UnpackLimits = LIMITS,
  ): Promise<Unpacked> {
    const path = join(this.folder, `layer-${(await readdir(this.folder)).length}`);
    await mkdir(path);
    const isBase = below.length === 0;
    const unpack = startUnpack({
      source: undefined,
      blob: undefined,
      target: path,
      isBase,
      limits,
    });
    await unpack.push(bytes);
    unpack.end();
    const { diffId } = await unpack.result;
    await unpack.settle(below);
    return { path, diffId };
  }

  /** Unpacks layers from the base up and gives their folders from the top. */
  async unpackLayers(...layers: readonly (readonly TarMember[])[]): Promise<string[]> {
    const paths: string[] = [];
    for (const members of layers) {
      const { path } = await this.unpackBytes(writeTar(members), paths);
      paths.unshift(path);
    }
    return paths;
  }

  /** What the layers show together, as a plain tree. */
  async merge(...layers: readonly (readonly TarMember[])[]): Promise<string> {
    const paths = await this.unpackLayers(...layers);
    const target = join(this.folder, 'merged');
    await mkdir(target);
    await exportTree(paths, target);
    return target;
  }
}

export const text = (path: string): Promise<string> => readFile(path, 'utf8');
