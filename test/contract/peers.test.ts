import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { PeerRoom, peersObstacle } from '../support/peers.ts';

const obstacle = peersObstacle();

describe('the room of peers', () => {
  if (obstacle !== undefined) {
    test.skip(`needs the peers: ${obstacle}`, () => undefined);
    return;
  }
  let room: PeerRoom;
  beforeAll(async () => {
    room = await PeerRoom.open({ layout: 'legacy' });
  });
  afterAll(() => room.close());

  test('runs a command with its own root, network and processes', async () => {
    expect(await room.get(['sh', '-c', 'ls /sys/class/net; echo $$; cat /proc/1/comm'])).toMatch(
      /^lo\n\d{1,3}\ncatatonit\n$/,
    );
  });

  test('tells how a command ended', async () => {
    const result = await room.run(['sh', '-c', 'cat; echo no >&2; exit 3'], { input: 'yes' });
    expect(result).toEqual({ code: 3, stdout: 'yes', stderr: 'no\n' });
  });

  test('has the peers', async () => {
    const versions = await room.get([
      'sh',
      '-c',
      'docker --version; podman --version; crun --version',
    ]);
    expect(versions).toMatch(/^Docker version \d+.*\npodman version \d+.*\ncrun version \d+/);
  });

  test('leaves nothing when it is closed', async () => {
    const other = await PeerRoom.open();
    other.start(['sleep', '1000']);
    await other.close();
    expect(existsSync(other.scratch)).toBe(false);
    expect(existsSync(`/sys/fs/cgroup/pids/${other.name}`)).toBe(false);
  });
});
