import { describe, expect, test } from '@jest/globals';
import {
  firstProbeDelay,
  HEALTH_AT_START,
  type HealthState,
  type HealthTimes,
  nextProbeDelay,
  reduceHealth,
} from '../../../src/supervisor/health.ts';

const TIMES: HealthTimes = {
  intervalMs: 1000,
  startPeriodMs: 0,
  startIntervalMs: 5000,
  retries: 3,
  longestQuickPauseMs: undefined,
  isStrict: false,
};

/** Probes until `untilMs`; `succeeds` says what a probe at that time gives. */
function simulate(
  times: HealthTimes,
  succeeds: (atMs: number) => boolean,
  untilMs: number,
): { readonly probes: readonly number[]; readonly changes: readonly string[] } {
  let state: HealthState = HEALTH_AT_START;
  const probes: number[] = [];
  const changes: string[] = [];
  for (let atMs = 0; atMs <= untilMs; atMs += Math.max(1, nextProbeDelay(times, state, atMs))) {
    probes.push(atMs);
    const next = reduceHealth(times, state, { isSuccess: succeeds(atMs), atMs });
    if (next.status !== state.status) changes.push(`${next.status} at ${Math.round(atMs)}`);
    state = next;
  }
  return { probes, changes };
}

describe('a container that is never healthy', () => {
  test('is unhealthy after `retries` intervals, although it is probed more often', () => {
    const { probes, changes } = simulate(TIMES, () => false, 10_000);
    expect(changes).toEqual(['unhealthy at 3000']);
    expect(probes.filter((atMs) => atMs < 1000).length).toBeGreaterThan(4);
  });

  test('has its start period, and the first interval that ends after it counts', () => {
    const { changes } = simulate({ ...TIMES, startPeriodMs: 5500 }, () => false, 20_000);
    expect(changes).toEqual(['unhealthy at 8000']);
  });
});

describe('a container that becomes healthy', () => {
  test('is found healthy soon after it can answer', () => {
    const { changes } = simulate({ ...TIMES, intervalMs: 30_000 }, (atMs) => atMs >= 400, 60_000);
    const [first = ''] = changes;
    expect(first).toMatch(/^healthy at/);
    expect(Number(first.split(' ').at(-1))).toBeLessThan(700);
  });

  test('is probed at the interval from then on', () => {
    const { probes } = simulate(TIMES, () => true, 3000);
    expect(probes).toEqual([0, 1000, 2000, 3000]);
  });

  test('is unhealthy after `retries` failures in a row, and healthy after one success', () => {
    const { changes } = simulate(TIMES, (atMs) => atMs < 2000 || atMs >= 8000, 9000);
    expect(changes).toEqual(['healthy at 0', 'unhealthy at 4000', 'healthy at 8000']);
  });

  test('a success within the start period ends it', () => {
    const times = { ...TIMES, startPeriodMs: 60_000 };
    const { changes } = simulate(times, (atMs) => atMs < 500, 9000);
    expect(changes).toEqual(['healthy at 0', 'unhealthy at 3000']);
  });
});

test('pauses never grow beyond the start interval within the start period', () => {
  const times = { ...TIMES, intervalMs: 30_000, startPeriodMs: 60_000, startIntervalMs: 200 };
  const { probes } = simulate(times, () => false, 30_000);
  const pauses = probes.slice(1).map((atMs, index) => atMs - probes[index]!);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(200);
});

describe('Docker’s timing', () => {
  const STRICT: HealthTimes = { ...TIMES, isStrict: true };

  test('has its first probe after an interval, and one an interval', () => {
    expect(firstProbeDelay(STRICT)).toBe(1000);
    expect(simulate(STRICT, () => false, 3000)).toEqual({
      probes: [0, 1000, 2000, 3000],
      changes: ['unhealthy at 2000'],
    });
  });

  test('is quicker within the start period, where failures count for nothing', () => {
    const times = { ...STRICT, startPeriodMs: 500, startIntervalMs: 200 };
    expect(firstProbeDelay(times)).toBe(200);
    expect(simulate(times, () => false, 3700)).toEqual({
      probes: [0, 200, 400, 600, 1600, 2600, 3600],
      changes: ['unhealthy at 2600'],
    });
  });
});

test('cheap probes never pause for long before the first success', () => {
  const { probes } = simulate({ ...TIMES, longestQuickPauseMs: 50 }, () => false, 1000);
  expect(probes.length).toBeGreaterThanOrEqual(20);
});
