import { appendFile, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { VerifyResult } from '../../../src/image/verification.ts';
import type { Image } from '../../../src/model/image.ts';
import { addImage, addIndex, HOST_ARCHITECTURE, layersOf } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { TestRegistry } from '../../support/test-registry.ts';
import { listTree } from '../../support/tree-list.ts';

let home: ImagesHome;
let registry: TestRegistry;
let name: string;
let image: Image;

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
  registry = await TestRegistry.start();
  name = `${registry.host}/app:1`;
  const layers = layersOf(
    [
      { path: 'bin/tool', content: 'first', mode: 0o755 },
      { path: 'bin/same', type: '1', link: 'bin/tool' },
    ],
    [
      { path: 'etc/name', content: 'app' },
      { path: 'bin/.wh.same', content: '' },
    ],
  );
  const manifest = addImage(registry.store, { layers });
  const platform = { os: 'linux', architecture: HOST_ARCHITECTURE };
  const other = { os: 'linux', architecture: 'riscv64' };
  const foreign = addImage(registry.store, {
    layers: layersOf([{ path: 'x', content: 'x' }]),
    platform: other,
  });
  registry.store.tags.set(
    'app:1',
    addIndex(registry.store, [
      { ...foreign, platform: other },
      { ...manifest, platform },
    ]),
  );
  image = await home.pull(name);
});

afterEach(async () => {
  await registry.stop();
  await home.close();
});

function verify(repairs: boolean, nameOrId?: string): Promise<VerifyResult> {
  return home.images.verify({ nameOrId, repairs, signal: new AbortController().signal });
}

function snapshot(fromTop: number): string {
  const path = home.images.layerPaths(image)[fromTop];
  if (path === undefined) throw new Error('no such layer');
  return path;
}

async function blobPaths(): Promise<string[]> {
  return (await home.blobs()).map((blob) => join(home.dataDir, 'images/blobs/sha256', blob));
}

/** Verifies with repairs, and then finds nothing more and what was there in the beginning. */
async function expectRepaired(before: readonly string[]): Promise<VerifyResult> {
  const repaired = await verify(true);
  expect(repaired.findings.map((one) => one.outcome)).not.toContain('kept');
  expect((await verify(false)).findings).toEqual([]);
  expect([...listTree(snapshot(0)), ...listTree(snapshot(1))]).toEqual(before);
  expect(await home.leftovers()).toEqual([]);
  return repaired;
}

describe('verifying the store', () => {
  test('finds nothing wrong with what was pulled, and looks at all of it', async () => {
    const result = await verify(true);
    expect(result).toEqual({
      checked: { documents: 3, blobs: 2, snapshots: 2 },
      findings: [],
    });
  });

  test('finds and repairs each blob whose bytes changed', async () => {
    const before = [...listTree(snapshot(0)), ...listTree(snapshot(1))];
    for (const path of await blobPaths()) {
      const bytes = await readFile(path);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(path, bytes);
      const told = await verify(false);
      expect(told.findings).toMatchObject([{ outcome: 'kept', obstacle: undefined }]);
      expect((await readFile(path)).equals(bytes)).toBe(true);
      const { findings } = await expectRepaired(before);
      expect(findings).toHaveLength(1);
    }
  });

  test('finds and repairs each blob that is missing or longer', async () => {
    const before = [...listTree(snapshot(0)), ...listTree(snapshot(1))];
    for (const path of await blobPaths()) {
      await rm(path);
      await expectRepaired(before);
      await appendFile(path, 'more');
      await expectRepaired(before);
    }
  });

  test.each([
    ['content', (path: string) => writeFile(join(path, 'etc/name'), 'apq'), 'etc/name'],
    [
      'a file too many',
      (path: string) => writeFile(join(path, 'etc/more'), ''),
      'etc/more: not part of the layer',
    ],
    ['a file too few', (path: string) => rm(join(path, 'etc/name')), 'etc/name: missing'],
    ['a folder with another time', (path: string) => utimes(join(path, 'etc'), 1, 1), 'etc: time'],
    ['a snapshot that is gone', (path: string) => rm(path, { recursive: true }), 'missing'],
  ])('finds and repairs in a snapshot %s', async (_, damage, where) => {
    const before = [...listTree(snapshot(0)), ...listTree(snapshot(1))];
    await damage(snapshot(0));
    expect((await verify(false)).findings).toMatchObject([
      { kind: 'snapshot', image: name, outcome: 'kept', fault: expect.stringContaining(where) },
    ]);
    await expectRepaired(before);
  });

  test('never replaces a snapshot that a container uses, and says so', async () => {
    home.use(image, 'web.1');
    await writeFile(join(snapshot(0), 'etc/name'), 'apq');
    const { findings } = await verify(true);
    expect(findings).toMatchObject([
      { kind: 'snapshot', outcome: 'kept', obstacle: expect.stringContaining('web.1') },
    ]);
    expect(await readFile(join(snapshot(0), 'etc/name'), 'utf8')).toBe('apq');
  });

  test('keeps what it cannot fetch again, and says why', async () => {
    const blob = registry.store.blobs;
    const [path = ''] = await blobPaths();
    await appendFile(path, 'more');
    blob.clear();
    const { findings } = await verify(true);
    expect(findings).toMatchObject([
      { outcome: 'kept', obstacle: expect.stringMatching(/lacks|not found/) },
    ]);
  });

  test('takes away a damaged blob that nothing needs', async () => {
    const stray = join(home.dataDir, 'images/blobs/sha256', 'a'.repeat(64));
    await writeFile(stray, 'something else');
    expect((await verify(true)).findings).toMatchObject([{ kind: 'blob', outcome: 'removed' }]);
    expect((await verify(true)).findings).toEqual([]);
  });
});
