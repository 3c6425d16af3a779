import { describe, expect, test } from '@jest/globals';
import { hostPaths } from '../../../src/host/paths.ts';

describe('the folders of ocup', () => {
  test('root has those of the machine', () => {
    expect(hostPaths({ HOME: '/root', XDG_RUNTIME_DIR: '/run/user/0' }, 0)).toEqual({
      dataDir: '/var/lib/ocup',
      runDir: '/run/ocup',
      supervisorSocket: '/run/ocup/supervisor.sock',
      commandSocket: '/run/ocup/commands.sock',
      supervisorLock: '/run/ocup/supervisor.lock',
      supervisorLog: '/var/lib/ocup/supervisor.log',
      runtimeRoot: '/run/ocup/runtime',
    });
  });

  test('a user has those of the XDG base directories', () => {
    const environment = { HOME: '/home/me', XDG_DATA_HOME: '/data', XDG_RUNTIME_DIR: '/run/me' };
    expect(hostPaths(environment, 1000)).toMatchObject({
      dataDir: '/data/ocup',
      runDir: '/run/me/ocup',
    });
  });

  test('a user without them has the usual ones', () => {
    const environment = { HOME: '/home/me', XDG_DATA_HOME: '' };
    expect(hostPaths(environment, 4_000_000)).toMatchObject({
      dataDir: '/home/me/.local/share/ocup',
      runDir: '/tmp/ocup-4000000',
    });
  });

  test('the environment stands over all, and becomes absolute', () => {
    const environment = { OCUP_DATA_DIR: 'here', OCUP_RUN_DIR: '/there/' };
    expect(hostPaths(environment, 0)).toMatchObject({
      dataDir: `${process.cwd()}/here`,
      runDir: '/there',
    });
  });

  test('an empty variable counts as not set', () => {
    expect(hostPaths({ OCUP_DATA_DIR: '', OCUP_RUN_DIR: '' }, 0)).toMatchObject({
      dataDir: '/var/lib/ocup',
      runDir: '/run/ocup',
    });
  });
});
