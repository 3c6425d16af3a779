import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ImageUser } from '../../src/image/image-users.ts';
import { type Images, type ImagesOptions, openImages } from '../../src/image/images.ts';
import type { Image } from '../../src/model/image.ts';
import { parseImageSource } from '../../src/model/reference.ts';
import { removeTree } from '../../src/native/trees.ts';
import type { PullProgress } from '../../src/model/pull-progress.ts';

export interface PullExtras {
  readonly platform?: string;
  readonly policy?: 'always' | 'missing' | 'never';
  readonly signal?: AbortSignal;
}

/** Images in a temporary folder, opened with quick retries and an environment of their own. */
export class ImagesHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'ocup-images-'));
  readonly progress: PullProgress[] = [];
  /** The containers that use images. */
  readonly users: ImageUser[] = [];
  private current: Images | undefined;

  get images(): Images {
    if (this.current === undefined) throw new Error('open it first');
    return this.current;
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  async open(options: Partial<ImagesOptions> = {}): Promise<Images> {
    await this.current?.close();
    this.current = await openImages({
      dataDir: this.dataDir,
      users: () => this.users,
      env: { HOME: this.folder, PATH: process.env['PATH'] },
      retryDelayMs: 1,
      ...options,
    });
    return this.current;
  }

  pull(name: string, extras: PullExtras = {}): Promise<Image> {
    return this.images.pull({
      source: parseImageSource(name),
      platform: extras.platform,
      policy: extras.policy ?? 'always',
      signal: extras.signal ?? new AbortController().signal,
      onProgress: (progress) => this.progress.push(progress),
    });
  }

  /** Pulls as somebody with these variables beside `HOME`. */
  async pullWith(env: Readonly<Record<string, string>>, name: string): Promise<Image> {
    await this.open({ env: { HOME: this.folder, PATH: process.env['PATH'], ...env } });
    return this.pull(name);
  }

  /** Writes settings below the user's own folder, `.config`. */
  async configure(path: string, text: string): Promise<void> {
    const file = join(this.folder, '.config', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  /** Counts a container as a user of an image. */
  use(image: Image, name: string): void {
    this.users.push({ name, imageId: image.id, layers: this.images.layerPaths(image) });
  }

  /** Names in the stores of blobs and snapshots that are neither: leftovers. */
  async leftovers(): Promise<string[]> {
    const isOdd = (name: string): boolean => !/^[a-f0-9]{64}$/.test(name);
    const blobs = await readdir(join(this.dataDir, 'images/blobs/sha256'));
    const snapshots = await readdir(join(this.dataDir, 'snapshots'));
    return [...blobs, ...snapshots].filter(isOdd);
  }

  async blobs(): Promise<string[]> {
    return (await readdir(join(this.dataDir, 'images/blobs/sha256'))).sort();
  }

  async snapshots(): Promise<string[]> {
    return (await readdir(join(this.dataDir, 'snapshots'))).sort();
  }

  async close(): Promise<void> {
    await this.current?.close();
    await removeTree(this.folder);
  }
}
