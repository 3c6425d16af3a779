import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PRUNE_ALL } from '../../../src/model/prune-filter.ts';
import { eventually } from '../../support/eventually.ts';
import {
  type Descriptor,
  HOST_ARCHITECTURE,
  OCI,
  addImage,
  addIndex,
  addJson,
  addLayer,
  digestOf,
  layersOf,
} from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { TestRegistry, refuse } from '../../support/test-registry.ts';
import { writeTar } from '../../support/tar-writer.ts';

let home: ImagesHome;
let registry: TestRegistry;
let image: Descriptor;
let layer: Descriptor;
/** Large enough to come in many pieces. */
const BIG = randomBytes(3_000_000);

beforeEach(async () => {
  home = new ImagesHome();
  registry = await TestRegistry.start();
  await home.open({ idleTimeoutMs: 2_000 });
  const layers = layersOf([{ path: 'big', content: BIG }], [{ path: 'small', content: 'small' }]);
  image = addImage(registry.store, { layers });
  const manifest = JSON.parse(registry.store.blobs.get(image.digest)!.toString());
  layer = manifest.layers[0];
  registry.store.tags.set('app:1', image);
});

afterEach(async () => {
  await registry.stop();
  await home.close();
});

const pull = (extras = {}) => home.pull(`${registry.host}/app:1`, extras);
const isBlob = (url: string | undefined): boolean => url?.endsWith(layer.digest) === true;

async function expectNothingLeft(): Promise<void> {
  expect(await home.leftovers()).toEqual([]);
  expect(await home.images.list()).toEqual([]);
}

async function expectWhole(): Promise<void> {
  const found = await pull({ policy: 'never' });
  const view = home.images.openRootView(found);
  expect((await view.readFile('big'))?.equals(BIG)).toBe(true);
  expect(await home.leftovers()).toEqual([]);
}

/** Serves `bytes` under a status and headers of the test's own. */
function answer(response: ServerResponse, bytes: Buffer, headers = {}, status = 200): true {
  response.writeHead(status, headers);
  response.end(bytes);
  return true;
}

describe('asking', () => {
  test('a tag costs one HEAD when nothing has changed', async () => {
    await pull();
    registry.requests.length = 0;
    await pull();
    expect(registry.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'HEAD /v2/app/manifests/1',
    ]);
  });

  test('manifests are fetched by the digest that HEAD named', async () => {
    await pull();
    const paths = registry.paths('GET').filter((path) => path.includes('manifests'));
    expect(paths).toEqual([`/v2/app/manifests/${image.digest}`]);
  });

  test('a registry without HEAD or without digests is asked by GET', async () => {
    registry.misbehave = (request, response) => {
      if (request.method !== 'HEAD') return false;
      refuse(response, 405, 'UNSUPPORTED', 'no HEAD here');
      return true;
    };
    await pull();
    await expectWhole();
    registry.misbehave = (request, response) => {
      if (!request.url!.includes('/manifests/1')) return false;
      const bytes = registry.store.blobs.get(image.digest)!;
      return answer(response, request.method === 'HEAD' ? Buffer.alloc(0) : bytes, {
        'content-type': image.mediaType,
      });
    };
    await pull();
    await expectWhole();
  });

  test('policy missing asks nobody when the image is here, never does not ask at all', async () => {
    await expect(pull({ policy: 'never' })).rejects.toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
    expect(registry.requests).toEqual([]);
    await pull({ policy: 'missing' });
    registry.requests.length = 0;
    await pull({ policy: 'missing' });
    expect(registry.requests).toEqual([]);
  });

  test.each([
    [
      401,
      'E_IMAGE_DENIED',
      /pull access denied .* repository does not exist or may require a login/,
    ],
    [403, 'E_IMAGE_DENIED', /pull access denied/],
    [404, 'E_IMAGE_NOT_FOUND', /manifest unknown/],
    [410, 'E_IMAGE_REGISTRY', /unexpected status 410/],
  ])('status %d is an error at once', async (status, code, message) => {
    registry.misbehave = (_, response) => {
      refuse(response, status, 'X', status === 404 ? 'manifest unknown' : 'because');
      return true;
    };
    await expect(pull()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(registry.requests.length).toBeLessThanOrEqual(2);
    await expectNothingLeft();
  });
});

