import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Exit, type RestartPolicy, UNKNOWN_EXIT } from '../../../src/model/container.ts';
import {
  type Life,
  LIFE_AT_CREATION,
  type LifeInput,
  type LifeRules,
  reduceLife,
  stateOf,
} from '../../../src/supervisor/life.ts';

const exitOf = (code: number): Exit => ({
  ...UNKNOWN_EXIT,
  code,
  isOomKilled: code === 137,
  at: '2026-01-01T00:00:00Z',
});

/** What may come at any time, as a person or the kernel would have it. */
const anyInput: fc.Arbitrary<LifeInput> = fc.oneof(
  fc.constant<LifeInput>({ kind: 'start' }),
  fc.constant<LifeInput>({ kind: 'stop' }),
  fc.constant<LifeInput>({ kind: 'remove' }),
  fc.constant<LifeInput>({ kind: 'restart-due' }),
  fc.constant<LifeInput>({ kind: 'paused' }),
  fc.constant<LifeInput>({ kind: 'unpaused' }),
  fc.constant<LifeInput>({ kind: 'connected', endpoints: [], ports: [] }),
  fc.nat(99).map<LifeInput>((pid) => ({ kind: 'launched', pid: pid + 1 })),
  fc
    .constantFrom(126, 127, 128)
    .map<LifeInput>((code) => ({ kind: 'launch-failed', exit: exitOf(code) })),
  fc.constantFrom(0, 1, 137).map<LifeInput>((code) => ({ kind: 'exited', exit: exitOf(code) })),
  fc
    .record({ isSuccess: fc.boolean(), atMs: fc.nat(100_000) })
    .map<LifeInput>((probe) => ({ kind: 'probed', ...probe })),
  fc.constant<LifeInput>({
    kind: 'ending',
    ending: { signal: 'SIGTERM', by: 'stop', reason: undefined },
  }),
);

const anyPolicy: fc.Arbitrary<RestartPolicy> = fc.oneof(
  fc.constant<RestartPolicy>({ kind: 'no' }),
  fc.constant<RestartPolicy>({ kind: 'always' }),
  fc.constant<RestartPolicy>({ kind: 'unless-stopped' }),
  fc
    .option(fc.nat(3), { nil: undefined })
    .map<RestartPolicy>((maxAttempts) => ({ kind: 'on-failure', maxAttempts })),
);

const anyRules: fc.Arbitrary<LifeRules> = fc.record({
  restart: anyPolicy,
  health: fc.option(
    fc.constant({
      intervalMs: 1000,
      startPeriodMs: 0,
      startIntervalMs: 1000,
      retries: 2,
      longestQuickPauseMs: undefined,
      isStrict: false,
    }),
    { nil: undefined },
  ),
});

interface World {
  life: Life;
  /** Processes that were asked for and have not ended. */
  processes: number;
  exits: number;
  launches: number;
  timers: number;
}

/** Feeds an input as the driver would: facts about a process come only while there is one. */
function feed(world: World, input: LifeInput, at: { rules: LifeRules; now: number }): World {
  const { life, effects } = reduceLife(world.life, input, at);
  const next = { ...world, life };
  for (const effect of effects) {
    if (effect.kind === 'launch') {
      next.processes += 1;
      next.launches += 1;
    } else if (effect.kind === 'release') next.processes -= 1;
    else if (effect.kind === 'schedule-restart') next.timers += 1;
    else if (effect.kind === 'cancel-restart') next.timers -= 1;
    else if (effect.kind === 'tell' && effect.fact.action === 'die') next.exits += 1;
  }
  if (input.kind === 'restart-due' && world.life.phase.status === 'waiting') next.timers -= 1;
  return next;
}

const START: World = { life: LIFE_AT_CREATION, processes: 0, exits: 0, launches: 0, timers: 0 };

function run(
  inputs: readonly LifeInput[],
  rules: LifeRules,
  check: (before: World, after: World, input: LifeInput) => void,
): void {
  let world = START;
  inputs.forEach((input, index) => {
    const after = feed(world, input, { rules, now: 1_700_000_000_000 + index * 3000 });
    check(world, after, input);
    world = after;
  });
}

const sequences = fc.array(anyInput, { maxLength: 60 });

describe('reduceLife', () => {
  test('INVARIANT: never two live processes for one record', () => {
    fc.assert(
      fc.property(sequences, anyRules, (inputs, rules) => {
        run(inputs, rules, (_before, after) => {
          const { status } = after.life.phase;
          const isAlive = status === 'starting' || status === 'running';
          expect(after.processes).toBe(isAlive ? 1 : 0);
        });
      }),
    );
  });

  test('INVARIANT: desired stopped is never started but by a start', () => {
    fc.assert(
      fc.property(sequences, anyRules, (inputs, rules) => {
        run(inputs, rules, (before, after, input) => {
          if (before.life.desired === 'stopped' && after.launches > before.launches) {
            expect(input.kind).toBe('start');
          }
        });
      }),
    );
  });

  test('INVARIANT: an exit is recorded once', () => {
    fc.assert(
      fc.property(sequences, anyRules, (inputs, rules) => {
        run(inputs, rules, (_before, after) => {
          expect(after.launches - after.exits).toBe(after.processes);
        });
      }),
    );
  });

  test('a restart is pending exactly while it waits', () => {
    fc.assert(
      fc.property(sequences, anyRules, (inputs, rules) => {
        run(inputs, rules, (_before, after) => {
          expect(after.timers).toBe(after.life.phase.status === 'waiting' ? 1 : 0);
        });
      }),
    );
  });

  test('nothing happens to a container that is being removed', () => {
    fc.assert(
      fc.property(sequences, anyRules, (inputs, rules) => {
        run(inputs, rules, (before, after) => {
          if (before.life.phase.status === 'removing') {
            expect(stateOf(after.life)).toBe('removing');
            expect(after.launches).toBe(before.launches);
          }
        });
      }),
    );
  });

  test('on-failure never restarts more often than it may', () => {
    const rules: LifeRules = {
      restart: { kind: 'on-failure', maxAttempts: 2 },
      health: undefined,
    };
    fc.assert(
      fc.property(sequences, (inputs) => {
        run(inputs, rules, (_before, after) => {
          expect(after.life.restartCount).toBeLessThanOrEqual(2);
        });
      }),
    );
  });
});
