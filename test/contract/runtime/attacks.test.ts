import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestBundle } from '../../support/bundle.ts';
import { callProgram, cgroupsNamed, OURS, RuntimeLab } from '../../support/runtime.ts';

// What images, volumes and neighbours did to other runtimes, each under the name of its report. The races are in
// races.test.ts, CVE-2019-5736 in own-executable.test.ts.

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

/** Replaces a folder of the rootfs by a symbolic link. */
function plantLink(bundle: TestBundle, path: string, target: string): void {
  rmSync(join(bundle.rootfs, path), { recursive: true, force: true });
  symlinkSync(target, join(bundle.rootfs, path));
}

/** A folder of the host that nothing in a container may reach. */
function outsideOf(bundle: TestBundle): string {
  const outside = join(bundle.folder, 'outside');
  mkdirSync(outside);
  return outside;
}

describe('CVE-2019-16884: a volume at /proc', () => {
  test('a fake proc is not taken for the real one when paths are masked', async () => {
    const bundle = lab.bundle();
    const fake = join(bundle.folder, 'fake');
    mkdirSync(fake);
    writeFileSync(join(fake, 'keys'), 'not the real one');
    bundle.spec.mounts.push({
      destination: '/proc',
      type: 'bind',
      source: fake,
      options: ['bind'],
    });
    const { code, stderr } = await lab.run(bundle);
    expect(code).toBe(1);
    expect(stderr).toContain('/proc/keys');
  });
});

describe('CVE-2019-19921: a link in the place of /proc or /sys', () => {
  test.each(['proc', 'sys'])('/%s of the image is not followed', async (name) => {
    const bundle = lab.bundle();
    mkdirSync(join(bundle.rootfs, 'evil'));
    plantLink(bundle, name, '/evil');
    const { code, stderr } = await lab.run(bundle);
    expect(code).toBe(1);
    expect(stderr).toContain(`/${name}`);
  });
});

describe('CVE-2023-27561: a link in the place of /proc that leads into a volume', () => {
  test('the masks are not put on the files of the volume', async () => {
    const bundle = lab.bundle();
    const volume = join(bundle.folder, 'volume');
    mkdirSync(join(volume, 'proc'), { recursive: true });
    writeFileSync(join(volume, 'proc/keys'), 'of the volume');
    plantLink(bundle, 'proc', '/volume/proc');
    bundle.spec.mounts.unshift({
      destination: '/volume',
      type: 'bind',
      source: volume,
      options: ['bind'],
    });
    const { code, stderr } = await lab.run(bundle.script('cat /proc/keys'));
    expect(code).toBe(1);
    expect(stderr).toContain('/proc');
  });
});

describe('CVE-2022-29162: capabilities of exec', () => {
  test('none is inheritable or ambient', async () => {
    const id = await lab.start(lab.bundle());
    const command = ['exec', '--cap', 'CAP_NET_ADMIN', id, 'cat', '/proc/self/status'];
    const { stdout } = await lab.succeed(command);
    expect(stdout).toMatch(/CapInh:\t0000000000000000/);
    expect(stdout).toMatch(/CapAmb:\t0000000000000000/);
    expect(stdout).not.toMatch(/CapEff:\t0000000000000000/);
  });
});

describe('CVE-2023-25809: /sys/fs/cgroup in a user namespace without a cgroup namespace', () => {
  function bundleOf(options: string[]): TestBundle {
    const bundle = lab.bundle().namespaces('user');
    const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    Object.assign(bundle.spec.linux, { uidMappings: mappings, gidMappings: mappings });
    bundle.chownTo(100_000);
    for (const mount of bundle.spec.mounts) {
      if (mount.type === 'cgroup') mount.options = options;
    }
    return bundle;
  }

  test('the cgroups above the container’s own are not in sight', async () => {
    const script = 'find /sys/fs/cgroup -name release_agent; cat /sys/fs/cgroup/pids/cgroup.procs';
    const { stdout } = await lab.run(bundleOf(['nosuid', 'noexec', 'nodev']).script(script));
    const [first, ...others] = stdout.trim().split('\n');
    expect(first).toBe('1');
    expect(others.length).toBeLessThan(3);
  });

  test('no cgroup can be made beside it', async () => {
    const script =
      'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x 2> /dev/null && echo $d; done; true';
    const { stdout } = await lab.run(bundleOf(['nosuid', 'noexec', 'nodev', 'ro']).script(script));
    expect(stdout).toBe('');
  });
});

