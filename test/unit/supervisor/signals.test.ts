import { describe, expect, test } from '@jest/globals';
import { findSignalState, judgeHearing } from '../../../src/supervisor/hearing.ts';
import { parseSignal, signalName } from '../../../src/supervisor/signals.ts';

describe('parseSignal', () => {
  test.each([
    ['SIGTERM', 15, 'SIGTERM'],
    ['term', 15, 'SIGTERM'],
    ['9', 9, 'SIGKILL'],
    ['SIGRTMIN+3', 37, 'SIGRTMIN+3'],
    ['RTMAX-1', 63, 'SIGRTMIN+29'],
    ['SIGIOT', 6, 'SIGABRT'],
  ])('reads %s', (text, number, name) => {
    expect(parseSignal(text)).toEqual({ number, name });
  });

  test.each(['', 'SIGNOPE', '0', '65', 'SIGRTMIN-1', 'SIGRTMAX+1', '-9'])('refuses %j', (text) => {
    expect(() => parseSignal(text)).toThrow('invalid signal');
  });

  test('every number has a name', () => {
    expect([1, 15, 34, 64].map(signalName)).toEqual([
      'SIGHUP',
      'SIGTERM',
      'SIGRTMIN+0',
      'SIGRTMIN+30',
    ]);
  });
});

const STATUS = `Name:\tsleep
State:\tS (sleeping)
NSpid:\t4711\t1
SigBlk:\t0000000000000000
SigIgn:\t0000000000000002
SigCgt:\t0000000000004000
`;

describe('judgeHearing', () => {
  const state = findSignalState(STATUS)!;

  test('process 1 hears what it has a handler for', () => {
    expect(judgeHearing(state, 15)).toBe('hears');
  });

  test('process 1 does not hear what it has no handler for', () => {
    expect(judgeHearing(state, 3)).toBe('deaf');
    expect(judgeHearing(state, 2)).toBe('deaf');
  });

  test('another process ends by a signal that it has no handler for', () => {
    const other = { ...state, isInit: false };
    expect(judgeHearing(other, 3)).toBe('hears');
    expect(judgeHearing(other, 2)).toBe('deaf');
  });

  test('who sleeps with a blocked signal hears it: it waits for sigwait or a signalfd', () => {
    expect(judgeHearing({ ...state, blocked: 1n << 2n }, 3)).toBe('hears');
  });

  test('who is awake with a blocked signal may have blocked it for a moment only', () => {
    expect(judgeHearing({ ...state, blocked: 1n << 2n, isAsleep: false }, 3)).toBe('unclear');
  });

  test('nothing is deaf to SIGKILL', () => {
    expect(judgeHearing(state, 9)).toBe('hears');
  });

  test('the status of a process that is gone is undefined', () => {
    expect(findSignalState('')).toBeUndefined();
  });
});
