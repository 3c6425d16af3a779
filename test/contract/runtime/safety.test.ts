import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OURS, RuntimeLab } from '../../support/runtime.ts';
import type { TestSpec } from '../../support/bundle.ts';

let lab: RuntimeLab;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

const SECCOMP = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
};

describe('a process that waits for start', () => {
  test('INVARIANT: it holds no descriptor of a file or folder of the host', async () => {
    const log = join(lab.folder, 'log');
    const bundle = lab.bundle();
    bundle.spec.process.args = ['/bin/sleep', '1000'];
    bundle.save();
    const id = lab.id();
    await lab.succeed(['--log', log, '--debug', 'create', '-b', bundle.folder, id]);
    const folder = `/proc/${await lab.pid(id)}/fd`;
    const held = readdirSync(folder).filter((fd) => Number(fd) > 2);
    const targets = held.map((fd) => readlinkSync(join(folder, fd)).replace(/\d+/, 'N'));
    expect(targets).toEqual(['socket:[N]', 'socket:[N]'].slice(0, targets.length));
    expect(targets.length).toBeGreaterThan(0);
  });
});

describe('cgroups of others', () => {
  test('INVARIANT: what delete kills was put there by the container', async () => {
    const first = await lab.start(lab.bundle());
    const bundle = lab.bundle();
    bundle.spec.linux.cgroupsPath = `/${first}`;
    const { code, stderr } = await lab.run(bundle);
    expect(code).toBe(1);
    expect(stderr).toContain('cgroup is not empty');
    expect(await lab.status(first)).toBe('running');
  });

  test.each(['/', '/..', '.', '/x/..'])('the path %s is refused', async (path) => {
    const bundle = lab.bundle();
    bundle.spec.linux.cgroupsPath = path;
    const { code, stderr } = await lab.run(bundle);
    expect(code).toBe(1);
    expect(stderr).toContain('linux.cgroupsPath: must name a cgroup of the container');
  });
});

describe('compiled seccomp filters', () => {
  async function deniedBy(): Promise<string> {
    const bundle = lab.bundle().script('mkdir /tmp/a 2>&1; true');
    bundle.spec.linux['seccomp'] = SECCOMP;
    return (await lab.run(bundle)).stdout;
  }

  function cache(): string {
    return join(lab.root, '~seccomp');
  }

  test('come from the cache the second time', async () => {
    expect(await deniedBy()).toContain('No space left');
    const [name = ''] = readdirSync(cache());
    const before = statSync(join(cache(), name)).mtimeMs;
    expect(await deniedBy()).toContain('No space left');
    expect(readdirSync(cache())).toEqual([name]);
    expect(statSync(join(cache(), name)).mtimeMs).toBe(before);
  });

  test('INVARIANT: a cached filter that was made for another profile is never used', async () => {
    await deniedBy();
    const [name = ''] = readdirSync(cache());
    const file = join(cache(), name);
    const bytes = readFileSync(file);
    const other = Buffer.from(
      // A number in the compared form of a profile: its kind, and eight bytes.
      bytes.toString('latin1').replace(/errnoRet(.)i\x1c/, 'errnoRet$1i\x0d'),
      'latin1',
    );
    expect(other.equals(bytes)).toBe(false);
    writeFileSync(file, other);
    expect(await deniedBy()).toContain('No space left');
  });

  test('a cache that others can write to is not used', async () => {
    await deniedBy();
    const [name = ''] = readdirSync(cache());
    writeFileSync(join(cache(), name), 'rubbish');
    chmodSync(cache(), 0o777);
    expect(await deniedBy()).toContain('No space left');
    expect(readFileSync(join(cache(), name), 'utf8')).toBe('rubbish');
  });
});

