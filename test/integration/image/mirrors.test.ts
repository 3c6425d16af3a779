import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { addImage, layersOf } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { type Misbehaviour, TestRegistry, refuse } from '../../support/test-registry.ts';

let home: ImagesHome;
let mirror: TestRegistry;
let other: TestRegistry;

beforeEach(async () => {
  home = new ImagesHome();
  mirror = await TestRegistry.start();
  other = await TestRegistry.start();
});

afterEach(async () => {
  await mirror.stop();
  await other.stop();
  await home.close();
});

const configure = (path: string, text: string) => home.configure(path, text);
const pull = (name: string, env: Record<string, string> = {}) => home.pullWith(env, name);

describe("Docker's daemon.json", () => {
  test('gives mirrors of Docker Hub, to which no credentials of the Hub go', async () => {
    const digest = mirror.addImage('library/app:1');
    await configure(
      'docker/daemon.json',
      JSON.stringify({
        'registry-mirrors': [
          `http://127.0.0.1:1/`,
          `http://${other.host}`,
          `http://${mirror.host}/`,
        ],
      }),
    );
    await mkdir(join(home.folder, '.docker'));
    const auth = Buffer.from('user:secret').toString('base64');
    const auths = { 'https://index.docker.io/v1/': { auth } };
    await writeFile(join(home.folder, '.docker/config.json'), JSON.stringify({ auths }));
    const image = await pull('app:1');
    expect(image.manifestDigest).toBe(digest);
    expect(image.names).toEqual(['docker.io/library/app:1']);
    expect(other.requests.length).toBeGreaterThan(0);
    const sent = [...other.requests, ...mirror.requests].map((one) => one.headers.authorization);
    expect(sent.filter((value) => value !== undefined)).toEqual([]);
  });

  test('that is not JSON is an error that names it', async () => {
    await configure('docker/daemon.json', '{');
    await expect(pull('app:1')).rejects.toMatchObject({
      code: 'E_IMAGE_REGISTRY',
      message: expect.stringContaining('docker/daemon.json'),
    });
  });
});

describe("containerd's hosts.toml", () => {
  test('is asked in its order, and told whom it stands in for', async () => {
    const digest = mirror.addImage('cache/team/app:1');
    await configure(
      'containerd/certs.d/registry.example/hosts.toml',
      `server = "http://127.0.0.1:1"
       [host."http://${other.host}"]
         capabilities = ["pull", "resolve"]
       [host."http://${mirror.host}/v2/cache"]
         override_path = true
         [host."http://${mirror.host}/v2/cache".header]
           x-team = "blue"
      `,
    );
    const image = await pull('registry.example/team/app:1');
    expect(image.manifestDigest).toBe(digest);
    expect(other.requests.map((one) => one.path)).toContain(
      '/v2/team/app/manifests/1?ns=registry.example',
    );
    expect(mirror.requests.every((one) => one.headers['x-team'] === 'blue')).toBe(true);
  });

  test('asks a mirror that may not resolve for nothing but digests', async () => {
    const digest = mirror.addImage('team/app:1');
    other.store.tags.set('team/app:1', mirror.store.tags.get('team/app:1') ?? fail());
    for (const [key, bytes] of mirror.store.blobs) other.store.blobs.set(key, bytes);
    await configure(
      'containerd/certs.d/registry.example/hosts.toml',
      `server = "http://${mirror.host}"
       [host."http://${other.host}"]
         capabilities = ["pull"]
      `,
    );
    expect((await pull('registry.example/team/app:1')).manifestDigest).toBe(digest);
    expect(mirror.requests.map((one) => one.method)).toEqual(['HEAD']);
    expect(other.paths('GET')).toHaveLength(3);
    expect(other.paths('HEAD')).toEqual([]);
  });

  test('ends with what its server says', async () => {
    await configure(
      'containerd/certs.d/registry.example/hosts.toml',
      `server = "http://${mirror.host}"`,
    );
    await expect(pull('registry.example/team/app:1')).rejects.toMatchObject({
      code: 'E_IMAGE_NOT_FOUND',
    });
  });

  test('that is not TOML is an error that names it', async () => {
    await configure('containerd/certs.d/_default/hosts.toml', 'server =');
    await expect(pull('registry.example/team/app:1')).rejects.toMatchObject({
      code: 'E_IMAGE_REGISTRY',
      message: expect.stringContaining('_default/hosts.toml'),
    });
  });
});

