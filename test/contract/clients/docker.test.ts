import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { PeerRoom, peersObstacle } from '../../support/peers.ts';
import { OURS } from '../../support/runtime.ts';
import { DOCKER_VALUES } from './docker-values.ts';
import { runClient } from './run-client.ts';

const SCRIPT = resolve(import.meta.dirname, 'docker.sh');
const WANTED: Readonly<Record<string, string>> = {
  ...DOCKER_VALUES,
  driver: 'cgroupfs 1',
  'ocup.limits': '67108864 50 50000',
  'ocup.updated': '50331648 44 25000',
};

const obstacle = peersObstacle();
const suite = obstacle === undefined ? describe : describe.skip;

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
