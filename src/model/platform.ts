import { OcupError } from '../base/errors.ts';

/** What an image is built for, in Go's names. @see image-spec image-index.md#image-index-property-descriptions */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** `linux/arm64/v8`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/**
 * Parses `os[/architecture[/variant]]` or an architecture of Linux alone, and normalises it.
 * @throws E_IMAGE_PLATFORM
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  const [first = '', second, third] = parts;
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part))) {
    throw new OcupError('E_IMAGE_PLATFORM', `not a platform: ${JSON.stringify(text)}`, {
      hint: 'Write os/architecture[/variant], such as linux/arm64.',
    });
  }
  if (second === undefined) {
    const platform = normalizePlatform({ os: 'linux', architecture: first });
    if (ARCHITECTURES.has(platform.architecture)) return platform;
    throw new OcupError(
      'E_IMAGE_PLATFORM',
      `unknown operating system or architecture: ${JSON.stringify(text)}`,
      { hint: 'Write os/architecture[/variant], such as linux/arm64.' },
    );
  }
  return normalizePlatform({ os: first, architecture: second, variant: third });
}

/** Go's names of architectures that Linux runs on. @see go tool dist list */
const ARCHITECTURES: ReadonlySet<string> = new Set([
  ...['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips', 'mips64', 'mips64le', 'mipsle', 'ppc64'],
  ...['ppc64le', 'riscv64', 's390x'],
]);

const ALIASES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
  i386: ['386'],
  i486: ['386'],
  i586: ['386'],
  i686: ['386'],
  x86: ['386'],
};

/** Variants that say no more than their architecture does. */
const PLAIN_VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['v1'],
  arm64: ['v8', '8'],
};

/** One name for what several names mean: `linux/x86_64` is `linux/amd64`, `linux/arm64/v8` is `linux/arm64`. */
export function normalizePlatform(platform: Platform): Platform {
  const written = platform.architecture.toLowerCase();
  const [architecture, implied] = ALIASES[written] ?? [written];
  const variant = normalizeVariant(architecture, platform.variant ?? implied);
  const os = platform.os.toLowerCase();
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

function normalizeVariant(architecture: string, variant: string | undefined): string | undefined {
  if (variant === undefined || variant === '') return architecture === 'arm' ? 'v7' : undefined;
  if (PLAIN_VARIANTS[architecture]?.includes(variant) === true) return undefined;
  return architecture === 'arm' && /^\d$/.test(variant) ? `v${variant}` : variant;
}
