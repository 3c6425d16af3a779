import { describe, expect, test } from '@jest/globals';
import {
  compatiblePlatforms,
  findAmd64Level,
  isCompatible,
  parseWanted,
  selectEntries,
} from '../../../src/image/platforms.ts';
import type { Descriptor } from '../../../src/model/descriptor.ts';
import { parseDigest } from '../../../src/model/digest.ts';
import { formatPlatform, parsePlatform } from '../../../src/model/platform.ts';

let count = 0;

function entry(platform: string | undefined, annotations?: Record<string, string>): Descriptor {
  count += 1;
  const [os = '', architecture = '', variant] = (platform ?? '').split('/');
  return {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: parseDigest(`sha256:${count.toString(16).padStart(64, '0')}`),
    size: 1,
    platform: platform === undefined ? undefined : { os, architecture, variant },
    annotations,
  };
}

function select(wanted: string, ...offered: (string | undefined)[]): (string | undefined)[] {
  const entries = offered.map((platform) => entry(platform));
  const index = { mediaType: '', manifests: entries, annotations: {} };
  const found = selectEntries(index, parsePlatform(wanted), 'app');
  return found.map((item) => offered[entries.indexOf(item)]);
}

describe('names of platforms', () => {
  test.each([
    ['linux/x86_64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['arm64', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['Linux/AMD64/V3', 'linux/amd64/v3'],
    ['linux/i686', 'linux/386'],
  ])('%s is %s', (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected);
  });

  test('a word that is neither an operating system nor an architecture is none', () => {
    expect(() => parsePlatform('foo')).toThrow(/unknown operating system or architecture: "foo"/);
    expect(parseWanted('linux')).toBeUndefined();
    expect(() => parseWanted('windows')).toThrow(/unknown/);
  });

  test.each(['', 'a/b/c/d', 'linux/', 'linux/a b'])('%j is none', (text) => {
    expect(() => parsePlatform(text)).toThrow(/not a platform/);
  });
});

describe('choosing from an index', () => {
  test('the best variant the processor has wins, whatever the order', () => {
    expect(
      select('linux/amd64/v3', 'linux/amd64', 'linux/amd64/v4', 'linux/amd64/v3', 'linux/386'),
    ).toEqual(['linux/amd64/v3', 'linux/amd64', 'linux/386']);
  });

  test('variants that the processor lacks are not taken', () => {
    expect(() => select('linux/amd64', 'linux/amd64/v2')).toThrow(
      /no matching manifest for linux\/amd64/,
    );
    expect(select('linux/arm/v6', 'linux/arm/v7', 'linux/arm/v5')).toEqual(['linux/arm/v5']);
  });

  test('64-bit ARM runs 32-bit ARM, at the end', () => {
    expect(select('linux/arm64', 'linux/arm/v7', 'linux/arm64/v8')).toEqual([
      'linux/arm64/v8',
      'linux/arm/v7',
    ]);
    expect(
      compatiblePlatforms(parsePlatform('linux/arm64/v9.2')).map(formatPlatform).slice(0, 4),
    ).toEqual(['linux/arm64/v9.2', 'linux/arm64/v9.1', 'linux/arm64/v9', 'linux/arm64']);
  });

  test('the first of equals wins, and entries without platform come last', () => {
    const entries = [entry(undefined), entry('linux/s390x'), entry('linux/s390x')];
    const index = { mediaType: '', manifests: entries, annotations: {} };
    const wanted = parsePlatform('linux/s390x');
    expect(selectEntries(index, wanted, 'app')).toEqual([entries[1], entries[2], entries[0]]);
  });

  test('statements about images are no images', () => {
    const statement = entry('unknown/unknown', {
      'vnd.docker.reference.type': 'attestation-manifest',
    });
    const index = {
      mediaType: '',
      manifests: [statement, entry('windows/amd64')],
      annotations: {},
    };
    expect(() => selectEntries(index, parsePlatform('linux/amd64'), 'app')).toThrow(
      expect.objectContaining({
        hint: 'Choose one of the platforms it is made for: windows/amd64.',
      }),
    );
  });

  test('an image fits where its platform is among those that run', () => {
    expect(isCompatible(parsePlatform('linux/386'), parsePlatform('linux/amd64/v4'))).toBe(true);
    expect(isCompatible(parsePlatform('linux/amd64'), parsePlatform('linux/386'))).toBe(false);
  });
});

describe('levels of amd64', () => {
  const v2 = ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3'];
  const v3 = [...v2, 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe'];

  test('a level needs all flags of those below it', () => {
    expect(findAmd64Level(new Set())).toBeUndefined();
    expect(findAmd64Level(new Set(v2))).toBe('v2');
    expect(findAmd64Level(new Set(v3))).toBe('v3');
    expect(findAmd64Level(new Set(v3.filter((flag) => flag !== 'cx16')))).toBeUndefined();
  });
});
