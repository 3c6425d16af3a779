import { describe, expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import { resolveUser } from '../../../src/bundle/resolve-user.ts';

const FILES = {
  passwd: [
    'root:x:0:0:root:/root:/bin/sh',
    'www:x:33:33::/var/www:/usr/sbin/nologin',
    'www:x:99:99::/second:/bin/sh',
    '# comment:x:7:7::/:',
    'broken:x:many:1::/:',
    'short',
    '1500:x:42:42::/numbered:/bin/sh',
    'homeless:x:50:51:::',
  ].join('\n'),
  group: [
    'root:x:0:',
    'www:x:33:',
    'ssl:x:101:www,root',
    'log:x:102: www ',
    'adm:x:4:root',
    'bad:x:no:www',
  ].join('\n'),
};

describe('the user of a process', () => {
  test('nobody named is root with the groups of root', () => {
    expect(resolveUser(FILES, '', [])).toEqual({
      uid: 0,
      gid: 0,
      additionalGids: [0, 4, 101],
      home: '/root',
    });
  });

  test('root of an image without files has the root as home', () => {
    expect(resolveUser({}, '', [])).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: '/' });
  });

  test('a name takes the first entry, its group and the groups that list it', () => {
    expect(resolveUser(FILES, 'www', [])).toEqual({
      uid: 33,
      gid: 33,
      additionalGids: [33, 101, 102],
      home: '/var/www',
    });
  });

  test('a number with an entry has its group, home and further groups', () => {
    expect(resolveUser(FILES, '33', [])).toEqual(resolveUser(FILES, 'www', []));
  });

  test('a number without an entry is that id with group 0 and the root as home', () => {
    expect(resolveUser(FILES, '4711', [])).toEqual({
      uid: 4711,
      gid: 0,
      additionalGids: [0],
      home: '/',
    });
  });

  test('a number is an id even where a user has it as name', () => {
    expect(resolveUser(FILES, '1500', []).uid).toBe(1500);
  });

  test('a group that is written down is the only one', () => {
    expect(resolveUser(FILES, 'www:ssl', [])).toMatchObject({ gid: 101, additionalGids: [101] });
    expect(resolveUser(FILES, 'www:77', [])).toMatchObject({ gid: 77, additionalGids: [77] });
  });

  test('an empty group after the colon counts as none', () => {
    expect(resolveUser(FILES, 'www:', [])).toEqual(resolveUser(FILES, 'www', []));
  });

  test('an empty user before the colon is root', () => {
    expect(resolveUser(FILES, ':ssl', [])).toMatchObject({ uid: 0, gid: 101, home: '/root' });
  });

  test('added groups come by name or number, each once', () => {
    expect(resolveUser(FILES, 'www:33', ['adm', '33', '999']).additionalGids).toEqual([4, 33, 999]);
  });

  test('an entry without a home has the root', () => {
    expect(resolveUser(FILES, 'homeless', []).home).toBe('/');
  });

  test.each([
    ['nobody', 'unable to find user nobody: no matching entries in passwd file'],
    ['broken', 'unable to find user broken: no matching entries in passwd file'],
    ['www:none', 'unable to find group none: no matching entries in group file'],
    ['www:bad', 'unable to find group bad: no matching entries in group file'],
    ['2147483648', 'uids and gids must be in range 0-2147483647: 2147483648'],
    ['-1', 'uids and gids must be in range 0-2147483647: -1'],
    ['0:2147483648', 'uids and gids must be in range 0-2147483647: 2147483648'],
  ])('%s is refused in Docker’s words', (user, message) => {
    expect(() => resolveUser(FILES, user, [])).toThrow(message);
  });

  test('an unknown added group is refused', () => {
    const run = () => resolveUser(FILES, 'www', ['none']);
    expect(run).toThrow('unable to find group none');
  });

  test('the error has the code of users', () => {
    let thrown: unknown;
    try {
      resolveUser({}, 'web', []);
    } catch (error) {
      thrown = error;
    }
    expect(isOcupError(thrown, 'E_BUNDLE_USER')).toBe(true);
  });
});
