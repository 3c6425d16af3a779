import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTick } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Image } from '../../../src/model/image.ts';
import { PRUNE_ALL } from '../../../src/model/prune-filter.ts';
import { parseImageSource } from '../../../src/model/reference.ts';
import { addImage, addIndex, HOST_ARCHITECTURE, layersOf } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { TestRegistry } from '../../support/test-registry.ts';
import { listTree } from '../../support/tree-list.ts';

let home: ImagesHome;
let registry: TestRegistry;

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
  registry = await TestRegistry.start();
});

afterEach(async () => {
  await registry.stop();
  await home.close();
});

/** Serves an image with a layer that all share and one of its own; gives its name. */
function serve(name: string, labels: Record<string, string> = {}): string {
  const layers = layersOf([{ path: 'base', content: 'base' }], [{ path: 'own', content: name }]);
  const manifest = addImage(registry.store, { layers, config: { Labels: labels } });
  const platform = { os: 'linux', architecture: HOST_ARCHITECTURE };
  registry.store.tags.set(`${name}:1`, addIndex(registry.store, [{ ...manifest, platform }]));
  return `${registry.host}/${name}:1`;
}

function blobPath(digest: string | undefined): string {
  if (digest === undefined) throw new Error('no such blob');
  return join(home.dataDir, 'images/blobs/sha256', digest.replace('sha256:', ''));
}

const everything = { all: true, filter: PRUNE_ALL } as const;

describe('an image that comes into use while images are removed', () => {
  const ways = {
    prune: () => home.images.prune(everything),
    remove: (name: string) => home.images.remove(name, { force: false }).catch(() => undefined),
  };
  for (const [way, remove] of Object.entries(ways)) {
    test(`INVARIANT: what was found and is held is not collected by ${way}`, async () => {
      const name = serve('app');
      const source = parseImageSource(name);
      let found = 0;
      for (let round = 0; round < 60; round += 1) {
        const pulled = await home.pull(name, { policy: 'missing' });
        const finding = home.images.findHeld(source, undefined, (image) =>
          home.use(image, 'web.1'),
        );
        // The moment is what is varied.
        for (let tick = 0; tick < round % 12; tick += 1) await nextTick();
        const removing = remove(name);
        const held = await finding;
        await removing;
        if (held !== undefined) {
          found += 1;
          expect(await home.images.find(source)).toEqual(held);
          expect(home.images.layerPaths(pulled).flatMap((path) => listTree(path))).toHaveLength(4);
        }
        home.users.length = 0;
      }
      expect(found).toBeGreaterThan(0);
    });
  }

  test('an image of an index goes only with all images of that index', async () => {
    const platform = { os: 'linux', architecture: HOST_ARCHITECTURE };
    const foreign = { os: 'linux', architecture: 'riscv64' };
    const [own, other] = [platform, foreign].map((made) => {
      const layers = layersOf([{ path: 'made-for', content: made.architecture }]);
      return { ...addImage(registry.store, { layers, platform: made }), platform: made };
    });
    registry.store.tags.set('many:1', addIndex(registry.store, [own!, other!]));
    const name = `${registry.host}/many:1`;
    await home.pull(name);
    home.use(await home.pull(name, { platform: 'linux/riscv64' }), 'web.1');
    await expect(home.images.remove(name, { force: false })).rejects.toMatchObject({
      code: 'E_IMAGE_IN_USE',
    });
  });
});

