/** Two clocks that differ by more have been set apart by somebody. */
const MAX_DRIFT_MS = 2;

/** Now, as RFC 3339 with nine digits of the second. */
export function timestamp(): string {
  const coarseMs = Date.now();
  const fineMs = performance.timeOrigin + performance.now();
  const isClose = Math.abs(fineMs - coarseMs) <= MAX_DRIFT_MS;
  const nowMs = isClose ? fineMs : coarseMs;
  const second = Math.floor(nowMs / 1000);
  const nanoseconds = Math.floor((nowMs - second * 1000) * 1e6);
  const date = new Date(second * 1000).toISOString().slice(0, 19);
  return `${date}.${String(nanoseconds).padStart(9, '0')}Z`;
}

/** RFC 3339 brought to UTC with nine digits, so that texts compare as times do; undefined if it is not one. */
export function findComparableTime(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  if (match === null) return undefined;
  const [, date = '', fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${date}${zone.toUpperCase()}`);
  if (Number.isNaN(ms)) return undefined;
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}
