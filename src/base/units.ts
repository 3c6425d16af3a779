/** A byte count in words of 1000: `1.23GB`, three significant digits, as docker prints sizes. */
export function formatBytes(bytes: number): string {
  return formatSize(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']);
}

/** A byte count in words of 1024: `64MiB`, as docker prints memory. */
export function formatBinaryBytes(bytes: number): string {
  return formatSize(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
}

function formatSize(bytes: number, base: number, units: readonly string[]): string {
  let value = bytes;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  return `${Number(value.toPrecision(value >= 100 ? 4 : 3)).toString()}${units[unit] ?? 'B'}`;
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?$/i;

/**
 * Bytes of a compose size (`64m`, `1.5gb`, `512`); every unit is a power of 1024.
 * @see compose-spec 11-extension.md#specifying-byte-values
 */
export function findBytes(text: string): number | undefined {
  const match = SIZE.exec(text.trim());
  if (match === null) return undefined;
  const power = 'kmgtp'.indexOf((match[2] ?? '').toLowerCase() || '-') + 1;
  return Math.trunc(Number(match[1]) * 1024 ** power);
}

const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|ms|s|m|h|d|w)/y;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Milliseconds of a compose duration (`1m30s`, `2.5s`, `0`); may be a fraction.
 * @see compose-spec 11-extension.md#specifying-durations
 */
export function findDurationMs(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  let total = 0;
  DURATION_PART.lastIndex = 0;
  let end = 0;
  for (let part = DURATION_PART.exec(trimmed); part !== null; part = DURATION_PART.exec(trimmed)) {
    total += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0);
    end = DURATION_PART.lastIndex;
  }
  return end === trimmed.length && end > 0 ? total : undefined;
}