describe('an image whose documents are damaged', () => {
  let damaged: Image;
  let name: string;
  let sound: Image;

  beforeEach(async () => {
    name = serve('damaged');
    damaged = await home.pull(name);
    sound = await home.pull(serve('sound'));
  });

  const documents: Record<string, () => string | undefined> = {
    index: () => damaged.targetDigest,
    manifest: () => damaged.manifestDigest,
    configuration: () => damaged.id,
  };
  const harms: Record<string, (path: string) => Promise<void>> = {
    'with other bytes': (path) => appendFile(path, ' '),
    'that is missing': (path) => rm(path),
  };
  for (const [document, digestOf] of Object.entries(documents)) {
    for (const [harm, apply] of Object.entries(harms)) {
      test(`${document} ${harm}: it is told, loses no layer, and is repaired`, async () => {
        const layers = [damaged, sound].flatMap((image) => home.images.layerPaths(image));
        const before = layers.flatMap((path) => listTree(path));
        await apply(blobPath(digestOf()));
        await home.open();
        home.use(sound, 'web.1');
        expect((await home.images.list()).map(({ id }) => id)).toEqual([sound.id]);
        expect(await home.images.damaged()).toEqual([name]);
        const unused = await home.pull(serve('unused'));
        const pruned = await home.images.prune(everything);
        expect(pruned).toMatchObject({ deleted: [unused.id], damaged: [name] });
        expect(pruned.freedBytes).toBeGreaterThan(0);
        expect(layers.flatMap((path) => listTree(path))).toEqual(before);
        const signal = new AbortController().signal;
        const { findings } = await home.images.verify({ nameOrId: name, repairs: true, signal });
        expect(findings).toMatchObject([{ kind: 'document', outcome: 'repaired' }]);
        expect(await home.images.damaged()).toEqual([]);
        expect(await home.images.find(parseImageSource(name))).toEqual(damaged);
      });
    }
  }

  test('keeps the layers of its container, even when it is removed by force', async () => {
    const before = home.images.layerPaths(damaged).flatMap((path) => listTree(path));
    await rm(blobPath(damaged.manifestDigest));
    await home.open();
    home.use(damaged, 'web.1');
    await expect(home.images.remove(name, { force: false })).rejects.toMatchObject({
      code: 'E_IMAGE_STORE',
      hint: expect.stringContaining('image verify'),
    });
    expect(await home.images.remove(name, { force: true })).toEqual({
      untagged: [name],
      deleted: [],
    });
    await home.images.prune(everything);
    expect(home.images.layerPaths(damaged).flatMap((path) => listTree(path))).toEqual(before);
    expect(await home.snapshots()).toHaveLength(2);
  });
});

describe('a filter of prune', () => {
  test('keeps what was made later, lacks a label or has another', async () => {
    const [red, blue] = [serve('red', { colour: 'red' }), serve('blue', { colour: 'blue' })];
    for (const name of [red, blue]) await home.pull(name);
    const prune = async (filter: Partial<typeof PRUNE_ALL>): Promise<readonly string[]> => {
      const { untagged } = await home.images.prune({
        all: true,
        filter: { ...PRUNE_ALL, ...filter },
      });
      return untagged;
    };
    expect(await prune({ labels: ['colour=green'] })).toEqual([]);
    expect(await prune({ withoutLabels: ['colour'] })).toEqual([]);
    expect(await prune({ labels: ['colour'], withoutLabels: ['colour=red'] })).toEqual([blue]);
    expect(await prune({ createdBefore: new Date().toISOString() })).toEqual([red]);
  });
});

describe('an image that was asked for by its digest', () => {
  const pruneNameless = () => home.images.prune({ all: false, filter: PRUNE_ALL });

  test.each(['before', 'after'])('%s its tag moved is no image without a name', async (when) => {
    const name = serve('app');
    const old = await home.pull(name);
    const pinned = `${name.slice(0, -':1'.length)}@${old.targetDigest}`;
    if (when === 'before') {
      await home.pull(pinned, { policy: 'missing' });
      await home.pull(name); // the same once more
    }
    serve('other');
    registry.store.tags.set('app:1', registry.store.tags.get('other:1')!);
    const renewed = await home.pull(name);
    if (when === 'after') await home.pull(pinned, { policy: 'missing' });
    expect(await pruneNameless()).toMatchObject({ deleted: [] });
    const named = (await home.images.list()).map((image) => [image.id, image.names]);
    expect(new Map(named as [string, string[]][])).toEqual(
      new Map([
        [renewed.id, [name]],
        [old.id, [pinned]],
      ]),
    );
    await registry.stop();
    expect(await home.pull(pinned, { policy: 'never' })).toMatchObject({ id: old.id });
    expect(await home.images.remove(pinned, { force: false })).toMatchObject({ deleted: [old.id] });
    registry = await TestRegistry.start();
  });

  test('goes with its only name all the same', async () => {
    const name = serve('app');
    const old = await home.pull(name);
    await home.pull(`${name}@${old.targetDigest}`, { policy: 'missing' });
    expect((await home.images.list()).map((image) => image.names)).toEqual([[name]]);
    expect(await home.images.remove(name, { force: false })).toMatchObject({ deleted: [old.id] });
    expect(await home.leftovers()).toEqual([]);
  });
});