describe('CVE-2024-21626: a working folder by way of a leaked descriptor', () => {
  /** Folders of every host that the test's root file system lacks. */
  const OF_HOST = /^(boot|usr|var)$/m;
  const script = 'ls ../../../../../../../..; cat ../../../../../../../../etc/shadow';

  test('create and run refuse it', async () => {
    for (let fd = 3; fd < 16; fd += 1) {
      const bundle = lab.bundle().script(script);
      bundle.spec.process.cwd = `/proc/self/fd/${fd}`;
      const { code, stdout } = await lab.run(bundle);
      expect([stdout, code === 0]).toEqual(['', false]);
    }
  });

  test('a link in the image that leads there is refused', async () => {
    for (let fd = 3; fd < 16; fd += 1) {
      const bundle = lab.bundle().script(script);
      symlinkSync(`/proc/self/fd/${fd}`, join(bundle.rootfs, 'work'));
      bundle.spec.process.cwd = '/work';
      const { code, stdout } = await lab.run(bundle);
      expect([stdout, code === 0]).toEqual(['', false]);
    }
  });

  test('exec refuses it', async () => {
    const id = await lab.start(lab.bundle());
    for (let fd = 3; fd < 16; fd += 1) {
      const cwd = `/proc/self/fd/${fd}`;
      const { code, stdout } = await lab.call(['exec', '--cwd', cwd, id, 'sh', '-c', script]);
      // The root of the container, which it may hold open, is no way out.
      expect([OF_HOST.test(stdout), code === 0]).toEqual([false, false]);
    }
  });

  test('the program has no descriptor beyond the standard streams', async () => {
    const listing = 'ls /proc/self/fd | grep -v 3; ls -l /proc/self/fd | grep -c "/proc/1/fd"';
    const { stdout } = await lab.run(lab.bundle().script(listing));
    expect(stdout.trim().split('\n').slice(0, 3)).toEqual(['0', '1', '2']);
    const id = await lab.start(lab.bundle());
    const exec = await lab.succeed(['exec', id, 'sh', '-c', 'echo /proc/self/fd/*']);
    expect(exec.stdout.trim().split(' ').length).toBeLessThanOrEqual(4);
  });
});

describe('CVE-2024-45310: mounts below links that leave the root', () => {
  test.each([
    ['a missing file', 'link/made', (outside: string) => outside],
    ['a missing file at the link itself', 'link', (outside: string) => join(outside, 'made')],
  ])('%s is not made on the host', async (_name, destination, target) => {
    const bundle = lab.bundle();
    const outside = outsideOf(bundle);
    plantLink(bundle, 'link', target(outside));
    const source = join(bundle.folder, 'source');
    writeFileSync(source, 'content');
    bundle.spec.mounts.push({ destination: `/${destination}`, source, options: ['bind'] });
    const { code, stdout } = await lab.run(bundle.script(`cat /${destination}`));
    expect(readdirSync(outside)).toEqual([]);
    // Inside the root, or refused.
    expect([code, stdout]).toEqual(code === 0 ? [0, 'content'] : [1, '']);
  });

  test('missing folders are not made on the host', async () => {
    const bundle = lab.bundle();
    const outside = outsideOf(bundle);
    plantLink(bundle, 'link', `../../../../../../../..${outside}`);
    bundle.spec.mounts.push({ destination: '/link/a/b', type: 'tmpfs', source: 'tmpfs' });
    await lab.run(bundle);
    expect(readdirSync(outside)).toEqual([]);
  });
});

