import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { PushProgress } from '../../../src/model/transfer.ts';
import {
  HOST_ARCHITECTURE,
  addImage,
  addIndex,
  layersOf,
  newStore,
  writeLayout,
} from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { TestRegistry } from '../../support/test-registry.ts';

const signal = new AbortController().signal;
let home: ImagesHome;
let registry: Registry;
let progress: PushProgress[];

beforeAll(async () => {
  registry = await startRegistry();
});

afterAll(() => registry.stop());

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
  progress = [];
});

afterEach(() => home.close());

function push(image: string, destination: string, chunkBytes?: number) {
  return home.images.transfers.push({
    image,
    destination,
    platform: undefined,
    ...(chunkBytes !== undefined && { chunkBytes }),
    signal,
    onProgress: (item) => progress.push(item),
  });
}

/** How the blobs got there, sorted. */
function outcomes(): string[] {
  const last = new Map<string, string>();
  for (const item of progress) if (item.kind === 'blob') last.set(item.digest, item.status);
  return [...last.values()].sort();
}

async function seed(layers = layersOf([{ path: 'a', content: randomBytes(300_000) }])) {
  const store = newStore();
  store.tags.set('app', addImage(store, { layers, config: { Cmd: ['/a'] } }));
  const folder = join(home.folder, 'seed');
  await rm(folder, { recursive: true, force: true });
  await writeLayout(store, folder);
  return home.pull(`oci:${folder}:app`);
}

/** The manifest that skopeo reads back, with its blobs checked on the way. */
function readBack(name: string): { config: { digest: string } } {
  const copy = join(home.folder, 'copy');
  const plain = '--src-tls-verify=false';
  execFileSync('skopeo', ['copy', '-q', plain, `docker://${name}`, `oci:${copy}:x`]);
  const raw = execFileSync('skopeo', [
    'inspect',
    '--raw',
    '--tls-verify=false',
    `docker://${name}`,
  ]);
  return JSON.parse(raw.toString()) as { config: { digest: string } };
}

describe('a push', () => {
  test('uploads whole blobs; skopeo reads them back; again nothing is sent', async () => {
    const image = await seed();
    const name = `${registry.host}/push/whole:1`;
    const { digest } = await push(image.id, name);
    expect(digest).toBe(image.targetDigest);
    expect(outcomes()).toEqual(['done', 'done']);
    expect(readBack(name).config.digest).toBe(image.id);
    progress = [];
    await push(image.id, name);
    expect(outcomes()).toEqual(['exists', 'exists']);
  });

  test('uploads large blobs in pieces', async () => {
    const image = await seed();
    const name = `${registry.host}/push/pieces:1`;
    await push(image.id, name, 64 * 1024);
    expect(
      progress.filter((item) => item.kind === 'blob' && item.status === 'uploading').length,
    ).toBeGreaterThan(4);
    expect(readBack(name).config.digest).toBe(image.id);
  });

  test('takes blobs over from another repository of the registry', async () => {
    const image = await seed();
    const first = `${registry.host}/push/from:1`;
    await push(image.id, first);
    await home.images.transfers.tag(image.id, first);
    progress = [];
    const second = `${registry.host}/push/to:1`;
    await push(first, second);
    expect(outcomes()).toEqual(['mounted', 'mounted']);
    expect(readBack(second).config.digest).toBe(image.id);
  });

  test('of an index that is complete pushes all of it, else the image for this machine', async () => {
    const store = newStore();
    const platforms = [HOST_ARCHITECTURE, HOST_ARCHITECTURE === 's390x' ? 'amd64' : 's390x'];
    const manifests = platforms.map((architecture) => {
      const platform = { os: 'linux', architecture };
      const layers = layersOf([{ path: architecture, content: architecture }]);
      return { ...addImage(store, { layers, platform }), platform };
    });
    store.tags.set('multi', addIndex(store, manifests));
    const folder = join(home.folder, 'multi');
    await writeLayout(store, folder);
    const source = `oci:${folder}:multi`;
    const { targetDigest, manifestDigest } = await home.pull(source);
    const name = `${registry.host}/push/multi:1`;
    expect((await push(source, name)).digest).toBe(manifestDigest);
    expect(progress.find((item) => item.kind === 'warning')).toMatchObject({
      message: expect.stringContaining(`linux/${platforms[1] ?? ''}`),
    });
    await home.pull(source, { platform: `linux/${platforms[1] ?? ''}` });
    expect((await push(source, name)).digest).toBe(targetDigest);
    const all = execFileSync('skopeo', [
      'copy',
      '-q',
      '--all',
      '--src-tls-verify=false',
      `docker://${name}`,
      `oci:${join(home.folder, 'all')}:x`,
    ]);
    expect(all.toString()).toBe('');
  });
});