describe('registries.conf', () => {
  test('gives mirrors and another location to the longest prefix that fits', async () => {
    const digest = mirror.addImage('hub/app:1');
    await configure(
      'containers/registries.conf',
      `[[registry]]
       prefix = "registry.example"
       blocked = true
       [[registry]]
       prefix = "registry.example/team"
       location = "${mirror.host}/hub"
       [[registry.mirror]]
       location = "${other.host}/elsewhere"
       insecure = true
      `,
    );
    const image = await pull('registry.example/team/app:1');
    expect(image.manifestDigest).toBe(digest);
    expect(image.names).toEqual(['registry.example/team/app:1']);
    await expect(pull('registry.example/teams/app:1')).rejects.toMatchObject({
      code: 'E_IMAGE_DENIED',
      message: expect.stringContaining('is blocked in'),
    });
  });

  test('speaks in the clear with a mirror that is insecure, and keeps one to digests', async () => {
    const digest = mirror.addImage('team/app:1');
    other.addImage('team/app:1');
    const conf = (from: string): string => `[[registry]]
       location = "registry.example"
       [[registry.mirror]]
       location = "${other.host}"
       insecure = true
       pull-from-mirror = "${from}"
       [[registry.mirror]]
       location = "${mirror.host}"
       insecure = true
      `;
    await configure('containers/registries.conf.d/10-mirrors.conf', conf('digest-only'));
    await pull(`registry.example/team/app@${digest}`);
    const asked = other.requests.length;
    expect(asked).toBeGreaterThan(0);
    expect((await pull('registry.example/team/app:1')).manifestDigest).toBe(digest);
    expect(other.requests).toHaveLength(asked);
    await configure('containers/registries.conf.d/10-mirrors.conf', conf('sometimes'));
    await expect(pull('registry.example/team/app:1')).rejects.toThrow(
      'pull-from-mirror cannot be sometimes',
    );
  });
});

