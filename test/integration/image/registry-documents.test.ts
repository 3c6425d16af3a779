import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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
import type { ImagesHome } from '../../support/images-home.ts';
import { PullLab, answer } from '../../support/pull-lab.ts';
import { type TestRegistry } from '../../support/test-registry.ts';
import { writeTar } from '../../support/tar-writer.ts';

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
    await lab.expectNothingLeft();
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
    await lab.expectNothingLeft();
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
    await lab.expectNothingLeft();
  });
});