describe('documents', () => {
  const serveManifest = (bytes: Buffer, mediaType: string = OCI.manifest): void => {
    const digest = digestOf(bytes);
    registry.misbehave = (request, response) => {
      if (!request.url!.includes('/manifests/')) return false;
      return answer(response, request.method === 'HEAD' ? Buffer.alloc(0) : bytes, {
        'content-type': mediaType,
        'docker-content-digest': digest,
      });
    };
  };

  test.each<[string, () => Buffer, string | undefined, RegExp]>([
    [
      'schema 1 by its type',
      () => Buffer.from('{}'),
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
      /schema 1/,
    ],
    [
      'schema 1 by its version',
      () => Buffer.from('{"schemaVersion":1}'),
      'application/json',
      /schema 1/,
    ],
    ['something that is not JSON', () => Buffer.from('<html>'), undefined, /not JSON/],
    [
      'both manifests and layers',
      () => Buffer.from('{"manifests":[],"layers":[]}'),
      undefined,
      /both manifests and layers/,
    ],
    [
      'another type than it says',
      () => Buffer.from(`{"mediaType":"${OCI.index}","layers":[]}`),
      undefined,
      /was served as/,
    ],
    [
      'a manifest without configuration',
      () => Buffer.from('{"layers":[]}'),
      undefined,
      /config of .* not an object/,
    ],
    [
      'an artifact',
      () =>
        Buffer.from(
          JSON.stringify({
            layers: [],
            config: { mediaType: 'application/x', digest: digestOf(Buffer.alloc(0)), size: 0 },
          }),
        ),
      undefined,
      /not an image/,
    ],
    [
      'a manifest of 5 MiB',
      () => Buffer.from(`{"x":"${'x'.repeat(5 << 20)}"}`),
      undefined,
      /larger than 4194304 bytes/,
    ],
  ])('%s is refused', async (_, bytes, mediaType, message) => {
    serveManifest(bytes(), mediaType);
    await expect(pull()).rejects.toThrow(message);
    await expectNothingLeft();
  });

  test('a manifest that is not what its digest says is refused', async () => {
    const other = Buffer.from(
      registry.store.blobs.get(image.digest)!.toString().replace('{', '{ '),
    );
    registry.misbehave = (request, response) =>
      request.method === 'GET' && request.url!.includes('/manifests/')
        ? answer(response, other, { 'content-type': OCI.manifest })
        : false;
    await expect(pull()).rejects.toMatchObject({ code: 'E_IMAGE_DIGEST' });
    await expectNothingLeft();
  });

  test('a body without end is cut off', async () => {
    registry.misbehave = (request, response) => {
      if (request.method !== 'GET' || !request.url!.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': OCI.manifest });
      const piece = Buffer.alloc(65_536, ' ');
      const more = (): void => {
        while (!response.destroyed && response.write(piece)) continue;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      return true;
    };
    await expect(pull()).rejects.toThrow(/larger than/);
  });

  test('an index gives the image for this machine or the one asked for', async () => {
    const make = (architecture: string, variant?: string): Descriptor => {
      const platform = { os: 'linux', architecture, ...(variant !== undefined && { variant }) };
      const layers = layersOf([{ path: 'arch', content: architecture + (variant ?? '') }]);
      return { ...addImage(registry.store, { layers, platform }), platform };
    };
    const attestation = {
      ...make('amd64'),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    };
    const index = addIndex(registry.store, [
      attestation,
      make('s390x'),
      make('arm', 'v6'),
      make(HOST_ARCHITECTURE),
    ]);
    registry.store.tags.set('app:1', index);
    const read = async (platform?: string): Promise<string | undefined> => {
      const found = await pull(platform === undefined ? {} : { platform });
      return (await home.images.openRootView(found).readFile('arch'))?.toString();
    };
    expect(await read()).toBe(HOST_ARCHITECTURE);
    expect(await read('linux/s390x')).toBe('s390x');
    expect(await read('linux/arm/v7')).toBe('armv6');
    await expect(read('linux/riscv64')).rejects.toMatchObject({
      code: 'E_IMAGE_PLATFORM',
      hint: `Choose one of the platforms it is made for: linux/s390x, linux/arm/v6, linux/${HOST_ARCHITECTURE}.`,
    });
    expect(await home.images.list()).toHaveLength(3);
    const source = {
      kind: 'registry',
      reference: { domain: registry.host, repository: 'app', tag: '1', digest: undefined },
    } as const;
    expect((await home.images.find(source, 'linux/s390x'))?.config.platform.architecture).toBe(
      's390x',
    );
    expect(await home.images.find(source, 'linux/ppc64le')).toBeUndefined();
  });

  test('an image of another machine is taken with a warning, unless a platform was asked for', async () => {
    const platform = { os: 'linux', architecture: 's390x' };
    registry.store.tags.set('app:1', addImage(registry.store, { layers: [], platform }));
    await pull();
    expect(home.progress.find((item) => item.kind === 'warning')?.message).toMatch(
      /made for linux\/s390x/,
    );
    await expect(pull({ platform: 'linux/arm64' })).rejects.toMatchObject({
      code: 'E_IMAGE_PLATFORM',
    });
  });

  test('layers that do not fit the configuration are refused', async () => {
    const tar = writeTar([{ path: 'x', content: 'x' }]);
    const config = addJson(registry.store, OCI.config, {
      os: 'linux',
      architecture: HOST_ARCHITECTURE,
      rootfs: { type: 'layers', diff_ids: [digestOf(Buffer.from('other'))] },
    });
    const layers = [addLayer(registry.store, { tar })];
    const manifest = (list: Descriptor[]) =>
      addJson(registry.store, OCI.manifest, {
        schemaVersion: 2,
        mediaType: OCI.manifest,
        config,
        layers: list,
      });
    registry.store.tags.set('app:1', manifest(layers));
    await expect(pull()).rejects.toMatchObject({
      code: 'E_IMAGE_DIGEST',
      message: expect.stringMatching(/diff ID/),
    });
    registry.store.tags.set('app:1', manifest([]));
    await expect(pull()).rejects.toThrow(/manifest has 0 layers, its configuration 1/);
    const encrypted = { ...layers[0]!, mediaType: `${OCI.layer}+gzip+encrypted` };
    registry.store.tags.set('app:1', manifest([encrypted]));
    await expect(pull()).rejects.toThrow(/encrypted/);
    await expectNothingLeft();
  });
});

describe('blobs', () => {
  test('a blob with other content is never kept', async () => {
    const other = Buffer.from(registry.store.blobs.get(layer.digest)!);
    other[other.length - 20]! ^= 1;
    registry.misbehave = (request, response) =>
      isBlob(request.url) ? answer(response, other) : false;
    await expect(pull()).rejects.toThrow(/damaged|checksum|cannot unpack/);
    await expectNothingLeft();
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
    await expectNothingLeft();
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
      await expectWhole();
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
    await expectWhole();
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
    await expectWhole();
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
    await expectWhole();
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

describe('redirects', () => {
  test('go to another host without the authorization', async () => {
    const elsewhere = await TestRegistry.start();
    try {
      for (const [digest, bytes] of registry.store.blobs) elsewhere.store.blobs.set(digest, bytes);
      registry.misbehave = (request, response) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
          response.end();
          return true;
        }
        if (!isBlob(request.url)) return false;
        response.writeHead(307, {
          location: `http://localhost:${elsewhere.port}${request.url}?sig=secret`,
        });
        response.end();
        return true;
      };
      await mkdir(`${home.folder}/.docker`);
      const auth = Buffer.from('user:pass').toString('base64');
      await writeFile(
        `${home.folder}/.docker/config.json`,
        JSON.stringify({ auths: { [registry.host]: { auth } } }),
      );
      elsewhere.misbehave = (request) => {
        request.url = request.url!.replace(/\?.*$/, '');
        return false;
      };
      await pull();
      await expectWhole();
      expect(elsewhere.requests.map((seen) => seen.headers.authorization)).toEqual([undefined]);
    } finally {
      await elsewhere.stop();
    }
  });

  test('in circles end', async () => {
    registry.misbehave = (request, response) => {
      response.writeHead(302, { location: request.url });
      response.end();
      return true;
    };
    await expect(pull()).rejects.toThrow(/redirects in circles/);
    expect(registry.requests.length).toBeLessThan(20);
  });

  test.each(['ftp://example.com/', 'file:///etc/passwd'])('to %s are refused', async (location) => {
    registry.misbehave = (_, response) => {
      response.writeHead(302, { location });
      response.end();
      return true;
    };
    await expect(pull()).rejects.toThrow(/it redirects to/);
  });
});

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
    await expectWhole();
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
    await expectWhole();
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
    await expectNothingLeft();
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