describe('a mirror that does wrong', () => {
  let digest: string;

  beforeEach(() => {
    const layers = layersOf([{ path: 'name', content: randomBytes(2_000_000) }]);
    const image = addImage(other.store, { layers });
    digest = image.digest;
    other.store.tags.set('team/app:1', image);
    mirror.store.tags.set('team/app:1', image);
    for (const [key, bytes] of other.store.blobs) mirror.store.blobs.set(key, bytes);
  });

  const settings: Record<string, () => Promise<void>> = {
    'hosts.toml': () =>
      configure(
        'containerd/certs.d/registry.example/hosts.toml',
        `server = "http://${other.host}"
         [host."http://${mirror.host}"]
        `,
      ),
    'registries.conf': () =>
      configure(
        'containers/registries.conf',
        `[[registry]]
         prefix = "registry.example"
         location = "${other.host}"
         [[registry.mirror]]
         location = "${mirror.host}"
         insecure = true
        `,
      ),
  };
  const isOf = (request: IncomingMessage, kind: string): boolean =>
    request.method === 'GET' && (request.url ?? '').includes(`/${kind}/`);
  const wrongs: Record<string, { readonly says: RegExp; readonly misbehave: Misbehaviour }> = {
    'answers everything with 500': {
      says: /answers with status 500$/,
      misbehave: (_, response) => fails(response, 500),
    },
    'answers blobs with 503': {
      says: /answers with status 503$/,
      misbehave: (request, response) => isOf(request, 'blobs') && fails(response, 503),
    },
    'gives other manifests': {
      says: /digest/,
      misbehave: (request, response) => isOf(request, 'manifests') && send(response, '{"no":1}'),
    },
    'gives other blobs of the same size': {
      says: /digest/,
      misbehave: (request, response) => {
        const bytes = blobOf(request);
        return bytes !== undefined && send(response, Buffer.alloc(bytes.length, 'x'));
      },
    },
    'gives longer blobs': {
      says: /bytes instead of/,
      misbehave: (request, response) => {
        const bytes = blobOf(request);
        return bytes !== undefined && send(response, Buffer.concat([bytes, Buffer.from('x')]));
      },
    },
    'closes in the middle of manifests': {
      says: /cannot reach/,
      misbehave: (request, response) =>
        isOf(request, 'manifests') && breakOff(response, Buffer.from('{"schema'), 500),
    },
    'closes in the middle of blobs': {
      says: /cannot reach|ends after/,
      misbehave: (request, response) => {
        const bytes = blobOf(request);
        return bytes !== undefined && breakOff(response, bytes.subarray(0, 100), bytes.length);
      },
    },
    'names a digest that does not exist': {
      says: /digest/,
      misbehave: (request, response) => {
        if (!(request.url ?? '').includes('/manifests/')) return false;
        response.setHeader('docker-content-digest', `sha256:${'0'.repeat(64)}`);
        response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json');
        return send(response, Buffer.alloc(300, 'x'));
      },
    },
  };

  function blobOf(request: IncomingMessage): Buffer | undefined {
    const found = /\/blobs\/([^?]+)/.exec(request.url ?? '')?.[1];
    return found === undefined ? undefined : mirror.store.blobs.get(found);
  }

  for (const [file, write] of Object.entries(settings)) {
    for (const [wrong, { says, misbehave }] of Object.entries(wrongs)) {
      test(`and ${wrong} is passed over, which is said in one line (${file})`, async () => {
        await write();
        mirror.misbehave = misbehave;
        const image = await pull('registry.example/team/app:1');
        expect(image.manifestDigest).toBe(digest);
        const said = home.progress.filter((one) => one.kind === 'warning');
        expect(said).toHaveLength(1);
        expect(said[0]?.message).toMatch(says);
        expect(said[0]?.message).toMatch(`mirror ${mirror.host} is passed over: `);
        expect(said[0]?.message).not.toContain('\n');
        expect(home.progress.filter((one) => one.kind === 'retry')).toEqual([]);
        const { findings } = await home.images.verify({
          repairs: false,
          signal: new AbortController().signal,
        });
        expect(findings).toEqual([]);
        expect(await home.leftovers()).toEqual([]);
      });
    }
  }

  test('is asked again where the registry cannot be reached either', async () => {
    await configure(
      'docker/daemon.json',
      JSON.stringify({ 'registry-mirrors': [`http://${mirror.host}`] }),
    );
    mirror.store.tags.set('library/app:1', mirror.store.tags.get('team/app:1') ?? fail());
    let failures = 0;
    mirror.misbehave = (request, response) => {
      if (blobOf(request) === undefined || failures >= 2) return false;
      failures += 1;
      return fails(response, 503);
    };
    const proxy = { HTTPS_PROXY: 'http://127.0.0.1:1' }; // nobody is there
    expect((await pull('app:1', proxy)).manifestDigest).toBe(digest);
    expect(home.progress.filter((one) => one.kind === 'warning')).toHaveLength(1);
    expect(home.progress.filter((one) => one.kind === 'retry').length).toBeGreaterThan(0);
  });
});

function send(response: ServerResponse, body: string | Buffer): true {
  response.writeHead(200, { 'content-length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
  return true;
}

function fails(response: ServerResponse, status: number): true {
  refuse(response, status, 'UNKNOWN', 'broken');
  return true;
}

/** Promises `length` bytes and closes the connection after `part`. */
function breakOff(response: ServerResponse, part: Buffer, length: number): true {
  response.writeHead(200, { 'content-length': length });
  response.write(part, () => response.destroy());
  return true;
}

function fail(): never {
  throw new Error('no such image');
}
