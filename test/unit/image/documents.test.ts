import { describe, expect, test } from '@jest/globals';
import { chainIds } from '../../../src/image/chain-ids.ts';
import { MEDIA_TYPE, digestOf, parseDocument } from '../../../src/image/documents.ts';
import { nameOfSource, withName, withoutName } from '../../../src/image/names.ts';
import { parseImageConfig } from '../../../src/image/parse-image-config.ts';
import type { Descriptor } from '../../../src/model/descriptor.ts';
import { parseImageSource } from '../../../src/model/reference.ts';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const digest = digestOf(Buffer.from('x'));

describe('chain IDs', () => {
  test('are those of the specification', () => {
    const [first, second] = [digestOf(Buffer.from('a')), digestOf(Buffer.from('b'))];
    expect(chainIds([first, second])).toEqual([first, digestOf(Buffer.from(`${first} ${second}`))]);
    expect(chainIds([])).toEqual([]);
  });
});

describe('configurations', () => {
  test('what Docker writes is complete, with times in milliseconds', () => {
    const config = parseImageConfig(
      json({
        os: 'linux',
        architecture: 'arm64',
        variant: 'v8',
        created: '2026-01-01T00:00:00Z',
        config: {
          Env: ['A=1'],
          Cmd: null,
          Entrypoint: ['/run'],
          ExposedPorts: { '80/tcp': {} },
          Volumes: { '/data': {} },
          Labels: { a: 'b' },
          StopSignal: 'SIGINT',
          Healthcheck: { Test: ['CMD', 'true'], Interval: 1_500_000_000, Timeout: 0, Retries: 3 },
        },
        rootfs: { type: 'layers', diff_ids: [digest] },
      }),
      'app',
    );
    expect(config).toEqual({
      platform: { os: 'linux', architecture: 'arm64' },
      created: '2026-01-01T00:00:00Z',
      author: undefined,
      diffIds: [digest],
      env: ['A=1'],
      entrypoint: ['/run'],
      cmd: [],
      workingDir: '',
      user: '',
      exposedPorts: ['80/tcp'],
      volumes: ['/data'],
      stopSignal: 'SIGINT',
      labels: { a: 'b' },
      healthcheck: {
        test: ['CMD', 'true'],
        intervalMs: 1500,
        timeoutMs: undefined,
        startPeriodMs: undefined,
        startIntervalMs: undefined,
        retries: 3,
      },
      shell: [],
    });
  });

  test.each([
    ['[]', /not an object/],
    ['{"config":{"Env":{}}}', /Env of app: it is not a list/],
    ['{"config":{"Cmd":[1]}}', /Cmd of app/],
    ['{"rootfs":{"diff_ids":["md5:x"]}}', /not a sha256 digest/],
  ])('%s is refused', (text, message) => {
    expect(() => parseImageConfig(Buffer.from(text), 'app')).toThrow(message);
  });
});

describe('manifests', () => {
  test('descriptors need a digest and a size', () => {
    const parse = (config: unknown) =>
      parseDocument(json({ config, layers: [] }), MEDIA_TYPE.ociManifest, 'app');
    expect(() => parse({ mediaType: MEDIA_TYPE.ociConfig, size: 1 })).toThrow(/has no digest/);
    expect(() => parse({ mediaType: MEDIA_TYPE.ociConfig, digest })).toThrow(/has no size/);
    expect(() => parse({ mediaType: MEDIA_TYPE.ociConfig, digest, size: -1 })).toThrow(
      /has no size/,
    );
    expect(() => parse({ mediaType: MEDIA_TYPE.ociConfig, digest: '../../etc', size: 1 })).toThrow(
      /digest/,
    );
  });

  test('an unknown content type is no contradiction', () => {
    const config = { mediaType: MEDIA_TYPE.ociConfig, digest, size: 1 };
    const bytes = json({ mediaType: MEDIA_TYPE.dockerManifest, config, layers: [] });
    expect(parseDocument(bytes, 'application/json', 'app').kind).toBe('manifest');
  });
});

describe('names in the index', () => {
  const target = (text: string): Descriptor => ({
    mediaType: 'm',
    digest: digestOf(Buffer.from(text)),
    size: 1,
  });
  const names = (entries: readonly Descriptor[]) =>
    entries.map((item) => [item.digest, item.annotations?.['org.opencontainers.image.ref.name']]);

  test('a name moves, and what had it stays without one', () => {
    const [one, two] = [target('1'), target('2')];
    const first = withName([], 'app:1', one, 't1');
    const second = withName(first, 'app:1', two, 't2');
    expect(names(second)).toEqual([
      [one.digest, undefined],
      [two.digest, 'app:1'],
    ]);
    expect(names(withName(second, 'app:1', one, 't3'))).toEqual([
      [two.digest, undefined],
      [one.digest, 'app:1'],
    ]);
  });

  test('an image with another name does not stay twice', () => {
    const one = target('1');
    const both = withName(withName([], 'a', one, 't'), 'b', one, 't');
    expect(names(withoutName(both, 'a'))).toEqual([[one.digest, 'b']]);
    expect(names(withoutName(withoutName(both, 'a'), 'b'))).toEqual([[one.digest, undefined]]);
    expect(names(withName(withoutName(withoutName(both, 'a'), 'b'), 'c', one, 't'))).toEqual([
      [one.digest, 'c'],
    ]);
  });

  test('a name with tag and digest goes by its digest', () => {
    expect(nameOfSource(parseImageSource(`app:1@${digest}`))).toBe(
      `docker.io/library/app@${digest}`,
    );
    expect(nameOfSource(parseImageSource('app'))).toBe('docker.io/library/app:latest');
    expect(nameOfSource(parseImageSource('oci:/a:b'))).toBe('oci:/a:b');
  });
});