describe('CVE-2025-31133: a /dev/null of the image’s own', () => {
  function bundleWith(plant: (bundle: TestBundle) => void): TestBundle {
    const bundle = lab.bundle().script('cat /etc/hidden');
    bundle.spec.mounts = bundle.spec.mounts.filter(
      ({ destination }) => !destination.startsWith('/dev'),
    );
    rmSync(join(bundle.rootfs, 'dev'), { recursive: true });
    mkdirSync(join(bundle.rootfs, 'dev'));
    bundle.write('etc/hidden', 'secret');
    bundle.spec.linux.maskedPaths = ['/etc/hidden'];
    plant(bundle);
    return bundle;
  }

  test('a file does not mask', async () => {
    const bundle = bundleWith((one) => one.write('dev/null', 'a file instead of a device'));
    const { code, stdout, stderr } = await lab.run(bundle);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('/dev/null');
  });

  test('a link neither masks nor leads a mount elsewhere', async () => {
    const bundle = bundleWith((one) => symlinkSync('/etc/passwd', join(one.rootfs, 'dev/null')));
    const { stdout } = await lab.run(bundle);
    expect(stdout).toBe('');
    expect(statSync(join(bundle.rootfs, 'etc/passwd')).isFile()).toBe(true);
  });

  test('what is masked reads empty and cannot be written', async () => {
    const bundle = lab.bundle().script('cat /etc/hidden; echo x > /etc/hidden; rm /etc/hidden');
    bundle.write('etc/hidden', 'secret');
    bundle.spec.linux.maskedPaths = ['/etc/hidden'];
    const { code, stdout } = await lab.run(bundle);
    expect([code === 0, stdout]).toEqual([false, '']);
    expect(readFileSync(join(bundle.rootfs, 'etc/hidden'), 'utf8')).toBe('secret');
  });
});

describe('CVE-2025-52565: a link in the place of the console', () => {
  test.each(['dev/console', 'dev/ptmx'])('%s leads nowhere outside', async (name) => {
    const bundle = lab.bundle().script('exit 0');
    const outside = join(bundle.folder, 'outside');
    writeFileSync(outside, 'untouched');
    bundle.spec.mounts = bundle.spec.mounts.filter(({ destination }) => destination !== '/dev');
    mkdirSync(join(bundle.rootfs, 'dev/pts'));
    symlinkSync(`../../../../../../..${outside}`, join(bundle.rootfs, name));
    bundle.spec.process.terminal = true;
    await lab.run(bundle, [], { input: '' });
    expect(readFileSync(outside, 'utf8')).toBe('untouched');
    expect(statSync(outside).isFile()).toBe(true);
  });

  test('a link to a file of proc is not mounted over', async () => {
    const bundle = lab.bundle();
    bundle.spec.mounts = bundle.spec.mounts.filter(({ destination }) => destination !== '/dev');
    bundle.spec.linux.readonlyPaths = [];
    mkdirSync(join(bundle.rootfs, 'dev/pts'));
    symlinkSync('/proc/sys/kernel/hostname', join(bundle.rootfs, 'dev/console'));
    bundle.spec.process.terminal = true;
    const { code, stderr } = await lab.run(bundle, [], { input: '' });
    expect([code, stderr.includes('it is a symbolic link')]).toEqual([1, true]);
  });
});

