import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { delay } from '../../src/base/abort.ts';
import { eventually } from '../support/eventually.ts';
import { addImage, layersOf, newStore, writeLayout } from '../support/image-fixture.ts';
import { OcupHome, type RunResult, runProgram } from '../support/ocup.ts';
import { PeerRoom, peersObstacle } from '../support/peers.ts';

const OCUP = resolve(import.meta.dirname, '../../bin/ocup');
/** Of a user without rights on this machine, as the kernel sees it. */
const FOREIGN_ID = 200_000;
const USER_ID = 3_100_000;

/** What can differ between two machines: owners, links, attributes, times, folders that no layer names. */
async function writeImage(layout: string): Promise<void> {
  const store = newStore();
  const layers = layersOf(
    [
      { path: 'bin/busybox', content: await readFile('/bin/busybox'), mode: 0o755 },
      { path: 'bin/sh', type: '2', link: 'busybox' },
      { path: 'bin/cat', type: '1', link: 'bin/busybox' },
      { path: 'tmp/', type: '5', mode: 0o1777 },
      { path: 'deep/er/est/file', content: randomBytes(70_000), uid: 1234, gid: 5678, mode: 0o640 },
      { path: 'etc/', type: '5', pax: { mtime: '1600000000.123456789' } },
      { path: 'etc/greeting', content: 'hello\n', pax: { 'SCHILY.xattr.user.note': 'kept' } },
    ],
    [
      { path: 'etc/.wh.greeting' },
      { path: 'etc/greeting2', content: 'good day\n', uid: 77, gid: 77 },
      { path: `${'long/'.repeat(30)}name`, content: 'x' },
      { path: 'fifo', type: '6' },
      { path: 'dev/null', type: '3', device: [1, 3], mode: 0o666, uid: 5, gid: 6 },
      { path: 'dev/disk', type: '4', device: [259, 300], mode: 0o600 },
    ],
  );
  const config = { Cmd: ['/bin/sh', '-c', '/bin/cat /etc/greeting2'], Env: ['PATH=/bin'] };
  store.tags.set('box', addImage(store, { layers, config }));
  await writeLayout(store, layout);
}

describe('a bundle', () => {
  const home = new OcupHome();
  const other = new OcupHome();
  let layout = '';
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ocup-bytes-'));
    await chmod(folder, 0o755);
    layout = join(folder, 'layout');
    await writeImage(layout);
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await home.close();
    await other.close();
  });

  const bundle = (where: OcupHome, ...args: string[]): Promise<RunResult> =>
    where.succeed(['bundle', '--image', `oci:${layout}:box`, ...args], { cwd: folder });

  test('has one digest, in another folder, at another time and with another store', async () => {
    const first = (await bundle(home, '--digest')).stdout;
    expect(first).toMatch(/^sha256:[a-f0-9]{64}\n$/);
    await delay(1100);
    expect((await bundle(other, '--digest', '--archive', 'b.tar', '-o', 'tree')).stdout).toBe(
      first,
    );
    await bundle(home, '--archive', 'a.tar');
    expect(readFileSync(join(folder, 'a.tar')).equals(readFileSync(join(folder, 'b.tar')))).toBe(
      true,
    );
    const { stdout } = await runProgram('sha256sum', ['a.tar'], { cwd: folder });
    expect(`sha256:${stdout.slice(0, 64)}\n`).toBe(first);
  });

  test('has the same tree where it is unpacked from its archive', async () => {
    const unpacked = join(folder, 'unpacked');
    await mkdir(unpacked);
    const args = ['--xattrs', '--xattrs-include=*', '-xpf', '../a.tar'];
    expect(await runProgram('tar', args, { cwd: unpacked })).toMatchObject({ code: 0 });
    const list = async (tree: string): Promise<string> => {
      const format = '%P %y %m %U %G %l %n %T@\\n';
      const { stdout } = await runProgram('find', ['rootfs', '-printf', format], {
        cwd: join(folder, tree),
      });
      return stdout.split('\n').sort().join('\n');
    };
    expect(await list('unpacked')).toBe(await list('tree'));
    expect(lstatSync(join(unpacked, 'rootfs/etc')).mtimeMs).toBeCloseTo(1600000000123.456, 2);
    expect(existsSync(join(unpacked, 'rootfs/etc/greeting'))).toBe(false);
  });

  test('has that digest also where a user without rights makes it', async () => {
    const first = (await bundle(home, '--digest')).stdout;
    const own = await mkdtemp(join(tmpdir(), 'ocup-bytes-user-'));
    try {
      await chown(own, FOREIGN_ID, FOREIGN_ID);
      const args = ['bundle', '--image', `oci:${layout}:box`, '--digest'];
      const { code, stdout, stderr } = await runMapped(args, own);
      expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: first });
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });

  test('has that digest also for a user of the machine, who has subordinate ids', async () => {
    const first = (await bundle(home, '--digest')).stdout;
    const own = await mkdtemp(join(tmpdir(), 'ocup-bytes-user-'));
    try {
      await chown(own, USER_ID, USER_ID);
      const args = ['bundle', '--image', `oci:${layout}:box`, '--digest', '--archive', 'own.tar'];
      const { code, stdout, stderr } = await runAsUser(args, own);
      expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: first });
      const archive = await readFile(join(own, 'own.tar'));
      expect(archive.equals(readFileSync(join(folder, 'a.tar')))).toBe(true);
      expect((await readdir(join(own, 'data'))).filter((name) => name.includes('mapped'))).toEqual(
        [],
      );
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });

  test('without ids for its owners is refused a digest', async () => {
    const own = await mkdtemp(join(tmpdir(), 'ocup-bytes-user-'));
    try {
      await chown(own, FOREIGN_ID, FOREIGN_ID);
      const args = ['bundle', '--image', `oci:${layout}:box`, '--digest'];
      const result = await runMapped(args, own, 1);
      expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('owners') });
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });

  const obstacle = peersObstacle();
  if (obstacle !== undefined) test.skip(`runs under peers: ${obstacle}`, () => undefined);
  else {
    test('runs under runc and crun, and under podman as a rootfs', async () => {
      const room = await PeerRoom.open({ layout: 'legacy', binds: [folder] });
      try {
        const tree = join(folder, 'tree');
        for (const runtime of ['runc', 'crun']) {
          const root = join(room.scratch, runtime);
          const said = await room.get([runtime, '--root', root, 'run', '-b', tree, 'bytes']);
          expect(said).toBe('good day\n');
        }
        const options = ['--cgroup-manager=cgroupfs', '--events-backend=file'];
        const run = ['run', '--rm', '--network=none', '--log-driver=k8s-file', '--rootfs'];
        const command = [join(tree, 'rootfs'), '/bin/cat', '/etc/greeting2'];
        expect(await room.get(['podman', ...options, ...run, ...command])).toBe('good day\n');
      } finally {
        await room.close();
      }
    }, 60_000);
  }
});

