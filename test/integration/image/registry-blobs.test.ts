import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PRUNE_ALL } from '../../../src/model/prune-filter.ts';
import { type Descriptor, addImage, addLayer, digestOf } from '../../support/image-fixture.ts';
import type { ImagesHome } from '../../support/images-home.ts';
import { PullLab, answer } from '../../support/pull-lab.ts';
import { TestRegistry, refuse } from '../../support/test-registry.ts';
import { writeTar } from '../../support/tar-writer.ts';

let lab: PullLab;
let home: ImagesHome;
let registry: TestRegistry;
let image: Descriptor;
let layer: Descriptor;

beforeEach(async () => {
  lab = await PullLab.open();
  ({ home, registry, image, layer } = lab);
});

afterEach(() => lab.close());

const pull = (extras = {}) => lab.pull(extras);
const isBlob = (url: string | undefined): boolean => lab.isBlob(url);

describe('blobs', () => {
  test('a blob with other content is never kept', async () => {
    const other = Buffer.from(registry.store.blobs.get(layer.digest)!);
    other[other.length - 20]! ^= 1;
    registry.misbehave = (request, response) =>
      isBlob(request.url) ? answer(response, other) : false;
    await expect(pull()).rejects.toThrow(/damaged|checksum|cannot unpack/);
    await lab.expectNothingLeft();
  });

  test.each([
    ['more', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')])],
    ['less', (bytes: Buffer) => bytes.subarray(0, -4)],
  ])('a blob of %s bytes than stated is refused at once', async (_, change) => {
    const bytes = change(registry.store.blobs.get(layer.digest)!);
    registry.misbehave = (request, response) =>
      isBlob(request.url) ? answer(response, bytes, { 'content-length': bytes.length }) : false;
    await expect(pull()).rejects.toMatchObject({ code: 'E_IMAGE_DIGEST' });
    registry.misbehave = (request, response) =>
      isBlob(request.url) ? answer(response, bytes) : false;
    await expect(pull()).rejects.toMatchObject({ code: expect.stringMatching(/DIGEST|REGISTRY/) });
    await lab.expectNothingLeft();
  });

  test.each([true, false])(
    'what breaks off goes on where it stopped (server knows ranges: %s)',
    async (knows) => {
      let cuts = 0;
      registry.misbehave = (request, response) => {
        if (!isBlob(request.url)) return false;
        if (!knows) delete request.headers.range;
        if (cuts === 3) return false;
        cuts += 1;
        const bytes = registry.store.blobs.get(layer.digest)!;
        const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
        response.writeHead(start > 0 ? 206 : 200, {
          'content-length': bytes.length - start,
          ...(start > 0 && {
            'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
          }),
        });
        response.write(bytes.subarray(start, 700_000 * cuts), () => response.destroy());
        return true;
      };
      await pull();
      await lab.expectWhole();
      const ranges = registry.requests.filter(({ path }) => isBlob(path));
      expect(ranges).toHaveLength(4);
      expect(home.progress.filter((item) => item.kind === 'retry')).toHaveLength(3);
    },
  );

  test('a server that falls silent is left and asked again', async () => {
    let isSilent = true;
    registry.misbehave = (request, response) => {
      if (!isBlob(request.url) || !isSilent) return false;
      isSilent = false;
      response.writeHead(200, { 'content-length': layer.size });
      response.write(registry.store.blobs.get(layer.digest)!.subarray(0, 1000));
      return true;
    };
    await pull();
    await lab.expectWhole();
    expect(home.progress.find((item) => item.kind === 'retry')?.reason).toMatch(
      /silent for too long/,
    );
  });

  test('errors of the server are met with patience, and then with an end', async () => {
    let failures = 3;
    registry.misbehave = (_, response) => {
      failures -= 1;
      if (failures < 0) return false;
      refuse(response, failures === 1 ? 502 : 500, 'UNKNOWN', 'overworked');
      return true;
    };
    await pull();
    await lab.expectWhole();
    failures = 1e9;
    registry.requests.length = 0;
    await expect(pull()).rejects.toMatchObject({
      code: 'E_IMAGE_REGISTRY',
      message: expect.stringMatching(/status 500/),
    });
    expect(registry.requests).toHaveLength(5);
  });

  test('a limit on requests is waited for as long as the server says', async () => {
    let isFirst = true;
    registry.misbehave = (_, response) => {
      if (!isFirst) return false;
      isFirst = false;
      response.writeHead(429, { 'retry-after': '1' });
      response.end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] }));
      return true;
    };
    await pull();
    expect(home.progress.find((item) => item.kind === 'retry')).toMatchObject({ delayMs: 1000 });
    registry.misbehave = (_, response) => {
      response.writeHead(429, { 'retry-after': '86400' });
      response.end(
        JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'come back tomorrow' }] }),
      );
      return true;
    };
    await expect(pull()).rejects.toMatchObject({
      message: expect.stringMatching(/toomanyrequests/),
    });
  });

  test('what the disk has lost is fetched again', async () => {
    const found = await pull();
    const blobs = join(home.dataDir, 'images/blobs/sha256');
    const damage = async (digest: string): Promise<void> => {
      const path = join(blobs, digest.slice(7));
      const bytes = await readFile(path);
      bytes[bytes.length - 20]! ^= 1;
      await writeFile(path, bytes);
    };
    await damage(layer.digest);
    await damage(image.digest);
    await damage(found.id);
    await rm(join(home.dataDir, 'snapshots'), { recursive: true });
    await home.open();
    await expect(pull({ policy: 'never' })).rejects.toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
    await pull({ policy: 'missing' });
    await lab.expectWhole();
    for (const digest of [layer.digest, image.digest, found.id]) {
      expect(digestOf(await readFile(join(blobs, digest.slice(7))))).toBe(digest);
    }
  });

  test('a foreign layer comes from its own address, or else from the registry', async () => {
    const tar = writeTar([{ path: 'foreign', content: 'foreign' }]);
    const elsewhere = await TestRegistry.start();
    try {
      const spec = { tar, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' };
      const url = (path: string): string => `http://${elsewhere.host}${path}`;
      const blob = addLayer(elsewhere.store, spec);
      const urls = [url('/broken'), url(`/v2/x/blobs/${blob.digest}`)];
      registry.store.tags.set('app:1', addImage(registry.store, { layers: [{ ...spec, urls }] }));
      const bytes = elsewhere.store.blobs.get(blob.digest)!;
      registry.store.blobs.delete(blob.digest);
      await pull();
      elsewhere.store.blobs.clear();
      registry.store.blobs.set(blob.digest, bytes);
      await home.images.prune({ all: true, filter: PRUNE_ALL });
      await pull();
      expect(await home.snapshots()).toHaveLength(1);
    } finally {
      await elsewhere.stop();
    }
  });
});
