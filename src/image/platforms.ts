import { readFileSync } from 'node:fs';

import { OcupError } from '../base/errors.ts';
import type { Descriptor, ImageIndex } from '../model/descriptor.ts';
import {
  type Platform,
  formatPlatform,
  normalizePlatform,
  parsePlatform,
} from '../model/platform.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  loong64: 'loong64',
};

/** Many processors make /proc/cpuinfo long, and each is asked for its clock: it is read once. */
let known: Platform | undefined;

/** What containers on this machine can run: the architecture, and for amd64 the level of its processor. */
export function hostPlatform(): Platform {
  known ??= readHostPlatform();
  return known;
}

function readHostPlatform(): Platform {
  const architecture = ARCHITECTURES[process.arch] ?? process.arch;
  const variant = architecture === 'amd64' ? readAmd64Level() : undefined;
  return normalizePlatform({ os: 'linux', architecture, variant });
}

/** The platform that was asked for; undefined for none, and for `linux`: what this machine can run. @throws E_IMAGE_PLATFORM */
export function parseWanted(text: string | undefined): Platform | undefined {
  const isOpen = text === undefined || text === '' || text.toLowerCase() === 'linux';
  return isOpen ? undefined : parsePlatform(text);
}

const AMD64_LEVELS = [
  ['v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
  ['v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe']],
  ['v2', ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3']],
] as const;

/**
 * The level of an amd64 processor by its flags in /proc/cpuinfo; undefined is the first.
 * @see x86-64 psABI, "Micro-Architecture Levels"
 */
export function findAmd64Level(flags: ReadonlySet<string>): string | undefined {
  for (const [index, [level]] of AMD64_LEVELS.entries()) {
    const needed = AMD64_LEVELS.slice(index).flatMap(([, names]) => names);
    if (needed.every((name) => flags.has(name))) return level;
  }
  return undefined;
}

function readAmd64Level(): string | undefined {
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  const flags = /^flags\s*:\s*(.*)$/m.exec(text)?.[1] ?? '';
  return findAmd64Level(new Set(flags.split(' ')));
}

const ARM_VARIANTS = ['v8', 'v7', 'v6', 'v5'];

/** The platforms whose images run where `wanted` is asked for, the best first. */
export function compatiblePlatforms(wanted: Platform): Platform[] {
  const { os, architecture, variant } = normalizePlatform(wanted);
  const of = (name: string, variants: readonly (string | undefined)[]): Platform[] =>
    variants.map((item) => ({ os, architecture: name, variant: item }));
  if (architecture === 'amd64') {
    const levels: (string | undefined)[] = ['v4', 'v3', 'v2', undefined];
    return [...of('amd64', levels.slice(levels.indexOf(variant))), ...of('386', [undefined])];
  }
  if (architecture === 'arm64') {
    const minor = Number(/^v9\.(\d)$/.exec(variant ?? '')?.[1] ?? 0);
    const nines = variant?.startsWith('v9') === true ? ninesUpTo(minor) : [];
    return [...of('arm64', [...nines, undefined]), ...of('arm', ARM_VARIANTS)];
  }
  if (architecture === 'arm') {
    const start = ARM_VARIANTS.indexOf(variant ?? 'v7');
    return of('arm', start < 0 ? [variant] : ARM_VARIANTS.slice(start));
  }
  return [{ os, architecture, variant }];
}

function ninesUpTo(minor: number): string[] {
  return Array.from({ length: minor + 1 }, (_, index) =>
    index === minor ? 'v9' : `v9.${minor - index}`,
  );
}

const ATTESTATION = 'vnd.docker.reference.type';

/** Whether an entry of an index is an image, not a statement about one. */
export function isImageEntry(entry: Descriptor): boolean {
  return entry.annotations?.[ATTESTATION] === undefined && entry.platform?.os !== 'unknown';
}

/**
 * The entries of an index that may be used for `wanted`, the best first and in the index's order among equals.
 * Entries that state no platform come last: what they are for stands in their configuration.
 *
 * @throws E_IMAGE_PLATFORM naming what the index offers
 */
export function selectEntries(
  index: ImageIndex,
  wanted: Platform,
  name: string,
): readonly Descriptor[] {
  const entries = index.manifests.filter(isImageEntry);
  const ranked = compatiblePlatforms(wanted).flatMap((platform) =>
    entries.filter(
      (entry) => entry.platform !== undefined && isSamePlatform(entry.platform, platform),
    ),
  );
  const found = [...ranked, ...entries.filter((entry) => entry.platform === undefined)];
  if (found.length > 0) return found;
  const offered = entries.flatMap((entry) =>
    entry.platform === undefined ? [] : [formatPlatform(normalizePlatform(entry.platform))],
  );
  const text = formatPlatform({ os: wanted.os, architecture: wanted.architecture });
  throw new OcupError(
    'E_IMAGE_PLATFORM',
    `no matching manifest for ${text} in the manifest list entries of ${name}`,
    {
      hint:
        offered.length === 0
          ? undefined
          : `Choose one of the platforms it is made for: ${offered.join(', ')}.`,
      details: { offered },
    },
  );
}

/** Whether an image made for `actual` is among those that fit `wanted`. */
export function isCompatible(actual: Platform, wanted: Platform): boolean {
  return compatiblePlatforms(wanted).some((platform) => isSamePlatform(actual, platform));
}

function isSamePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalizePlatform(a)) === formatPlatform(normalizePlatform(b));
}