describe('config.json', () => {
  const cases: readonly (readonly [string, (spec: TestSpec) => void, string])[] = [
    [
      'an unknown limit',
      (s) => s.process.rlimits.push({ type: 'RLIMIT_FOO', soft: 1, hard: 1 }),
      'process.rlimits[0].type: unknown \\"RLIMIT_FOO\\"',
    ],
    [
      'a limit of the wrong type',
      (s) => set(s.process.rlimits, '0', { type: 'RLIMIT_CORE', soft: 'x', hard: 1 }),
      'process.rlimits[0].soft: must be an integer',
    ],
    [
      'an argument that is a number',
      (s) => set(s.process.args, '0', 7),
      'process.args[0]: must be a string',
    ],
    [
      'a relative folder',
      (s) => set(s.process, 'cwd', 'tmp'),
      'process.cwd: must be an absolute path',
    ],
    [
      'an unknown namespace',
      (s) => s.linux.namespaces.push({ type: 'moon' }),
      'linux.namespaces[5].type: unknown \\"moon\\"',
    ],
    [
      'a namespace twice',
      (s) => s.linux.namespaces.push({ type: 'pid' }),
      'linux.namespaces[5].type: \\"pid\\" is given twice',
    ],
    ['a foreign version', (s) => set(s, 'ociVersion', '9.0'), 'ociVersion: unsupported \\"9.0\\"'],
    [
      'a mount without a place',
      (s) => s.mounts.push({ destination: '' }),
      'mounts[6].destination: must not be empty',
    ],
    [
      'a bind mount with an unknown option',
      (s) => s.mounts.push({ destination: '/x', source: '/tmp', options: ['bind', 'size=1'] }),
      'mounts[6].options[1]: unknown option \\"size=1\\"',
    ],
    [
      'an unknown seccomp action',
      (s) => set(s.linux, 'seccomp', { defaultAction: 'SCMP_ACT_X' }),
      'linux.seccomp.defaultAction: unknown \\"SCMP_ACT_X\\"',
    ],
    [
      'an unknown seccomp operator',
      (s) =>
        set(s.linux, 'seccomp', {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [
            { names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 1, op: 'X' }] },
          ],
        }),
      'linux.seccomp.syscalls[0].args[0].op: unknown \\"X\\"',
    ],
    [
      'a device of unknown type',
      (s) => set(s.linux, 'devices', [{ type: 'z', path: '/dev/z' }]),
      'linux.devices[0].type: unknown \\"z\\"',
    ],
    [
      'a path out of the cgroup',
      (s) => set(s.linux.resources, 'unified', { '../x': '1' }),
      'linux.resources.unified.../x: is not the name of a cgroup file',
    ],
    [
      'a weight of block devices beyond 16 bits',
      (s) => set(s.linux.resources, 'blockIO', { weight: 66036 }),
      'linux.resources.blockIO.weight: must be between 10 and 1000',
    ],
    [
      'a weight of leaves that is too small',
      (s) => set(s.linux.resources, 'blockIO', { leafWeight: 9 }),
      'linux.resources.blockIO.leafWeight: must be between 10 and 1000',
    ],
    [
      'a weight of a block device that is too great',
      (s) =>
        set(s.linux.resources, 'blockIO', { weightDevice: [{ major: 8, minor: 0, weight: 1001 }] }),
      'linux.resources.blockIO.weightDevice[0].weight: must be between 10 and 1000',
    ],
    [
      'an AppArmor profile',
      (s) => set(s.process, 'apparmorProfile', 'x'),
      'process.apparmorProfile: AppArmor is not enabled',
    ],
    [
      'a NUL byte',
      (s) => set(s.process.args, '0', 'a\0b'),
      'process.args[0]: must not contain a NUL byte',
    ],
  ];

  test.each(cases)('%s is refused with the name of the field', async (_name, change, text) => {
    const bundle = lab.bundle();
    change(bundle.spec);
    const { code, stderr } = await lab.run(bundle);
    expect(code).toBe(1);
    expect(stderr).toContain(text);
    const left = existsSync(lab.root) ? readdirSync(lab.root) : [];
    expect(left.filter((name) => name.startsWith('ocuptest'))).toEqual([]);
  });

  test('cut off anywhere it is an error and never a crash', async () => {
    const bundle = lab.bundle();
    const text = JSON.stringify(bundle.spec);
    for (let length = 0; length < text.length; length += 97) {
      writeFileSync(join(bundle.folder, 'config.json'), text.slice(0, length));
      const outcome = await lab.call(['run', '-b', bundle.folder, lab.id()]);
      expect([outcome.code, outcome.stderr.includes('config.json')]).toEqual([1, true]);
    }
  });

  test('nested a million deep it is an error and never a crash', async () => {
    const bundle = lab.bundle();
    for (const text of ['['.repeat(1_000_000), '{"a":'.repeat(1_000_000)]) {
      writeFileSync(join(bundle.folder, 'config.json'), text);
      expect((await lab.call(['run', '-b', bundle.folder, lab.id()])).code).toBe(1);
    }
  });

  test('that is valid and nested too deep is refused before there is a container', async () => {
    const bundle = lab.bundle();
    const text = JSON.stringify(bundle.spec).slice(0, -1);
    const deep = `${'['.repeat(300_000)}${']'.repeat(300_000)}`;
    writeFileSync(join(bundle.folder, 'config.json'), `${text},"x":${deep}}`);
    const { code, stderr } = await lab.call(['create', '-b', bundle.folder, lab.id()]);
    expect([code, stderr.includes('nested deeper than 1000 levels')]).toEqual([1, true]);
  });

  test('with every value replaced by another type it never crashes', async () => {
    const bundle = lab.bundle();
    const original = JSON.stringify(bundle.spec);
    for (const path of pathsOf(JSON.parse(original))) {
      for (const value of [7, []]) {
        const spec: unknown = JSON.parse(original);
        replaceAt(spec, path, value);
        writeFileSync(join(bundle.folder, 'config.json'), JSON.stringify(spec));
        const { code } = await lab.call(['create', '-b', join(bundle.folder, '.'), '!']);
        expect(code).toBe(1);
      }
    }
  });
});

