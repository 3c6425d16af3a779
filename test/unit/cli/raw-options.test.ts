import { describe, expect, test } from '@jest/globals';
import { parseGlobals } from '../../../src/cli/globals.ts';
import { parseTail, parseTimeBound } from '../../../src/cli/logs/time-bound.ts';
import { RawOptions } from '../../../src/cli/raw-options.ts';

describe('RawOptions', () => {
  const raw = new RawOptions({
    timeout: '5',
    waitTimeout: '1m30s',
    deps: false,
    env: ['A=1', 'B', 'C=x=y'],
    pull: 'sometimes',
    index: '-1',
  });

  test('a number is seconds, a duration is what it says', () => {
    expect(raw.durationMs('timeout')).toBe(5000);
    expect(raw.durationMs('wait-timeout')).toBe(90_000);
    expect(raw.durationMs('missing')).toBeUndefined();
  });

  test('an option that negates is given when its value is false', () => {
    expect(raw.flag('no-deps')).toBe(true);
    expect(raw.flag('no-color')).toBe(false);
  });

  test('a pair is cut at the first equals sign', () => {
    expect(raw.pairs('env')).toEqual([
      ['A', '1'],
      ['B', undefined],
      ['C', 'x=y'],
    ]);
  });

  test('a value that is not known is an error that lists those that are', () => {
    expect(() => raw.choice('pull', ['always', 'never'])).toThrow(
      'invalid value "sometimes" for --pull: expected one of always, never',
    );
    expect(() => raw.count('index')).toThrow(/--index/);
  });
});

describe('parseGlobals', () => {
  test('options go before variables, variables before defaults', () => {
    const environment = { COMPOSE_PROGRESS: 'plain', COMPOSE_ANSI: 'never' };
    expect(parseGlobals(new RawOptions({}), {})).toMatchObject({ progress: 'auto', ansi: 'auto' });
    expect(parseGlobals(new RawOptions({}), environment)).toMatchObject({
      progress: 'plain',
      ansi: 'never',
    });
    expect(parseGlobals(new RawOptions({ progress: 'json' }), environment).progress).toBe('json');
  });

  test('--parallel -1 is no limit', () => {
    expect(parseGlobals(new RawOptions({ parallel: '-1' }), {}).parallel).toBe(
      Number.MAX_SAFE_INTEGER,
    );
    expect(parseGlobals(new RawOptions({ parallel: '3' }), {}).parallel).toBe(3);
  });
});

describe('parseTimeBound', () => {
  const now = Date.parse('2026-01-01T12:00:00Z');

  test.each([
    ['10m', '2026-01-01T11:50:00.000Z'],
    ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['2026-01-01T00:00:00.123456789Z', '2026-01-01T00:00:00.123456789Z'],
    ['2026-01-01T02:00:00+02:00', '2026-01-01T00:00:00.000Z'],
    ['1767225600', '2026-01-01T00:00:00.000Z'],
  ])('%s', (text, expected) => {
    expect(parseTimeBound(text, now)).toBe(expected);
  });

  test('something else is an error', () => {
    expect(() => parseTimeBound('yesterday', now)).toThrow('invalid time "yesterday"');
  });
});

test('--tail takes a number or all', () => {
  expect(parseTail('0')).toBe(0);
  expect(parseTail('all')).toBeUndefined();
  expect(() => parseTail('few')).toThrow(/--tail/);
});
