import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { digestOf } from '../../../src/image/documents.ts';
import { readFile } from 'node:fs/promises';
import { PRUNE_ALL } from '../../../src/model/prune-filter.ts';
import { addImage, layersOf } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { TestRegistry } from '../../support/test-registry.ts';
import { listTree } from '../../support/tree-list.ts';
import type { TarMember } from '../../support/tar-writer.ts';

const CHILD = resolve(
  import.meta.dirname,
  `../../../node_modules/.cache/pull-child-${process.pid}.mjs`,
);

/** How many moments of one pull are tried. */
const ROUNDS = 10;

let home: ImagesHome;
let registry: TestRegistry;

beforeAll(() =>
  build({
    entryPoints: [resolve(import.meta.dirname, '../../support/pull-child.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: CHILD,
    logLevel: 'error',
  }),
);

afterAll(() => rm(CHILD, { force: true }));

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
  registry = await TestRegistry.start();
  const layers = layersOf(manyFiles('base'), manyFiles('middle'), [
    ...manyFiles('top'),
    { path: 'base/.wh.f1', content: '' },
  ]);
  registry.store.tags.set('app:1', addImage(registry.store, { layers }));
});

afterEach(async () => {
  await registry.stop();
  await home.close();
});

function manyFiles(folder: string): TarMember[] {
  return Array.from({ length: 400 }, (_, at) => ({
    path: `${folder}/f${at}`,
    content: randomBytes(3000),
  }));
}

/** Every blob has its digest, every snapshot is one of `complete`. */
async function expectValid(
  dataDir: string,
  complete: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const visible = async (folder: string): Promise<string[]> => {
    const names = await readdir(join(dataDir, folder)).catch(() => []);
    return names.filter((name) => /^[a-f0-9]{64}$/.test(name));
  };
  for (const name of await visible('images/blobs/sha256')) {
    expect(digestOf(await readFile(join(dataDir, 'images/blobs/sha256', name)))).toBe(
      `sha256:${name}`,
    );
  }
  for (const name of await visible('snapshots')) {
    expect(listTree(join(dataDir, 'snapshots', name))).toEqual(complete.get(name));
  }
}

describe('a process that is killed while it pulls', () => {
  test('INVARIANT: a blob or snapshot with its final name is verified and complete', async () => {
    const name = `${registry.host}/app:1`;
    await home.pull(name);
    const complete = new Map<string, string[]>();
    for (const id of await home.snapshots()) {
      complete.set(id, listTree(join(home.dataDir, 'snapshots', id)));
    }
    const other = new ImagesHome();
    try {
      for (let round = 0; round < 12; round += 1) {
        await killAfter(startChild(other.dataDir, name), round * 12);
        await expectValid(other.dataDir, complete);
        if (round % 3 === 2)
          await rm(join(other.dataDir, 'snapshots'), { recursive: true, force: true });
      }
      await other.open();
      expect(await other.leftovers()).toEqual([]);
      const image = await other.pull(name);
      await expectValid(other.dataDir, complete);
      expect(other.images.layerPaths(image)).toHaveLength(3);
    } finally {
      await other.close();
    }
  });
});

describe('a store whose process was killed', () => {
  test('at whatever moment of a pull: verify finds nothing, a pull completes it, prune leaves nothing', async () => {
    const name = `${registry.host}/app:1`;
    const spare = new ImagesHome();
    try {
      const whole = startChild(spare.dataDir, name);
      await new Promise((done) => whole.stdout?.once('data', done));
      const startedAt = performance.now();
      await new Promise((done) => whole.once('close', done));
      const longestMs = performance.now() - startedAt;
      const signal = new AbortController().signal;
      let named = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const other = new ImagesHome();
        try {
          await killAfter(startChild(other.dataDir, name), (longestMs * round) / ROUNDS);
          await other.open();
          expect(await other.leftovers()).toEqual([]);
          const { findings } = await other.images.verify({ repairs: true, signal });
          expect(findings).toEqual([]);
          named += (await other.images.list()).length;
          expect(await other.images.damaged()).toEqual([]);
          const image = await other.pull(name, { policy: 'missing' });
          expect(other.images.layerPaths(image)).toHaveLength(3);
          const checked = await other.images.verify({ repairs: false, signal });
          expect(checked).toMatchObject({ findings: [], checked: { blobs: 3, snapshots: 3 } });
          await other.images.prune({ all: true, filter: PRUNE_ALL });
          expect([...(await other.blobs()), ...(await other.snapshots())]).toEqual([]);
        } finally {
          await other.close();
        }
      }
      expect(named).toBeLessThan(ROUNDS);
    } finally {
      await spare.close();
    }
  });
});

describe('a full disk', () => {
  test('is an error that says what to do, and leaves a store that works once there is room', async () => {
    const data = home.dataDir;
    await mkdir(data, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', data]);
    try {
      await home.open();
      const failed = home.pull(`${registry.host}/app:1`);
      await expect(failed).rejects.toMatchObject({
        code: 'E_IMAGE_UNPACK',
        message: expect.stringMatching(/No space left on device/),
        hint: expect.stringMatching(/prune/),
      });
      expect(await home.leftovers()).toEqual([]);
      execFileSync('mount', ['-o', 'remount,size=64m', data]);
      const image = await home.pull(`${registry.host}/app:1`);
      expect(home.images.layerPaths(image)).toHaveLength(3);
    } finally {
      await home.images.close();
      execFileSync('umount', [data]);
    }
  });
});

describe('a full disk with a file system of its own', () => {
  test('stops large files in the middle, and lets them in once there is room', async () => {
    const name = `${registry.host}/large:1`;
    const layers = layersOf(
      [{ path: 'first', content: randomBytes(3_000_001) }],
      [{ path: 'second', content: randomBytes(3_000_512) }],
    );
    registry.store.tags.set('large:1', addImage(registry.store, { layers }));
    const data = home.dataDir;
    const disk = join(home.folder, 'disk');
    await home.images.close();
    execFileSync('truncate', ['-s', '24M', disk]);
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', disk]);
    execFileSync('mount', ['-o', 'loop', disk, data]);
    try {
      const ballast = join(data, 'ballast');
      execFileSync('fallocate', ['-l', '13M', ballast]);
      await home.open();
      await expect(home.pull(name)).rejects.toMatchObject({
        code: 'E_IMAGE_UNPACK',
        message: expect.stringMatching(/No space left on device/),
      });
      expect(await home.leftovers()).toEqual([]);
      await rm(ballast);
      const image = await home.pull(name);
      const tops = home.images.layerPaths(image).map((path) => listTree(path).join('\n'));
      expect(tops.join('\n')).toMatch(/second.* size=3000512[^]*first.* size=3000001/);
      const { findings } = await home.images.verify({
        repairs: false,
        signal: new AbortController().signal,
      });
      expect(findings).toEqual([]);
    } finally {
      await home.images.close();
      execFileSync('umount', [data]);
    }
  });
});

function startChild(dataDir: string, name: string): ChildProcess {
  return spawn(process.execPath, [CHILD, dataDir, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}

/** Kills it so many milliseconds after it began to pull, unless it has ended. */
async function killAfter(child: ChildProcess, ms: number): Promise<void> {
  const ended = new Promise((done) => child.once('close', done));
  await new Promise((done) => child.stdout?.once('data', done));
  // The moment of the crash is what is varied here, not something to wait for.
  await pause(ms);
  child.kill('SIGKILL');
  await ended;
}
