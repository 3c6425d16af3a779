import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { OURS, RuntimeLab } from '../../support/runtime.ts';

// The runtime where the kernel is older, or where the seccomp filter of a container around it denies calls that it
// does not know: with ENOSYS, or with EPERM as the profiles of older engines do.

const PROBE = resolve(import.meta.dirname, '../../../build/Release/ocup-probe');

/** Has another way. */
const REPLACED = [
  ...['openat2', 'clone3', 'close_range', 'pidfd_open', 'pidfd_send_signal', 'execveat', 'statx'],
  ...['faccessat2', 'copy_file_range', 'keyctl'],
];
/** Mounts are made by these alone. */
const REQUIRED = ['open_tree', 'move_mount', 'fsopen', 'fsconfig', 'fsmount', 'mount_setattr'];
const ANSWERS = ['ENOSYS', 'EPERM'];

let labs: RuntimeLab[] = [];
beforeEach(() => {
  labs = [];
});
afterEach(async () => {
  for (const lab of labs) expect(await lab.close()).toEqual([]);
});

/** The runtime with those calls taken away from it and from all that it starts. */
function labWithout(calls: readonly string[], answer: string): RuntimeLab {
  const outer = new RuntimeLab(OURS);
  const path = join(outer.folder, 'runtime');
  const command = [PROBE, 'without', calls.join(','), answer, OURS.path];
  writeFileSync(path, `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
  const lab = new RuntimeLab({ ...OURS, path });
  labs.push(lab, outer);
  return lab;
}

describe.each(ANSWERS)('without a call, which answers %s', (answer) => {
  test.each([...REPLACED.map((call) => [call]), REPLACED])(
    'a container lives its life: %s',
    async (...calls) => {
      const lab = labWithout(calls, answer);
      const { code, stdout, stderr } = await lab.run(lab.bundle().script('echo inside; exit 7'));
      expect([code, stdout, stderr]).toEqual([7, 'inside\n', '']);
      const id = await lab.start(lab.bundle());
      expect((await lab.succeed(['exec', id, 'echo', 'beside'])).stdout).toBe('beside\n');
      await lab.succeed(['kill', id, 'KILL']);
      await eventually(async () => (await lab.status(id)) === 'stopped', 10_000);
      await lab.succeed(['delete', id]);
      await lab.succeed(['delete', '--force', await lab.start(lab.bundle())]);
    },
  );

  test.each(REQUIRED)('what is needed is named: %s', async (call) => {
    const lab = labWithout([call], answer);
    const { code, stderr } = await lab.run(lab.bundle());
    expect(code).toBe(1);
    expect(stderr).toContain(call);
    expect(stderr).toContain('a seccomp filter around the runtime');
  });
});

describe('without any of them', () => {
  test.each(ANSWERS)('the first that is needed is named: %s', async (answer) => {
    const lab = labWithout([...REPLACED, ...REQUIRED], answer);
    const { code, stderr } = await lab.run(lab.bundle());
    expect([code, stderr.includes('a seccomp filter around the runtime')]).toEqual([1, true]);
  });
});

describe('without calls that have another way', () => {
  test('exec enters all namespaces of a container, its user namespace too', async () => {
    const lab = labWithout(REPLACED, 'ENOSYS');
    const bundle = lab.bundle().namespaces('user', 'cgroup');
    const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    Object.assign(bundle.spec.linux, { uidMappings: mappings, gidMappings: mappings });
    bundle.chownTo(100_000);
    const id = await lab.start(bundle);
    const names = ['user', 'mnt', 'net', 'uts', 'ipc', 'pid', 'cgroup'];
    const script = names.map((name) => `readlink /proc/self/ns/${name}`).join('; ');
    const { stdout } = await lab.succeed(['exec', id, 'sh', '-c', script]);
    const first = await lab.succeed([
      ...['exec', id, 'sh', '-c'],
      script.replaceAll('/self/', '/1/'),
    ]);
    expect(stdout.split('\n').length).toBe(names.length + 1);
    expect(stdout).toBe(first.stdout);
    expect((await lab.succeed(['exec', id, 'cat', '/proc/self/uid_map'])).stdout).toMatch(/100000/);
  });

  test('the program has no descriptor beyond the standard streams', async () => {
    const lab = labWithout(REPLACED, 'ENOSYS');
    const list = 'echo /proc/self/fd/*';
    const { stdout } = await lab.run(lab.bundle().script(list));
    const plain = new RuntimeLab(OURS);
    labs.push(plain);
    const usual = await plain.run(plain.bundle().script(list));
    expect(stdout.split(' ').length).toBe(usual.stdout.split(' ').length);
  });

  test('a hook is waited for, and one that takes too long is ended', async () => {
    const lab = labWithout(REPLACED, 'ENOSYS');
    const bundle = lab.bundle();
    const file = join(bundle.folder, 'hook');
    const hook = { path: '/bin/sh', args: ['sh', '-c', `cat > ${file}`] };
    bundle.spec.hooks = { createRuntime: [hook] };
    expect((await lab.run(bundle)).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('"status":"creating"');
    const slow = { path: '/bin/sleep', args: ['sleep', '1000'], timeout: 1 };
    bundle.spec.hooks = { createRuntime: [slow] };
    expect((await lab.run(bundle)).code).toBe(1);
  });

  test('a root that shares its mounts with the host is one', async () => {
    const lab = labWithout(REPLACED, 'ENOSYS');
    const bundle = lab.bundle().script('grep -cE "^([^ ]+ ){4}/ .* shared:" /proc/self/mountinfo');
    bundle.spec.linux['rootfsPropagation'] = 'shared';
    expect((await lab.run(bundle)).stdout).toBe('1\n');
  });

  test('events end with the container', async () => {
    const lab = labWithout(REPLACED, 'ENOSYS');
    const id = await lab.start(lab.bundle());
    const events = lab.call(['events', '--interval', '100ms', id]);
    await lab.succeed(['kill', id, 'KILL']);
    expect((await events).code).toBe(0);
  });
});

describe('INVARIANT: without openat2 no path leads out of the root', () => {
  interface Case {
    readonly lab: RuntimeLab;
    readonly outside: string;
    readonly rootfs: string;
    readonly run: (destination: string) => Promise<{ code: number; stdout: string }>;
  }

  /** A bundle with a folder of the host beside its root, and a file to mount somewhere. */
  function caseOf(plant: (rootfs: string, outside: string) => void): Case {
    const lab = labWithout(['openat2'], 'ENOSYS');
    const bundle = lab.bundle();
    const outside = join(bundle.folder, 'outside');
    mkdirSync(outside);
    plant(bundle.rootfs, outside);
    const source = join(bundle.folder, 'source');
    writeFileSync(source, 'content');
    const run = (destination: string): Promise<{ code: number; stdout: string }> => {
      bundle.spec.mounts.push({ destination, source, options: ['bind'] });
      return lab.run(bundle.script(`cat ${destination}`));
    };
    return { lab, outside, rootfs: bundle.rootfs, run };
  }

  test.each([
    ['an absolute link', (outside: string) => outside],
    ['a relative link', (outside: string) => `../../../../../../../..${outside}`],
    ['a link by way of /proc', (outside: string) => `/proc/1/root${outside}`],
    ['a link by way of a descriptor', () => '/proc/self/fd/5'],
  ])('%s', async (_name, target) => {
    const { outside, run } = caseOf((rootfs, folder) =>
      symlinkSync(target(folder), join(rootfs, 'link')),
    );
    const { code, stdout } = await run('/link/a/made');
    expect(readdirSync(outside)).toEqual([]);
    // Inside the root, or refused.
    expect([code, stdout]).toEqual(code === 0 ? [0, 'content'] : [1, '']);
  });

  test('a way up', async () => {
    const { outside, rootfs, run } = caseOf(() => undefined);
    const { code, stdout } = await run('/../../tmp/../../../../up/made');
    expect([code, stdout]).toEqual([0, 'content']);
    expect(readdirSync(outside)).toEqual([]);
    expect(existsSync(join(rootfs, 'up/made'))).toBe(true);
  });

  test('a chain of links inside is followed, one that goes in circles is not', async () => {
    const inside = caseOf((rootfs) => {
      mkdirSync(join(rootfs, 'real/deep'), { recursive: true });
      symlinkSync('/second', join(rootfs, 'first'));
      symlinkSync('real/deep/../deep', join(rootfs, 'second'));
    });
    expect(await inside.run('/first/made')).toMatchObject({ code: 0, stdout: 'content' });
    expect(existsSync(join(inside.rootfs, 'real/deep/made'))).toBe(true);
    const circle = caseOf((rootfs) => {
      symlinkSync('two', join(rootfs, 'one'));
      symlinkSync('one', join(rootfs, 'two'));
    });
    expect((await circle.run('/one/made')).code).toBe(1);
  });

  test('a link in the place of /proc is not followed', async () => {
    const { rootfs, run } = caseOf((folder) => {
      mkdirSync(join(folder, 'evil'));
      rmSync(join(folder, 'proc'), { recursive: true });
      symlinkSync('/evil', join(folder, 'proc'));
    });
    expect((await run('/made')).code).toBe(1);
    expect(readdirSync(join(rootfs, 'evil'))).toEqual([]);
  });

  test('a sysctl is not written into a volume that is mounted over proc', async () => {
    const lab = labWithout(['openat2'], 'ENOSYS');
    const bundle = lab.bundle().script('cat /proc/sys/net/ipv4/ip_unprivileged_port_start');
    bundle.spec.linux['sysctl'] = { 'net.ipv4.ip_unprivileged_port_start': '77' };
    expect((await lab.run(bundle)).stdout).toBe('77\n');
    const volume = join(bundle.folder, 'volume');
    mkdirSync(volume);
    writeFileSync(join(volume, 'ip_unprivileged_port_start'), 'untouched');
    const destination = '/proc/sys/net/ipv4';
    bundle.spec.mounts.push({ destination, source: volume, options: ['bind'] });
    const { code } = await lab.run(bundle);
    expect(code).toBe(1);
    expect(readFileSync(join(volume, 'ip_unprivileged_port_start'), 'utf8')).toBe('untouched');
  });
});
