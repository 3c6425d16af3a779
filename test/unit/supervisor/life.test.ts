import { describe, expect, test } from '@jest/globals';
import { type Exit, UNKNOWN_EXIT } from '../../../src/model/container.ts';
import {
  type Life,
  LIFE_AT_CREATION,
  type LifeEffect,
  type LifeInput,
  type LifeRules,
  reduceLife,
  stateOf,
} from '../../../src/supervisor/life.ts';

const NOW = 1_700_000_000_000;
const EXIT: Exit = {
  ...UNKNOWN_EXIT,
  code: 1,
  at: '2023-11-14T22:13:20.000000000Z',
};

function play(inputs: readonly LifeInput[], rules: Partial<LifeRules> = {}) {
  let life: Life = LIFE_AT_CREATION;
  let effects: readonly LifeEffect[] = [];
  for (const input of inputs) {
    const all: LifeRules = { restart: { kind: 'no' }, health: undefined, ...rules };
    ({ life, effects } = reduceLife(life, input, { rules: all, now: NOW }));
  }
  return { life, state: stateOf(life), effects };
}

const RUNNING: readonly LifeInput[] = [{ kind: 'start' }, { kind: 'launched', pid: 7 }];

describe('reduceLife', () => {
  test('a start makes the process, and it runs when that is said', () => {
    const starting = play([{ kind: 'start' }]);
    expect(starting.effects).toEqual([{ kind: 'launch' }]);
    expect(starting.state).toBe('created');
    const running = play(RUNNING);
    expect(running.state).toBe('running');
    expect(running.life.startedAt).toBe('2023-11-14T22:13:20.000Z');
  });

  test('an exit tells of itself before anything is freed', () => {
    const { effects } = play([...RUNNING, { kind: 'exited', exit: EXIT }]);
    expect(effects.map((effect) => effect.kind)).toEqual(['stop-probing', 'tell', 'release']);
  });

  test('the reason why it was ended stands in its exit', () => {
    const { life } = play([
      ...RUNNING,
      {
        kind: 'ending',
        ending: { signal: 'SIGKILL', by: 'force', reason: 'it took longer than 10 s' },
      },
      { kind: 'exited', exit: EXIT },
    ]);
    expect(life.exit?.reason).toBe('it took longer than 10 s');
  });

  test('a stopped container is not restarted although its policy would', () => {
    const rules: Partial<LifeRules> = { restart: { kind: 'always' } };
    const stopped = play([...RUNNING, { kind: 'stop' }, { kind: 'exited', exit: EXIT }], rules);
    expect(stopped.state).toBe('exited');
    const kept = play([...RUNNING, { kind: 'exited', exit: EXIT }], rules);
    expect(kept.state).toBe('restarting');
    expect(kept.effects.at(-1)).toEqual({ kind: 'schedule-restart', delayMs: 100 });
  });

  test('a start by hand that fails is not tried again', () => {
    const { state } = play([{ kind: 'start' }, { kind: 'launch-failed', exit: EXIT }], {
      restart: { kind: 'always' },
    });
    expect(state).toBe('exited');
  });

  test('a restart that fails is tried again', () => {
    const { state } = play(
      [
        ...RUNNING,
        { kind: 'exited', exit: EXIT },
        { kind: 'restart-due' },
        { kind: 'launch-failed', exit: EXIT },
      ],
      { restart: { kind: 'always' } },
    );
    expect(state).toBe('restarting');
  });

  test('a probe that changes the health tells of it, one that does not is silent', () => {
    const rules: Partial<LifeRules> = {
      health: {
        intervalMs: 1000,
        startPeriodMs: 0,
        startIntervalMs: 1000,
        retries: 1,
        longestQuickPauseMs: undefined,
        isStrict: false,
      },
    };
    const probe: LifeInput = { kind: 'probed', isSuccess: true, atMs: 10 };
    expect(play([...RUNNING, probe], rules).effects).toEqual([
      { kind: 'tell', fact: { action: 'health', health: 'healthy' } },
    ]);
    expect(play([...RUNNING, probe, probe], rules).effects).toEqual([]);
  });

  test('probing rests while it is paused', () => {
    const rules: Partial<LifeRules> = {
      health: {
        intervalMs: 1000,
        startPeriodMs: 0,
        startIntervalMs: 1000,
        retries: 1,
        longestQuickPauseMs: undefined,
        isStrict: false,
      },
    };
    const paused = play([...RUNNING, { kind: 'paused' }], rules);
    expect(paused.state).toBe('paused');
    expect(paused.effects).toContainEqual({ kind: 'stop-probing' });
    const unpaused = play([...RUNNING, { kind: 'paused' }, { kind: 'unpaused' }], rules);
    expect(unpaused.effects).toContainEqual({ kind: 'probe' });
  });
});