describe('other commands', () => {
  test('spec writes a bundle that runs, and never over another', async () => {
    const bundle = lab.bundle();
    await lab.succeed(['spec', '--bundle', bundle.folder]);
    const file = join(bundle.folder, 'config.json');
    const spec = JSON.parse(readFileSync(file, 'utf8')) as TestSpec;
    expect(spec.process.args).toEqual(['sh']);
    expect((await lab.call(['spec', '--bundle', bundle.folder])).stderr).toContain('exists');
    spec.process.terminal = false;
    writeFileSync(file, JSON.stringify(spec));
    const { code, stdout } = await lab.call(['run', '-b', bundle.folder, lab.id()], {
      input: 'echo up; exit 3\n',
    });
    expect([code, stdout]).toEqual([3, 'up\n']);
  });

  test('features is JSON that names what there is', async () => {
    const features = JSON.parse((await lab.succeed(['features'])).stdout) as {
      linux: Record<string, unknown>;
    };
    expect(features.linux['namespaces']).toContain('time');
    expect(features.linux['seccomp']).toMatchObject({ enabled: true });
    expect(features.linux).toMatchObject({
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      mountExtensions: { idmap: { enabled: true } },
      memoryPolicy: { modes: expect.arrayContaining(['MPOL_BIND']) },
      netDevices: { enabled: true },
      intelRdt: { enabled: false },
    });
  });

  test('what is not supported says so', async () => {
    for (const args of [
      ['checkpoint', 'x'],
      ['restore', 'x'],
    ]) {
      const { code, stderr } = await lab.call(args);
      expect([code, stderr.includes('not supported')]).toEqual([1, true]);
    }
  });

  test('an unknown command or option is an error', async () => {
    for (const args of [['dance'], ['list', '--dance'], ['create'], ['state', 'a', 'b']]) {
      expect((await lab.call(args)).code).toBe(1);
    }
  });

  test('--version names the versions that clients look for', async () => {
    expect((await lab.succeed(['--version'])).stdout).toMatch(
      /^ocup-runtime version \S+\nspec: \d+\.\d+\.\d+\n/,
    );
  });
});

function set(target: object, key: string, value: unknown): void {
  Object.assign(target, { [key]: value });
}

type Path = readonly string[];

function pathsOf(value: unknown, above: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [above];
  const children = Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...above, key]));
  return above.length === 0 ? children : [above, ...children];
}

function replaceAt(target: unknown, path: Path, value: unknown): void {
  let at = target as Record<string, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ''] = value;
}