/**
 * Runs ocup as a user without rights, in a mount namespace in which the files that name users and their subordinate
 * ids have lines for it.
 */
async function runAsUser(args: readonly string[], folder: string): Promise<RunResult> {
  const etc = await mkdtemp(join(tmpdir(), 'ocup-bytes-etc-'));
  try {
    const users = await readFile('/etc/passwd', 'utf8');
    await writeFile(
      join(etc, 'passwd'),
      `${users}ocuptest:x:${USER_ID}:${USER_ID}::${folder}:/bin/sh\n`,
    );
    for (const name of ['subuid', 'subgid']) {
      await writeFile(join(etc, name), `ocuptest:${USER_ID + 1}:65536\n`);
    }
    const script = `
for name in passwd subuid subgid; do mount --bind "$1/$name" /etc/$name; done
shift
exec setpriv --reuid ${USER_ID} --regid ${USER_ID} --clear-groups --inh-caps=-all "$@"`;
    const argv = ['--mount', 'sh', '-ec', script, 'sh', etc, OCUP, ...args];
    const result = await runProgram('unshare', argv, { cwd: folder, env: ownPlaces(folder) });
    await waitForSupervisor(folder);
    return result;
  } finally {
    await rm(etc, { recursive: true, force: true });
  }
}

function ownPlaces(folder: string): Record<string, string> {
  return {
    HOME: folder,
    OCUP_DATA_DIR: join(folder, 'data'),
    OCUP_RUN_DIR: join(folder, 'run'),
    OCUP_IDLE_MS: '200',
  };
}

async function waitForSupervisor(folder: string): Promise<void> {
  const socket = join(folder, 'run/supervisor.sock');
  await eventually(() => !existsSync(socket), 15_000, 'the end of the supervisor');
}

/** Runs ocup as root of a user namespace with `count` ids, all of a user that has no rights here. */
async function runMapped(
  args: readonly string[],
  folder: string,
  count = 65_536,
): Promise<RunResult> {
  const script = 'read -r _ && exec setpriv --reuid=0 --regid=0 --clear-groups "$@"';
  const argv = ['--user', '--mount', '--keep-caps', 'sh', '-c', script, 'sh', OCUP, ...args];
  const child = spawn('unshare', argv, {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...ownPlaces(folder) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number>((done) => child.once('close', (code) => done(code ?? -1)));
  const map = `0 ${FOREIGN_ID} ${count}`;
  const path = `/proc/${child.pid ?? 0}`;
  const ours = readlinkSync('/proc/self/ns/user');
  await eventually(() => readlinkSync(`${path}/ns/user`) !== ours, 10_000, 'the user namespace');
  await writeFile(`${path}/uid_map`, map);
  await writeFile(`${path}/gid_map`, map);
  child.stdin.end('\n');
  const code = await ended;
  await waitForSupervisor(folder);
  return { code, stdout, stderr };
}
