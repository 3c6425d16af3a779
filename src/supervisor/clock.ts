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
