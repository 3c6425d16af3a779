import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { OcupHome, type RunResult } from '../support/ocup.ts';

const COMPOSE = `
name: copying
services:
  web:
    image: "rootfs:/"
    command: ["sh", "-c", "mkdir -p /srv/box/sub; echo inside > /srv/box/file; ln -s file /srv/box/link; ln -s /srv/box /srv/to-box; exec sleep 1000"]
    volumes:
      - data:/srv/data
      - ./bound:/srv/bound
    init: true
  idle:
    image: "rootfs:/"
    command: "true"
    volumes:
      - data:/srv/data
  locked:
    image: "rootfs:/"
    command: sleep 1000
    read_only: true
    init: true
  pair:
    image: "rootfs:/"
    command: sleep 1000
    scale: 2
    init: true
volumes:
  data: {}
`;

describe('cp', () => {
  const home = new OcupHome();
  let project = '';
  let work = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-cp-'));
    await mkdir(join(project, 'bound'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    await home.succeed(['up', '-d', '--wait'], { cwd: project });
  });

  beforeEach(async () => {
    work = await mkdtemp(join(project, 'work-'));
  });

  afterAll(async () => {
    await home.run(['down', '-v', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  const cp = (...args: string[]): Promise<RunResult> => home.run(['cp', ...args], { cwd: work });
  const copy = (...args: string[]): Promise<RunResult> =>
    home.succeed(['cp', ...args], { cwd: work });
  const inside = async (script: string, service = 'web'): Promise<string> =>
    (await home.succeed(['exec', '-T', service, 'sh', '-c', script], { cwd: project })).stdout;

  describe('out of a container that runs', () => {
    test('a file goes into a folder by its name, and progress to standard error', async () => {
      const { stdout, stderr } = await copy('web:/srv/box/file', '.');
      expect(await readFile(join(work, 'file'), 'utf8')).toBe('inside\n');
      expect(stdout).toBe('');
      expect(stderr).toContain('Copied');
    });

    test('a file gets the name that is not there yet', async () => {
      await copy('web:/srv/box/file', 'renamed');
      expect(await readdir(work)).toEqual(['renamed']);
    });

    test('a folder goes into a folder that is there, and makes one that is not', async () => {
      await mkdir(join(work, 'there'));
      await copy('web:/srv/box', 'there');
      await copy('web:/srv/box', 'new');
      expect(await readdir(join(work, 'there'))).toEqual(['box']);
      expect((await readdir(join(work, 'new'))).sort()).toEqual(['file', 'link', 'sub']);
      expect(await readlink(join(work, 'new/link'))).toBe('file');
    });

    test('what a folder holds goes without the folder for SRC/.', async () => {
      await copy('web:/srv/box/.', '.');
      expect((await readdir(work)).sort()).toEqual(['file', 'link', 'sub']);
    });

    test('a link is copied as a link, and followed with -L', async () => {
      await copy('web:/srv/to-box', 'as-link');
      await copy('-L', 'web:/srv/to-box', 'followed');
      expect(await readlink(join(work, 'as-link'))).toBe('/srv/box');
      expect(await readFile(join(work, 'followed/file'), 'utf8')).toBe('inside\n');
    });

    test('- writes a tar stream to standard output and nothing else', async () => {
      const { stdout, stderr } = await copy('web:/srv/box', '-');
      const list = execFileSync('tar', ['-t'], { input: stdout, encoding: 'utf8' });
      expect(list.trim().split('\n').sort()).toEqual(['box/', 'box/file', 'box/link', 'box/sub/']);
      expect(stderr).toBe('');
    });

    test('files of volumes and of binds are seen', async () => {
      await inside('echo v > /srv/data/in-volume; echo b > /srv/bound/in-bind');
      await copy('web:/srv/data/in-volume', '.');
      await copy('web:/srv/bound/in-bind', '.');
      expect((await readdir(work)).sort()).toEqual(['in-bind', 'in-volume']);
    }, 20_000);
  });

  describe('into a container that runs', () => {
    test('a file belongs to root and keeps mode and time', async () => {
      await writeFile(join(work, 'mine'), 'x');
      await chmod(join(work, 'mine'), 0o640);
      await chown(join(work, 'mine'), 1234, 1234);
      const { mtimeMs } = await stat(join(work, 'mine'));
      await copy('mine', 'web:/srv');
      const [owner, mode, time] = (await inside('stat -c "%u:%g %a %Y" /srv/mine')).split(' ');
      expect([owner, mode]).toEqual(['0:0', '640']);
      expect(Number(time)).toBe(Math.floor(mtimeMs / 1000));
    });

    test('-a keeps the owner', async () => {
      await writeFile(join(work, 'theirs'), 'x');
      await chown(join(work, 'theirs'), 1234, 4321);
      await copy('-a', 'theirs', 'web:/srv/theirs');
      expect(await inside('stat -c %u:%g /srv/theirs')).toBe('1234:4321\n');
    });

    test('a tree arrives with links, hard links, long names and empty folders', async () => {
      const long = 'n'.repeat(120);
      await mkdir(join(work, 'tree/empty'), { recursive: true });
      await mkdir(join(work, 'tree', long));
      await writeFile(join(work, 'tree', long, long), 'long');
      await writeFile(join(work, 'tree/one'), 'same');
      await link(join(work, 'tree/one'), join(work, 'tree/two'));
      await symlink('../nowhere', join(work, 'tree/dangling'));
      await copy('tree', 'web:/srv');
      const listing = await inside(
        `cd /srv/tree; cat ${long}/${long}; readlink dangling; stat -c %h one two; ls -d empty`,
      );
      expect(listing).toBe('long../nowhere\n2\n2\nempty\n');
    });

    test('- takes a tar stream', async () => {
      await writeFile(join(work, 'from-tar'), 'streamed');
      const input = execFileSync('tar', ['-c', 'from-tar'], { cwd: work, encoding: 'latin1' });
      await home.succeed(['cp', '-', 'web:/srv'], { cwd: work, input });
      expect(await inside('cat /srv/from-tar')).toBe('streamed');
    });

    test('a file that is mounted is written, since it cannot be replaced', async () => {
      await writeFile(join(work, 'hosts'), '127.0.0.1 copied\n');
      await copy('hosts', 'web:/etc/hosts');
      expect(await inside('cat /etc/hosts')).toBe('127.0.0.1 copied\n');
    });

    test('a service of two gets it twice, and --index chooses one', async () => {
      await writeFile(join(work, 'both'), 'x');
      await writeFile(join(work, 'second'), 'x');
      await copy('both', 'pair:/srv/both');
      await copy('--index', '2', 'second', 'pair:/srv/second');
      const look = async (index: string): Promise<string> =>
        (
          await home.succeed(['exec', '-T', '--index', index, 'pair', 'ls', '/srv'], {
            cwd: project,
          })
        ).stdout;
      expect(await look('1')).toBe('both\n');
      expect(await look('2')).toBe('both\nsecond\n');
    });

    test('a megabyte arrives unchanged, there and back', async () => {
      const bytes = Buffer.alloc(3_000_001, 'ocup\u0000');
      await writeFile(join(work, 'big'), bytes);
      await copy('big', 'web:/srv/big');
      await copy('web:/srv/big', 'back');
      expect(bytes.equals(await readFile(join(work, 'back')))).toBe(true);
    });
  });

  describe('with a container that does not run', () => {
    test('files go in and come out, of its own layer and of its volumes', async () => {
      await writeFile(join(work, 'stopped'), 'kept');
      await copy('stopped', 'idle:/opt/stopped');
      await copy('stopped', 'idle:/srv/data/stopped');
      await copy('idle:/opt/stopped', 'again');
      expect(await readFile(join(work, 'again'), 'utf8')).toBe('kept');
      expect(await inside('cat /srv/data/stopped')).toBe('kept');
    });
  });

  describe('nothing leads out', () => {
    test('a link in the container cannot make a copy read or write this machine', async () => {
      // The image is this machine's root, so what is to be kept from it stands on another mount.
      const outside = await mkdtemp('/dev/shm/ocup-cp-');
      await writeFile(join(outside, 'secret'), 'of the machine');
      await inside(`ln -sfn ${outside} /srv/escape; ln -sfn ../../../../../.. /srv/up`);
      const read = await cp(`web:/srv/escape/secret`, 'stolen');
      await writeFile(join(work, 'gift'), 'x');
      await cp('gift', `web:/srv/up/dev/shm/planted`);
      const planted = (await readdir('/dev/shm')).includes('planted');
      await rm(outside, { recursive: true });
      expect(read.code).toBe(1);
      expect(planted).toBe(false);
      expect(await inside('cat /dev/shm/planted')).toBe('x');
    });

    test('an archive cannot write through a link that it brought itself', async () => {
      await mkdir(join(work, 'a'));
      await symlink('/srv/box', join(work, 'a/door'));
      execFileSync('tar', ['-cf', 'evil.tar', '-C', 'a', 'door'], { cwd: work });
      await rm(join(work, 'a/door'));
      await mkdir(join(work, 'a/door'));
      await writeFile(join(work, 'a/door/thief'), 'x');
      execFileSync('tar', ['-rf', 'evil.tar', '-C', 'a', 'door/thief'], { cwd: work });
      const input = (await readFile(join(work, 'evil.tar'))).toString('latin1');
      const { code } = await home.run(['cp', '-', 'web:/srv'], { cwd: work, input });
      expect(code).toBe(1);
      expect(await inside('ls /srv/box')).not.toContain('thief');
    });
  });

  test.each([
    [['web:/no/such/file', '.'], 'No such file or directory'],
    [['no-such-file', 'web:/srv'], 'No such file or directory'],
    [['no-such-service:/x', '.'], 'no such service: no-such-service'],
    [['web:/a', 'idle:/b'], 'copying between services is not supported'],
    [['a', 'b'], 'one of both must be in a container'],
    [['compose.yaml', 'web:/no/such/folder/x'], 'No such file or directory'],
  ])('cp %p fails with one line', async (args, message) => {
    const { code, stderr } = await home.run(['cp', ...args], { cwd: project });
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test('a read-only container refuses, and stays as it is', async () => {
    await writeFile(join(work, 'x'), 'x');
    const { code, stderr } = await cp('x', 'locked:/srv/x');
    expect(code).toBe(1);
    expect(stderr).toContain('Read-only file system');
  });

  test('a folder does not replace a file, nor a file a folder', async () => {
    await mkdir(join(work, 'file'));
    expect((await cp('file', 'web:/srv/box/file')).stderr).toContain('directory to a file');
    await writeFile(join(work, 'sub'), 'x');
    expect((await cp('sub', 'web:/srv/box')).stderr).toContain('cannot overwrite directory');
    expect((await lstat(join(work, 'file'))).isDirectory()).toBe(true);
  });
});
