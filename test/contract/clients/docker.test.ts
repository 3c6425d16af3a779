import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { PeerRoom, peersObstacle } from '../../support/peers.ts';
import { OURS } from '../../support/runtime.ts';
import { runClient } from './run-client.ts';

const SCRIPT = resolve(import.meta.dirname, 'docker.sh');
const obstacle = peersObstacle();
const suite = obstacle === undefined ? describe : describe.skip;

const WANTED: Readonly<Record<string, string>> = {
  'ocup.run': 'hello',
  'ocup.exit': '7',
  'ocup.usage': '125',
  'ocup.notExecutable': '126',
  'ocup.missing': '127',
  'ocup.missingInPath': '127',
  'ocup.execMissing': '127',
  'ocup.execNotExecutable': '126',
  'ocup.oom': '137 true',
  'ocup.terminal': 'yes',
  'ocup.init': 'docker-init',
  'ocup.memory': '50331648',
  'ocup.paused': 'paused',
  composeUp: '0',
  composePs: 'first running healthy second running',
  composeRuntime: 'ocup',
  composeExec: 'docker-init',
  composeDown: '0',
  ctrRun: 'hello',
  ctrExit: '5',
  ctrTasks: 'two',
  ctrExec: 'inside',
  ctrPause: '0',
  ctrResume: '0',
  ctrMetrics: '1',
  ctrKill: '0',
  ctrRemove: '0',
  ctrLeft: '',
};

suite(`docker, docker compose and ctr with our runtime (${obstacle ?? 'as with runc'})`, () => {
  let seen: Record<string, string> = {};
  beforeAll(async () => {
    const room = await PeerRoom.open({ layout: 'hybrid' });
    try {
      seen = await runClient(room, SCRIPT, OURS.path, join(room.scratch, 'docker'));
    } finally {
      await room.close();
    }
  }, 600_000);

  test.each(Object.entries(WANTED))('%s is %s', (name, value) => {
    expect(seen[name]).toBe(value);
  });

  test('docker does all that it does with runc', () => {
    const under = (kind: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(seen)
          .filter(([name]) => name.startsWith(`${kind}.`))
          .map(([name, value]) => [name.slice(kind.length + 1), value]),
      );
    expect(Object.keys(under('runc')).length).toBeGreaterThan(25);
    expect(under('ocup')).toEqual(under('runc'));
  });
});