describe('a registry that asks who is there', () => {
  const user = { name: 'ann', password: 'pa55:word' };

  test('takes a push with the right password, and says that a login is missing', async () => {
    const closed = await startRegistry({ user });
    try {
      const image = await seed();
      const name = `${closed.host}/push/closed:1`;
      await expect(push(image.id, name)).rejects.toMatchObject({
        code: 'E_IMAGE_DENIED',
        message: expect.stringContaining('push access denied'),
        hint: expect.stringContaining(`ocup login ${closed.host}`),
      });
    } finally {
      await closed.stop();
    }
  });
});

describe('a registry that misbehaves', () => {
  let broken: TestRegistry;
  const uploads = new Map<string, Buffer>();
  let failures = 0;

  beforeEach(async () => {
    broken = await TestRegistry.start();
    uploads.clear();
    failures = 0;
    // An upload that is cut in its middle once, and goes on where it stopped.
    broken.misbehave = (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      const { method } = request;
      const id = /uploads\/(\w+)$/.exec(url.pathname)?.[1];
      if (method === 'HEAD' && url.pathname.includes('/blobs/')) {
        response.writeHead(404).end();
        return true;
      }
      if (method === 'POST') {
        const name = `u${uploads.size}`;
        uploads.set(name, Buffer.alloc(0));
        response.writeHead(202, { location: `${url.pathname}${name}?state=S3CRETSTATE` }).end();
        return true;
      }
      if (id !== undefined) {
        const held = uploads.get(id) ?? Buffer.alloc(0);
        if (method === 'GET') {
          const range = `0-${Math.max(0, held.length - 1)}`;
          response.writeHead(204, { range, location: `${url.pathname}?state=again` }).end();
          return true;
        }
        const chunks: Buffer[] = [held];
        let size = held.length;
        request.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (failures === 0 && size > 150_000) {
            failures += 1;
            uploads.set(id, Buffer.concat(chunks));
            request.destroy();
          }
        });
        request.on('end', () => {
          uploads.set(id, Buffer.concat(chunks));
          response.writeHead(method === 'PUT' ? 201 : 202, { location: `${url.pathname}?x=1` });
          response.end();
        });
        return true;
      }
      if (method === 'PUT') {
        request.resume().on('end', () => response.writeHead(201).end());
        return true;
      }
      return false;
    };
  });

  afterEach(() => broken.stop());

  test('and breaks off gets the rest of a blob, not all of it again', async () => {
    const image = await seed();
    await push(image.id, `${broken.host}/push/cut:1`, 100_000);
    expect(failures).toBe(1);
    expect(progress.some((item) => item.kind === 'retry')).toBe(true);
    const largest = [...uploads.values()].sort((a, b) => b.length - a.length)[0];
    const stored = broken.requests.filter(
      ({ method, path }) => method === 'PUT' && path.includes('digest='),
    );
    expect(stored).toHaveLength(2);
    expect(largest?.length).toBeGreaterThan(300_000);
    expect(broken.paths('POST')).toHaveLength(2);
  });
});
