import type { Health } from '../model/container.ts';

/** The times of a probe, complete. */
export interface HealthTimes {
  readonly intervalMs: number;
  readonly startPeriodMs: number;
  /** The longest pause between probes within the start period. */
  readonly startIntervalMs: number;
  /** The longest pause between quick probes, where they are cheap. */
  readonly longestQuickPauseMs: number | undefined;
  readonly retries: number;
  /** Docker's timing: none but the probes that are due, the first after an interval. */
  readonly isStrict: boolean;
}

/** How a running container fares. All times are milliseconds since it was started. */
export interface HealthState {
  readonly status: Exclude<Health, 'none'>;
  /** Failures in a row that count. */
  readonly failingStreak: number;
  /** Whether a probe ever succeeded since the start. */
  readonly hasSucceeded: boolean;
  /** When the last probe that counts was due; 0 at the start. */
  readonly slotMs: number;
  /** The pause after the last quick probe. */
  readonly quickPauseMs: number;
}

const FIRST_QUICK_PAUSE_MS = 50;
const QUICK_PAUSE_GROWTH = 1.5;

export const HEALTH_AT_START: HealthState = {
  status: 'starting',
  failingStreak: 0,
  hasSucceeded: false,
  slotMs: 0,
  quickPauseMs: 0,
};

/**
 * Takes in a probe that ended `atMs` after the start.
 *
 * Until the first success, probes come quickly one after another, and most of them count for nothing: only
 * one per interval does, as if there were no others, and only after the start period. So a container gets
 * healthy as soon as it can, and unhealthy no sooner than its declaration says.
 *
 * INVARIANT: a container that never succeeds is not unhealthy before start period or `retries` intervals.
 */
export function reduceHealth(
  times: HealthTimes,
  state: HealthState,
  probe: { readonly isSuccess: boolean; readonly atMs: number },
): HealthState {
  if (probe.isSuccess) {
    return { ...state, status: 'healthy', failingStreak: 0, hasSucceeded: true };
  }
  if (times.isStrict) {
    const isFree = !state.hasSucceeded && probe.atMs < times.startPeriodMs;
    return isFree ? state : countFailure(times, state);
  }
  const grown = Math.max(FIRST_QUICK_PAUSE_MS, state.quickPauseMs * QUICK_PAUSE_GROWTH);
  const quickPauseMs = Math.min(grown, longestPause(times, probe.atMs));
  if (state.hasSucceeded) return countFailure(times, { ...state, quickPauseMs });
  const dueMs = state.slotMs + times.intervalMs;
  if (probe.atMs < dueMs) return { ...state, quickPauseMs };
  const next = { ...state, quickPauseMs, slotMs: probe.atMs };
  return probe.atMs < times.startPeriodMs ? next : countFailure(times, next);
}

/** When the next probe is due, in milliseconds after the one that ended at `atMs`. */
export function nextProbeDelay(times: HealthTimes, state: HealthState, atMs: number): number {
  if (times.isStrict) return strictPause(times, state, atMs);
  if (state.hasSucceeded) return times.intervalMs;
  const slotIn = Math.max(0, state.slotMs + times.intervalMs - atMs);
  return Math.min(state.quickPauseMs, slotIn);
}

/** When the first probe is due, in milliseconds after the start. */
export function firstProbeDelay(times: HealthTimes): number {
  return times.isStrict ? strictPause(times, HEALTH_AT_START, 0) : 0;
}

function strictPause(times: HealthTimes, state: HealthState, atMs: number): number {
  const isStarting = !state.hasSucceeded && atMs < times.startPeriodMs;
  return isStarting ? Math.min(times.startIntervalMs, times.intervalMs) : times.intervalMs;
}

function longestPause(times: HealthTimes, atMs: number): number {
  if (times.longestQuickPauseMs !== undefined) return times.longestQuickPauseMs;
  if (atMs >= times.startPeriodMs) return times.intervalMs;
  return Math.min(times.startIntervalMs, times.intervalMs);
}

function countFailure(times: HealthTimes, state: HealthState): HealthState {
  const failingStreak = state.failingStreak + 1;
  const isUnhealthy = failingStreak >= times.retries;
  return { ...state, failingStreak, status: isUnhealthy ? 'unhealthy' : state.status };
}
