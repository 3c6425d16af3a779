import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { PeerRoom, peersObstacle } from '../../support/peers.ts';
import { OURS } from '../../support/runtime.ts';
import { runClient } from './run-client.ts';

const SCRIPT = resolve(import.meta.dirname, 'podman.sh');
const obstacle = peersObstacle();
const suite = obstacle === undefined ? describe : describe.skip;

/** What podman.sh says with each of the runtimes, side by side in one room. */
async function runPodman(
  layout: 'hybrid' | 'legacy',
  runtimes: Readonly<Record<string, string>>,
): Promise<Record<string, Record<string, string>>> {
  const room = await PeerRoom.open({ layout });
  try {
    const runs = Object.entries(runtimes).map(
      async ([name, path]) =>
        [name, await runClient(room, SCRIPT, path, join(room.scratch, name))] as const,
    );
    return Object.fromEntries(await Promise.all(runs));
  } finally {
    await room.close();
  }
}

const WANTED: Readonly<Record<string, string>> = {
  run: 'hello',
  exit: '7',
  usage: '125',
  notExecutable: '126',
  missing: '127',
  killedInside: '137',
  oom: '137 true',
  terminal: 'yes',
  init: 'podman-init',
  exec: 'inside',
  execExit: '9',
  execMissing: '127',
  execNotExecutable: '126',
  memory: '67108864',
  memoryUpdated: '50331648',
  unhealthy: '1',
  healthy: '0',
  paused: 'paused',
  stopped: '137',
  podStop: '0',
  left: '',
};

suite(`podman with our runtime (${obstacle ?? 'as with crun'})`, () => {
  let seen: Record<string, Record<string, string>> = {};
  let inHybrid: Record<string, string> = {};
  beforeAll(async () => {
    const [legacy, hybrid] = await Promise.all([
      runPodman('legacy', { ours: OURS.path, crun: '/usr/bin/crun' }),
      // crun refuses it.
      runPodman('hybrid', { ours: OURS.path }),
    ]);
    seen = legacy;
    inHybrid = hybrid['ours'] ?? {};
  }, 600_000);

  test('does all that it does with crun', () => {
    expect(Object.keys(seen['crun'] ?? {}).length).toBeGreaterThan(50);
    expect(seen['ours']).toEqual(seen['crun']);
  });

  test.each(Object.entries(WANTED))('%s is %s', (name, value) => {
    expect(seen['ours']?.[name]).toBe(value);
  });

  test('does the same in the hybrid layout', () => {
    expect(inHybrid).toEqual(seen['ours']);
  });
});
