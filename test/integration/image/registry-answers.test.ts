import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Descriptor } from '../../support/image-fixture.ts';
import type { ImagesHome } from '../../support/images-home.ts';
import { PullLab, answer } from '../../support/pull-lab.ts';
import { TestRegistry, refuse } from '../../support/test-registry.ts';

let lab: PullLab;
let home: ImagesHome;
let registry: TestRegistry;
let image: Descriptor;

beforeEach(async () => {
  lab = await PullLab.open();
  ({ home, registry, image } = lab);
});

afterEach(() => lab.close());

const pull = (extras = {}) => lab.pull(extras);
const isBlob = (url: string | undefined): boolean => lab.isBlob(url);

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
    await lab.expectWhole();
    registry.misbehave = (request, response) => {
      if (!request.url!.includes('/manifests/1')) return false;
      const bytes = registry.store.blobs.get(image.digest)!;
      return answer(response, request.method === 'HEAD' ? Buffer.alloc(0) : bytes, {
        'content-type': image.mediaType,
      });
    };
    await pull();
    await lab.expectWhole();
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
    await lab.expectNothingLeft();
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
      await lab.expectWhole();
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
