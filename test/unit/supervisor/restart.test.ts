import { describe, expect, test } from '@jest/globals';
import { type Exit, UNKNOWN_EXIT } from '../../../src/model/container.ts';
import { findRestartPause } from '../../../src/supervisor/restart.ts';

const exit = (code: number | undefined): Exit => ({
  ...UNKNOWN_EXIT,
  code,
  at: '2026-01-01T00:00:00Z',
});
const FRESH = { restartCount: 0, lastPauseMs: 0, upMs: 0 };

describe('findRestartPause', () => {
  test('never restarts without a policy', () => {
    expect(findRestartPause({ kind: 'no' }, exit(1), FRESH)).toBeUndefined();
  });

  test.each(['always', 'unless-stopped'] as const)('%s restarts after a success', (kind) => {
    expect(findRestartPause({ kind }, exit(0), FRESH)).toBe(100);
  });

  test('on-failure restarts after a failure and after an exit that nobody saw', () => {
    const policy = { kind: 'on-failure', maxAttempts: undefined } as const;
    expect(findRestartPause(policy, exit(0), FRESH)).toBeUndefined();
    expect(findRestartPause(policy, exit(1), FRESH)).toBe(100);
    expect(findRestartPause(policy, exit(undefined), FRESH)).toBe(100);
  });

  test('on-failure gives up after its attempts', () => {
    const policy = { kind: 'on-failure', maxAttempts: 2 } as const;
    expect(findRestartPause(policy, exit(1), { ...FRESH, restartCount: 1 })).toBe(100);
    expect(findRestartPause(policy, exit(1), { ...FRESH, restartCount: 2 })).toBeUndefined();
  });

  test('the pause doubles up to a minute', () => {
    const pauses: number[] = [];
    let lastPauseMs = 0;
    for (let restartCount = 0; restartCount < 12; restartCount += 1) {
      lastPauseMs = findRestartPause({ kind: 'always' }, exit(1), {
        restartCount,
        lastPauseMs,
        upMs: 9_999,
      })!;
      pauses.push(lastPauseMs);
    }
    expect(pauses).toEqual([
      100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000,
    ]);
  });

  test('ten seconds of running start it anew', () => {
    const history = { restartCount: 5, lastPauseMs: 6400, upMs: 10_000 };
    expect(findRestartPause({ kind: 'always' }, exit(1), history)).toBe(100);
  });
});
