import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureDebianImages } from '../../support/debian-images.ts';
import { eventually } from '../../support/eventually.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { PeerRoom, peersObstacle } from '../../support/peers.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { listTree } from '../../support/tree-list.ts';

const TAG = 'postgres';
const obstacle = peersObstacle();

describe('the tree of an image made from Debian packages', () => {
  if (obstacle !== undefined) {
    test.skip(`needs the peers: ${obstacle}`, () => undefined);
    return;
  }
  let home: ImagesHome;
  let registry: Registry;
  let room: PeerRoom;
  let name: string;
  let ours: string[];

  beforeAll(async () => {
    home = new ImagesHome();
    await home.open();
    registry = await startRegistry();
    name = `${registry.host}/${TAG}:1`;
    const layout = await ensureDebianImages();
    const from = `oci:${layout}:${TAG}`;
    execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', from, `docker://${name}`]);
    const image = await home.pull(name);
    const target = join(home.folder, 'tree');
    await mkdir(target);
    await home.images.exportRootfs(image, target);
    ours = withoutTop(listTree(target));
    room = await PeerRoom.open({ network: 'shared', layout: 'legacy' });
  }, 600_000);

  afterAll(async () => {
    await room.close();
    await registry.stop();
    await home.close();
  });

  /** Files of the room, seen from outside. */
  function listInRoom(path: string): string[] {
    const pid = room.command([])[3] ?? '';
    return withoutTop(listTree(`/proc/${pid}/root${path}`));
  }

  /** The top folder of docker and podman has a time, and podman's a mode, of their own. */
  function withoutTop(lines: readonly string[]): string[] {
    return lines.filter((line) => !line.startsWith('. '));
  }

  test('is what docker unpacks, file by file', async () => {
    room.start(['dockerd', '--iptables=false', '--ip6tables=false', '--bridge=none']);
    const isUp = async (): Promise<boolean> => (await room.run(['docker', 'info'])).code === 0;
    await eventually(isUp, 60_000, 'dockerd');
    await room.get(['docker', 'pull', '-q', name], { timeoutMs: 120_000 });
    const inspect = ['docker', 'image', 'inspect', '--format', '{{json .GraphDriver.Data}}', name];
    const { UpperDir: top, LowerDir: rest } = JSON.parse(await room.get(inspect)) as {
      UpperDir: string;
      LowerDir?: string;
    };
    const layers = [top, rest ?? '/var/empty'].join(':');
    await room.get(['mkdir', '-p', '/mnt/image', '/var/empty']);
    await room.get(['mount', '-t', 'overlay', '-o', `lowerdir=${layers}`, 'image', '/mnt/image']);
    expect(listInRoom('/mnt/image')).toEqual(ours);
  }, 300_000);

  test('is what podman unpacks, file by file', async () => {
    await room.get(['podman', 'pull', '-q', '--tls-verify=false', name], { timeoutMs: 120_000 });
    const path = (await room.get(['podman', 'image', 'mount', name])).trim();
    expect(listInRoom(path)).toEqual(ours);
  }, 300_000);
});
