const PART = /([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d|w)/y;
const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/**
 * Nanoseconds of `1m30s`, `2.5h`, `1w2d`, `0`; undefined if it is no duration. The whole 64-bit range is exact.
 *
 * @see compose-spec 11-extension.md#specifying-durations
 */
export function findDurationNs(text: string): bigint | undefined {
  const sign = text.startsWith('-') ? -1n : 1n;
  const digits = text.replace(/^[-+]/, '');
  if (digits === '0') return 0n;
  let total = 0n;
  let end = 0;
  PART.lastIndex = 0;
  for (let part = PART.exec(digits); part !== null; part = PART.exec(digits)) {
    const [whole = '', fraction = ''] = (part[1] ?? '').split('.');
    const unit = UNIT_NS[part[2] ?? ''] ?? 0n;
    total += BigInt(whole === '' ? '0' : whole) * unit;
    if (fraction !== '') total += (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length);
    end = PART.lastIndex;
  }
  if (end === 0 || end !== digits.length || total >= 1n << 63n) return undefined;
  return sign * total;
}

/** `1m30s`, `1.5s`, `0s`: hours, minutes and seconds, and below a second the largest unit that fits. */
export function formatDurationNs(duration: bigint): string {
  if (duration === 0n) return '0s';
  if (duration < 0n) return `-${formatDurationNs(-duration)}`;
  if (duration < 1_000n) return `${duration}ns`;
  if (duration < 1_000_000n) return `${decimal(duration, 3)}µs`;
  if (duration < 1_000_000_000n) return `${decimal(duration, 6)}ms`;
  const minutes = duration / 60_000_000_000n;
  const seconds = `${decimal(duration % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return seconds;
  if (minutes < 60n) return `${minutes}m${seconds}`;
  return `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, digits: number): string {
  const scale = 10n ** BigInt(digits);
  const fraction = (value % scale).toString().padStart(digits, '0').replace(/0+$/, '');
  return fraction === '' ? (value / scale).toString() : `${value / scale}.${fraction}`;
}
