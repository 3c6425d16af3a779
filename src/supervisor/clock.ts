/** Two clocks that differ by more have been set apart by somebody. */
const MAX_DRIFT_MS = 2;

/** Now, as RFC 3339 with nine digits of the second. */
export function timestamp(): string {
  const beforeMs = Date.now();
  const fineMs = performance.timeOrigin + performance.now();
  // Another process may have had its turn in between.
  const afterMs = Date.now();
  const isClose = fineMs >= beforeMs - MAX_DRIFT_MS && fineMs <= afterMs + MAX_DRIFT_MS;
  const nowMs = isClose ? fineMs : afterMs;
  const second = Math.floor(nowMs / 1000);
  const nanoseconds = Math.floor((nowMs - second * 1000) * 1e6);
  const date = new Date(second * 1000).toISOString().slice(0, 19);
  return `${date}.${String(nanoseconds).padStart(9, '0')}Z`;
}
