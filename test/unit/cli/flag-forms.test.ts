import { describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/cli/command-table.ts';
import { toPlainFlags } from '../../../src/cli/flag-forms.ts';

const plain = (line: string): string => toPlainFlags(line.split(' '), COMMANDS).join(' ');

describe('toPlainFlags', () => {
  test.each([
    ['up --detach=true --build', 'up --detach --build'],
    ['up --detach=false web', 'up web'],
    ['up --menu=false', 'up --no-menu'],
    ['up --no-deps=false', 'up'],
    ['up --no-deps=1', 'up --no-deps'],
    ['ps -q=t -a', 'ps -q -a'],
    ['ps --orphans=false', 'ps --no-orphans'],
    ['ps --orphans=true', 'ps --orphans'],
    ['attach --sig-proxy=false web', 'attach --sig-proxy=false web'],
    ['stop -t=5 web', 'stop -t 5 web'],
    ['stop -t5 web', 'stop -t 5 web'],
    ['stop --timeout=5 web', 'stop --timeout=5 web'],
    ['down -vt 0', 'down -v -t 0'],
    ['-f=a.yaml -pdemo ps', '-f a.yaml -p demo ps'],
    ['--dry-run=false up', 'up'],
    ['up --dry-run=true', 'up --dry-run'],
    ['--file=a.yaml logs -f', '--file=a.yaml logs -f'],
    ['logs -fn5 web', 'logs -f -n 5 web'],
    ['logs --tail -1 web', 'logs --tail -1 web'],
    ['exec --no-TTY web sh', 'exec --no-tty web sh'],
    ['exec -Tuuser web ls -la=x --color=true', 'exec -T -u user web ls -la=x --color=true'],
    ['exec -e -x=1 web env', 'exec -e -x=1 web env'],
    ['image ls -q=true', 'image ls -q'],
    ['up -- --detach=true', 'up -- --detach=true'],
    ['up --nosuch=true -X=1', 'up --nosuch=true -X=1'],
    ['up -', 'up -'],
  ])('%s', (typed, meant) => {
    expect(plain(typed)).toBe(meant);
  });

  test('a switch is on or off', () => {
    expect(() => plain('ps --quiet=maybe')).toThrow(
      expect.objectContaining({ message: 'invalid argument "maybe" for --quiet' }),
    );
    expect(() => plain('ps -q=2')).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});
