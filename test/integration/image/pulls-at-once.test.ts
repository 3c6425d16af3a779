import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PRUNE_ALL } from '../../../src/model/prune-filter.ts';
import { eventually } from '../../support/eventually.ts';
import { type Descriptor, addImage, layersOf } from '../../support/image-fixture.ts';
import type { ImagesHome } from '../../support/images-home.ts';
import { BIG, PullLab } from '../../support/pull-lab.ts';
import { type TestRegistry } from '../../support/test-registry.ts';

let lab: PullLab;
let home: ImagesHome;
let registry: TestRegistry;
let layer: Descriptor;

beforeEach(async () => {
  lab = await PullLab.open();
  ({ home, registry, layer } = lab);
});

afterEach(() => lab.close());

const pull = (extras = {}) => lab.pull(extras);
const isBlob = (url: string | undefined): boolean => lab.isBlob(url);

describe('many at once', () => {
  test('pulls that need one blob fetch it once', async () => {
    const layers = layersOf([{ path: 'big', content: BIG }], [{ path: 'own', content: 'own' }]);
    registry.store.tags.set('other:1', addImage(registry.store, { layers }));
    await Promise.all([
      pull(),
      home.pull(`${registry.host}/other:1`),
      pull(),
      home.pull(`${registry.host}/other:1`, { policy: 'missing' }),
    ]);
    expect(registry.paths('GET').filter((path) => isBlob(path))).toHaveLength(1);
    await lab.expectWhole();
  });

  test('a layer that an image has twice is fetched once and shown twice', async () => {
    const [one, two] = layersOf([{ path: 'a', content: 'a' }], [{ path: 'b', content: 'b' }]);
    registry.store.tags.set('app:1', addImage(registry.store, { layers: [one!, two!, one!] }));
    const found = await pull();
    expect(home.images.layerPaths(found)).toHaveLength(3);
    expect(await home.snapshots()).toHaveLength(3);
    expect(new Set(registry.paths('GET')).size).toBe(registry.paths('GET').length);
  });

  test('the first of two may give up: the second goes on', async () => {
    const abort = new AbortController();
    registry.misbehave = (request, response) => {
      if (!isBlob(request.url) || abort.signal.aborted) return false;
      response.writeHead(200, { 'content-length': layer.size });
      response.write(registry.store.blobs.get(layer.digest)!.subarray(0, 1000));
      return true;
    };
    const first = pull({ signal: abort.signal });
    first.catch(() => undefined);
    await eventually(() => registry.requests.some(({ path }) => isBlob(path)), 5_000);
    const second = home.pull(`${registry.host}/app:1`);
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await second;
    await lab.expectWhole();
  });

  test('giving up leaves nothing, and closing the connection is noticed', async () => {
    const abort = new AbortController();
    let isClosed = false;
    registry.misbehave = (request, response) => {
      if (!isBlob(request.url)) return false;
      request.once('close', () => (isClosed = true));
      response.once('close', () => (isClosed = true));
      response.writeHead(200, { 'content-length': layer.size });
      response.write(registry.store.blobs.get(layer.digest)!.subarray(0, 100_000));
      return true;
    };
    const pulled = pull({ signal: abort.signal });
    pulled.catch(() => undefined);
    await eventually(
      () => home.progress.some((item) => item.kind === 'layer' && item.currentBytes > 0),
      5_000,
    );
    abort.abort();
    await expect(pulled).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await eventually(() => isClosed, 5_000);
    await lab.expectNothingLeft();
  });

  test('pulls and prunes at once never leave a named image incomplete', async () => {
    for (let at = 0; at < 6; at += 1) {
      const layers = layersOf([{ path: 'big', content: BIG }], [{ path: 'n', content: `${at}` }]);
      registry.store.tags.set(`many:${at}`, addImage(registry.store, { layers }));
    }
    let isOver = false;
    const pruning = (async () => {
      while (!isOver) await home.images.prune({ all: true, filter: PRUNE_ALL });
    })();
    for (let round = 0; round < 5; round += 1) {
      const names = [0, 1, 2, 3, 4, 5].map((at) => `${registry.host}/many:${at}`);
      const images = await Promise.all(names.map((name) => home.pull(name, { policy: 'missing' })));
      expect(images).toHaveLength(6);
    }
    isOver = true;
    await pruning;
    for (const found of await home.images.list()) {
      const view = home.images.openRootView(found);
      expect((await view.readFile('big'))?.equals(BIG)).toBe(true);
    }
    expect(await home.leftovers()).toEqual([]);
  });
});
