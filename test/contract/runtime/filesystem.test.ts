import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { describeContract } from './contract.ts';

/** Lines of /proc/self/mountinfo by mount point: `options - type source super options`. */
function mountsOf(mountinfo: string): Record<string, string> {
  const mounts: Record<string, string> = {};
  for (const line of mountinfo.trim().split('\n')) {
    const fields = line.split(' ');
    mounts[fields[4] ?? ''] = fields.slice(5).join(' ');
  }
  return mounts;
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ocup-outside-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describeContract('file system', (must) => {
  must(
    'mounts are in their order with their options',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.process.args = ['/bin/cat', '/proc/self/mountinfo'];
      const mounts = mountsOf((await lab.run(bundle)).stdout);
      expect(mounts['/proc']).toMatch(/^rw,nosuid,nodev,noexec,relatime .*- proc proc /);
      expect(mounts['/dev']).toMatch(/^rw,nosuid .*- tmpfs tmpfs rw,size=65536k,mode=755/);
      expect(mounts['/dev/pts']).toMatch(
        /^rw,nosuid,noexec,relatime .*- devpts devpts rw,gid=5,mode=620,ptmxmode=666/,
      );
      expect(mounts['/sys']).toMatch(/^ro,nosuid,nodev,noexec,relatime .*- sysfs sysfs /);
      expect(mounts['/dev/shm']).toMatch(
        /^rw,nosuid,nodev,noexec,relatime .*- tmpfs shm rw,size=65536k/,
      );
      for (const path of ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys']) {
        expect(mounts[path]).toMatch(/^ro,nosuid,nodev,noexec,relatime /);
      }
      expect(mounts['/sys/firmware']).toMatch(/^ro,.*- tmpfs /);
    },
    { except: { crun: 'it replaces the default options' } },
  );

  must('nothing of the host is left below the root', async (lab) => {
    const { stdout } = await lab.run(
      lab.bundle().script('ls -a /; wc -l < /proc/self/mountinfo; ls -d /work /usr'),
    );
    expect(
      stdout
        .trim()
        .split('\n')
        .filter((line) => !/^\d+$/.test(line))
        .sort(),
    ).toEqual(['.', '..', 'bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp']);
  });

  must('the default devices and links are in /dev', async (lab) => {
    const { stdout } = await lab.run(
      lab
        .bundle()
        .script(
          'cd /dev; for f in null zero full random urandom tty; do stat -c "%n %F %t:%T %a" $f; done; for l in fd stdin stdout stderr ptmx; do echo $l $(readlink $l); done',
        ),
    );
    expect(stdout.trim().split('\n')).toEqual([
      'null character special file 1:3 666',
      'zero character special file 1:5 666',
      'full character special file 1:7 666',
      'random character special file 1:8 666',
      'urandom character special file 1:9 666',
      'tty character special file 5:0 666',
      'fd /proc/self/fd',
      'stdin /proc/self/fd/0',
      'stdout /proc/self/fd/1',
      'stderr /proc/self/fd/2',
      'ptmx pts/ptmx',
    ]);
  });

  must('devices of linux.devices are made with mode and owner', async (lab) => {
    const bundle = lab
      .bundle()
      .script('stat -c "%F %t:%T %a %u:%g" /dev/my/null; echo x > /dev/my/null && echo written');
    bundle.spec.linux['devices'] = [
      { type: 'c', path: '/dev/my/null', major: 1, minor: 3, fileMode: 0o640, uid: 7, gid: 8 },
    ];
    bundle.spec.linux.resources = {
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
      ],
    };
    expect((await lab.run(bundle)).stdout).toBe('character special file 1:3 640 7:8\nwritten\n');
  });

  must('masked files read as empty and masked folders are empty', async (lab) => {
    const bundle = lab
      .bundle()
      .script('wc -c < /proc/keys; ls -A /etc/secret | wc -l; cat /etc/hidden | wc -c');
    mkdirSync(join(bundle.rootfs, 'etc/secret'));
    bundle.write('etc/secret/a', 'secret');
    bundle.write('etc/hidden', 'secret');
    bundle.spec.linux.maskedPaths.push('/etc/secret', '/etc/hidden', '/etc/not/there');
    expect((await lab.run(bundle)).stdout).toBe('0\n0\n0\n');
  });

  must('read-only paths refuse writing', async (lab) => {
    const bundle = lab
      .bundle()
      .script('echo 1 > /proc/sys/kernel/domainname; echo $?; touch /etc/a; echo $?');
    bundle.spec.linux.readonlyPaths.push('/etc');
    expect((await lab.run(bundle)).stdout).toBe('1\n1\n');
  });

  must('a read-only root refuses writing, but not in mounts on it', async (lab) => {
    const bundle = lab
      .bundle()
      .script('touch /x; echo $?; touch /dev/shm/x; echo $?; touch /tmp/x; echo $?');
    bundle.spec.root.readonly = true;
    bundle.spec.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' });
    expect((await lab.run(bundle)).stdout).toBe('1\n0\n0\n');
  });

  must('bind mounts show folders and files, and make missing targets', async (lab) => {
    await withFolder(async (outside) => {
      mkdirSync(join(outside, 'folder'));
      writeFileSync(join(outside, 'folder/a'), 'in a folder\n');
      writeFileSync(join(outside, 'file'), 'a file\n');
      const bundle = lab.bundle().script('cat /new/place/a /etc/new/file; touch /new/place/b');
      bundle.spec.mounts.push(
        {
          destination: '/new/place',
          type: 'bind',
          source: join(outside, 'folder'),
          options: ['rbind', 'rprivate'],
        },
        {
          destination: '/etc/new/file',
          type: 'bind',
          source: join(outside, 'file'),
          options: ['bind'],
        },
      );
      expect((await lab.run(bundle)).stdout).toBe('in a folder\na file\n');
      expect(existsSync(join(outside, 'folder/b'))).toBe(true);
    });
  });

  must('a relative source of a bind mount is one of the bundle', async (lab) => {
    const bundle = lab.bundle().script('cat /etc/shown');
    writeFileSync(join(bundle.folder, 'shown'), 'from the bundle\n');
    bundle.spec.mounts.push({
      destination: '/etc/shown',
      type: 'bind',
      source: 'shown',
      options: ['bind'],
    });
    expect((await lab.run(bundle)).stdout).toBe('from the bundle\n');
  });

  must('a read-only bind mount refuses writing while the host can write', async (lab) => {
    await withFolder(async (outside) => {
      const bundle = lab
        .bundle()
        .script('touch /mnt/x; echo $?; grep " /mnt " /proc/self/mountinfo');
      bundle.spec.mounts.push({
        destination: '/mnt',
        type: 'bind',
        source: outside,
        options: ['rbind', 'ro', 'nosuid', 'nodev', 'noexec'],
      });
      const { stdout } = await lab.run(bundle);
      expect(stdout).toMatch(/^1\n/);
      expect(stdout).toMatch(/ \/mnt ro,nosuid,nodev,noexec/);
      writeFileSync(join(outside, 'host'), 'still writable');
    });
  });

  must('a missing source of a bind mount is an error that names it', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.mounts.push({
      destination: '/mnt',
      type: 'bind',
      source: '/no/such/source',
      options: ['bind'],
    });
    const outcome = await lab.run(bundle);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('/no/such/source');
  });

  must('links in the root lead to places in the root', async (lab) => {
    await withFolder(async (outside) => {
      const bundle = lab.bundle().script('ls /real; cat /proc/self/mountinfo | grep real');
      mkdirSync(join(bundle.rootfs, 'real'));
      symlinkSync('/real', join(bundle.rootfs, 'link'));
      symlinkSync('../../../../../../../../../../../../tmp', join(bundle.rootfs, 'up'));
      writeFileSync(join(outside, 'mark'), '');
      bundle.spec.mounts.push(
        { destination: '/link', type: 'bind', source: outside, options: ['bind'] },
        { destination: '/up/made', type: 'bind', source: outside, options: ['bind'] },
      );
      expect((await lab.run(bundle)).stdout).toMatch(/^mark\n/);
      expect(existsSync(join(bundle.rootfs, 'tmp/made'))).toBe(true);
      expect(existsSync('/tmp/made')).toBe(false);
    });
  });

  must('a new tmpfs keeps the mode of the folder that it covers', async (lab) => {
    const bundle = lab.bundle().script('stat -c %a /spool; stat -c %a /spool2');
    mkdirSync(join(bundle.rootfs, 'spool'));
    spawnSync('chmod', ['1777', join(bundle.rootfs, 'spool')]);
    bundle.spec.mounts.push(
      { destination: '/spool', type: 'tmpfs', source: 'tmpfs', options: ['noexec'] },
      { destination: '/spool2', type: 'tmpfs', source: 'tmpfs', options: ['mode=0701'] },
    );
    expect((await lab.run(bundle)).stdout).toBe('1777\n701\n');
  });

  must('tmpcopyup fills a tmpfs with what it covers', async (lab) => {
    const bundle = lab
      .bundle()
      .script(
        'cat /data/sub/file; readlink /data/link; touch /data/new && echo writable; stat -c "%a %u" /data/sub/file',
      );
    mkdirSync(join(bundle.rootfs, 'data/sub'), { recursive: true });
    bundle.write('data/sub/file', 'content\n', 0o640);
    symlinkSync('sub/file', join(bundle.rootfs, 'data/link'));
    bundle.spec.mounts.push({
      destination: '/data',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['tmpcopyup'],
    });
    expect((await lab.run(bundle)).stdout).toBe('content\nsub/file\nwritable\n640 0\n');
    expect(existsSync(join(bundle.rootfs, 'data/new'))).toBe(false);
  });

  must(
    'an unknown file system is an error',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.mounts.push({ destination: '/mnt', type: 'nosuchfs', source: 'x' });
      const outcome = await lab.run(bundle);
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).toContain('/mnt');
    },
    { except: { crun: 'it names the type, not the target' } },
  );

  must('mounts in the container are not seen on the host', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'tmpfs' });
    await lab.start(bundle);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(bundle.folder);
  });

  must(
    'shared propagation is visible in the container',
    async (lab) => {
      await withFolder(async (outside) => {
        const bundle = lab.bundle().script('grep -E " (/mnt|/own) " /proc/self/mountinfo');
        bundle.spec.mounts.push(
          { destination: '/mnt', type: 'bind', source: outside, options: ['bind', 'shared'] },
          { destination: '/own', type: 'bind', source: outside, options: ['bind', 'private'] },
        );
        const mounts = mountsOf((await lab.run(bundle)).stdout);
        expect(mounts['/mnt']).toMatch(/shared:\d+/);
        expect(mounts['/own']).not.toMatch(/shared:|master:/);
      });
    },
    { except: { crun: 'version 1.8 applies it to the wrong mount' } },
  );

  must('a private root has no peers', async (lab) => {
    const bundle = lab.bundle();
    bundle.spec.process.args = ['/bin/cat', '/proc/self/mountinfo'];
    bundle.spec.linux['rootfsPropagation'] = 'private';
    expect(mountsOf((await lab.run(bundle)).stdout)['/']).toMatch(/^rw,relatime -/);
  });

  must(
    'an unbindable root is unbindable',
    async (lab) => {
      const bundle = lab.bundle();
      bundle.spec.process.args = ['/bin/cat', '/proc/self/mountinfo'];
      bundle.spec.linux['rootfsPropagation'] = 'unbindable';
      expect(mountsOf((await lab.run(bundle)).stdout)['/']).toMatch(/unbindable/);
    },
    { except: { runc: 'version 1.1 fails' } },
  );

  must('the cgroup mount shows the own cgroups only', async (lab) => {
    const { stdout } = await lab.run(
      lab
        .bundle()
        .script('cat /sys/fs/cgroup/pids/cgroup.procs; mkdir /sys/fs/cgroup/pids/x; echo $?'),
    );
    expect(stdout.split('\n')[0]).toBe('1');
    expect(stdout.trim().split('\n').at(-1)).toBe('1');
  });

  must('without pivot_root the host stays out of sight as well', async (lab) => {
    const bundle = lab.bundle().script('ls -d /usr /work; ls /bin/sh');
    expect((await lab.run(bundle, ['--no-pivot'])).stdout).toBe('/bin/sh\n');
  });
});
