import { describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/cli/command-table.ts';
import { complete } from '../../../src/cli/completion/candidates.ts';

async function words(...line: string[]): Promise<string[]> {
  const found = await complete(COMMANDS, line, {
    services: () => Promise.resolve(['web', 'db']),
    profiles: () => Promise.resolve(['debug']),
  });
  return [...found.candidates.map((item) => item.word), ...(found.files ? [':files'] : [])];
}

describe('completion', () => {
  test.each([
    [['ima'], ['images', 'image']],
    [['image', 'pul'], ['pull']],
    [['up', '--no-b'], ['--no-build']],
    [
      ['up', ''],
      ['web', 'db'],
    ],
    [['up', 'web', ''], ['db']],
    [
      ['up', '--scale', ''],
      ['web=', 'db='],
    ],
    [['up', '--pull=al'], ['--pull=always']],
    [['-p', 'x', 'logs', 'w'], ['web']],
    [['--profile', ''], ['debug']],
    [['exec', 'w'], ['web']],
    [['exec', 'web', ''], [':files']],
    [['exec', 'web', 'ls', '--pro'], [':files']],
    [
      ['cp', 'd'],
      ['db:', ':files'],
    ],
    [
      ['scale', ''],
      ['web=', 'db='],
    ],
    [['completion', 'z'], ['zsh']],
    [['up', '--exit-code-from', 'd'], ['db']],
    [
      ['kill', '-s', 'SIGU'],
      ['SIGUSR1', 'SIGUSR2'],
    ],
    [['-f', ''], [':files']],
    [['no-such-command', ''], expect.arrayContaining(['up', 'down'])],
  ])('of %j', async (line, expected) => {
    const found = await words(...line);
    expect(found).toEqual(expected);
  });

  test('offers no hidden commands and flags', async () => {
    expect(await words('__')).toEqual([]);
    expect(await words('up', '--quiet-b')).toEqual([]);
  });
});