describe('CVE-2025-52881: writes to proc that are led elsewhere', () => {
  function withSysctl(target: string, make: (volume: string) => void): TestBundle {
    const bundle = lab.bundle().script('cat /proc/sys/net/ipv4/ip_unprivileged_port_start');
    const volume = join(bundle.folder, 'volume');
    mkdirSync(volume);
    make(volume);
    bundle.spec.mounts.push({ destination: target, source: volume, options: ['bind'] });
    bundle.spec.linux['sysctl'] = { 'net.ipv4.ip_unprivileged_port_start': '77' };
    return bundle;
  }

  test('a sysctl is not written into a volume that is mounted over proc', async () => {
    const bundle = withSysctl('/proc/sys/net/ipv4', (volume) => {
      writeFileSync(join(volume, 'ip_unprivileged_port_start'), 'untouched');
    });
    await lab.run(bundle);
    const file = join(bundle.folder, 'volume/ip_unprivileged_port_start');
    expect(readFileSync(file, 'utf8')).toBe('untouched');
  });

  test('a sysctl does not follow a link in such a volume to another file of proc', async () => {
    const bundle = withSysctl('/proc/sys/net/ipv4', (volume) => {
      symlinkSync('/proc/sys/kernel/hostname', join(volume, 'ip_unprivileged_port_start'));
    });
    const { stdout } = await lab.run(bundle);
    expect(stdout).not.toContain('77');
  });

  test('a link at /proc/sys of the image is not followed', async () => {
    const bundle = lab.bundle().script('cat /victim');
    bundle.write('victim', 'untouched');
    bundle.spec.mounts = bundle.spec.mounts.filter(({ destination }) => destination !== '/proc');
    mkdirSync(join(bundle.rootfs, 'proc/sys/net/ipv4'), { recursive: true });
    symlinkSync('/victim', join(bundle.rootfs, 'proc/sys/net/ipv4/ip_unprivileged_port_start'));
    bundle.spec.linux['sysctl'] = { 'net.ipv4.ip_unprivileged_port_start': '77' };
    await lab.run(bundle);
    expect(readFileSync(join(bundle.rootfs, 'victim'), 'utf8')).toBe('untouched');
    expect(existsSync(join(bundle.rootfs, 'proc/sys/net/ipv4'))).toBe(true);
  });

  /** The command in a mount namespace where a file system of another kind lies over the container's cgroups. */
  async function besideFakeCgroups(
    id: string,
    command: readonly string[],
  ): Promise<{ code: number; stderr: string; content: string }> {
    const seen = join(lab.folder, 'seen');
    const folders = cgroupsNamed([id]).map((line) => line.replace('cgroup ', ''));
    // The runtime asks the freezer first.
    const files = ['pids.max', 'tasks', 'cgroup.procs', 'freezer.state'];
    const lines = folders.flatMap((folder) => [
      `mount -t tmpfs none ${folder}`,
      ...files.map((file) => `echo THAWED > ${folder}/${file}`),
    ]);
    const call = [OURS.path, '--root', lab.root, ...command].join(' ');
    const show = folders.flatMap((folder) => files.map((file) => `${folder}/${file}`)).join(' ');
    const script = [...lines, `${call} 2> ${seen}.err; code=$?`, `cat ${show} > ${seen}`];
    const all = ['-m', 'sh', '-c', [...script, 'exit $code'].join('\n')];
    const { code } = await callProgram('/usr/bin/unshare', all, lab.folder);
    const content = [...new Set(readFileSync(seen, 'utf8').trim().split('\n'))].join();
    return { code, stderr: readFileSync(`${seen}.err`, 'utf8'), content };
  }

  test.each([
    ['a limit', (id: string) => ['update', '--pids-limit', '50', id]],
    ['the freezer', (id: string) => ['pause', id]],
    ['the entry of a process', (id: string) => ['exec', id, 'true']],
  ])('%s is not written into what only has the place of a cgroup', async (_name, command) => {
    const id = await lab.start(lab.bundle());
    const { code, stderr, content } = await besideFakeCgroups(id, command(id));
    expect(code).not.toBe(0);
    expect(stderr).toContain('Invalid cross-device link');
    expect(content).toBe('THAWED');
  });
});
