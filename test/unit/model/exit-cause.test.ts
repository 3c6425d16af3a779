import { describe, expect, test } from '@jest/globals';
import { type Exit, UNKNOWN_EXIT } from '../../../src/model/container.ts';
import { explainExit } from '../../../src/model/exit-cause.ts';
import { namesProcess } from '../../../src/host/kernel-log.ts';

const exitOf = (facts: Partial<Exit>): Exit => ({
  ...UNKNOWN_EXIT,
  pid: 1234,
  at: '2026-01-01T00:00:00Z',
  ...facts,
});

describe('explainExit', () => {
  test.each<[string, Partial<Exit>, string, boolean]>([
    ['an end of its own', { code: 0 }, 'done', true],
    ['a failure', { code: 3 }, 'code 3', false],
    ['a command that a shell did not find', { code: 127 }, 'command not found', false],
    [
      'a lack of memory',
      { code: 137, signal: 'SIGKILL', isOomKilled: true },
      'out of memory',
      false,
    ],
    ['a fault', { code: 139, signal: 'SIGSEGV' }, 'segmentation fault', false],
    ['seccomp', { code: 159, signal: 'SIGSYS' }, 'refused system call', false],
    [
      'a signal of somebody else',
      { code: 137, signal: 'SIGKILL' },
      'SIGKILL from elsewhere',
      false,
    ],
    [
      'a kill by hand',
      {
        code: 137,
        signal: 'SIGKILL',
        sent: { signal: 'SIGKILL', by: 'kill', reason: undefined },
      },
      'killed by hand',
      true,
    ],
    [
      'a stop that was heard and answered with a code',
      { code: 3, sent: { signal: 'SIGTERM', by: 'stop', reason: undefined } },
      'stopped',
      true,
    ],
    [
      'a fault after a stop was asked for',
      {
        code: 139,
        signal: 'SIGSEGV',
        sent: { signal: 'SIGTERM', by: 'stop', reason: undefined },
      },
      'segmentation fault',
      false,
    ],
    [
      'the end of its grace',
      {
        code: 137,
        signal: 'SIGKILL',
        sent: { signal: 'SIGKILL', by: 'force', reason: 'it did not end within 1 s' },
      },
      'killed after its grace',
      true,
    ],
    [
      'an end of its own as its grace was over',
      {
        code: 143,
        sent: { signal: 'SIGKILL', by: 'force', reason: 'it did not end within 1 s' },
      },
      'stopped',
      true,
    ],
    [
      'a missing command',
      { pid: undefined, code: 127, reason: 'exec: "x": executable file not found in $PATH' },
      'command not found',
      false,
    ],
    [
      'another processor',
      { pid: undefined, code: 128, reason: 'exec /x: exec format error: it is built for arm' },
      'wrong architecture',
      false,
    ],
    [
      'a script without its first line',
      { pid: undefined, code: 128, reason: 'exec /x: exec format error' },
      'exec format error',
      false,
    ],
    [
      'a program without its interpreter',
      {
        pid: undefined,
        code: 128,
        reason: 'exec /x: no such file or directory: its interpreter "/bin/y" is not there',
      },
      'interpreter not found',
      false,
    ],
    [
      'a port that is taken',
      {
        pid: undefined,
        code: 128,
        reason: 'Bind for 0.0.0.0:80 failed: port is already allocated: nc (pid 7) holds it',
      },
      'port taken',
      false,
    ],
    ['nothing', { code: undefined, reason: 'its shim was killed' }, 'unseen', false],
  ])('tells %s', (_name, facts, short, isExpected) => {
    expect(explainExit(exitOf(facts))).toMatchObject({ short, isExpected });
  });

  test('tells a script that was written on Windows from one without its interpreter', () => {
    const reason = 'exec /x: no such file or directory: its interpreter "/bin/sh\\r" is not there';
    const { hint } = explainExit(exitOf({ pid: undefined, code: 128, reason }));
    expect(hint).toContain('as on Windows');
  });

  test('names limit and peak of memory', () => {
    const memory = { memoryLimitBytes: 32 << 20, memoryPeakBytes: 33 << 20 };
    const { sentence } = explainExit(exitOf({ code: 137, isOomKilled: true, ...memory }));
    expect(sentence).toContain('limit 32MiB, peak 33MiB');
  });
});

describe('namesProcess', () => {
  test.each([
    ['sh[1234]: segfault at 0 ip 0000 sp 0000 error 4', true],
    ['Out of memory: Killed process 1234 (sh) total-vm:1kB', true],
    ['audit: type=1326 audit(1.2:3): auid=1 pid=1234 comm="sh" sig=31 syscall=161', true],
    ['sh[12345]: segfault at 0', false],
    ['eth0: link up, 1234 Mbps', false],
  ])('%s', (text, isNamed) => {
    expect(namesProcess(text, 1234)).toBe(isNamed);
  });
});
