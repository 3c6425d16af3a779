import { describe, expect, test } from '@jest/globals';
import { buildSpec, findSpecWarnings } from '../../../src/bundle/build-spec.ts';
import { formatSpec, parseSpec } from '../../../src/bundle/format-spec.ts';
import { RLIMIT_UNLIMITED } from '../../../src/model/runtime-spec.ts';
import { specInput, type SpecInputChanges } from '../../support/spec-values.ts';

const build = (changes: SpecInputChanges = {}) => buildSpec(specInput(changes));

const BIND = {
  kind: 'bind',
  source: '/host',
  target: '/data',
  isReadOnly: false,
  propagation: undefined,
  isRecursive: true,
} as const;

describe('the runtime spec of a container', () => {
  test('has namespaces of its own, in Docker’s order', () => {
    expect(build().linux.namespaces).toEqual(
      ['mount', 'network', 'uts', 'pid', 'ipc', 'cgroup'].map((type) => ({ type })),
    );
  });

  test('has a cgroup namespace with cgroup v2 only, and if it is asked for', () => {
    const types = (changes: SpecInputChanges) =>
      build(changes).linux.namespaces.map(({ type }) => type);
    expect(types({ host: { cgroupVersion: 1 } })).not.toContain('cgroup');
    expect(types({ config: { cgroupMode: { kind: 'host' } } })).not.toContain('cgroup');
  });

  test('joins and shares namespaces', () => {
    const { linux } = build({
      namespaces: {
        network: { path: '/proc/7/ns/net' },
        pid: 'host',
        ipc: 'host',
        uts: { path: '/proc/7/ns/uts' },
      },
    });
    expect(linux.namespaces).toEqual([
      { type: 'mount' },
      { type: 'network', path: '/proc/7/ns/net' },
      { type: 'uts', path: '/proc/7/ns/uts' },
      { type: 'cgroup' },
    ]);
  });

  test('sets the hostname only in a namespace of its own', () => {
    const namespaces = { network: 'private', pid: 'private', ipc: 'private' } as const;
    expect(build().hostname).toBe('web');
    expect(build({ namespaces: { ...namespaces, uts: 'host' } }).hostname).toBeUndefined();
  });

  test('with the host’s IPC namespace has its /dev/shm', () => {
    const namespaces = { network: 'private', pid: 'private', ipc: 'host', uts: 'private' } as const;
    const shm = build({ namespaces }).mounts.find((mount) => mount.destination === '/dev/shm');
    expect(shm).toMatchObject({ type: 'bind', source: '/dev/shm' });
  });

  test('runs in the config’s folder, else the image’s, else the root', () => {
    const cwd = (changes: SpecInputChanges) => build(changes).process.cwd;
    expect(cwd({})).toBe('/');
    expect(cwd({ image: { workingDir: 'app/' } })).toBe('/app');
    expect(cwd({ image: { workingDir: '/app' }, config: { workingDir: '/srv' } })).toBe('/srv');
  });

  test('with init starts the init program, which is mounted', () => {
    const spec = build({ config: { hasInit: true }, initPath: '/opt/ocup-init', args: ['run'] });
    expect(spec.process.args).toEqual(['/sbin/docker-init', '--', 'run']);
    expect(spec.mounts.at(-1)).toMatchObject({ source: '/opt/ocup-init' });
  });

  test('in a shared process id namespace has no use for init', () => {
    const namespaces = { network: 'private', pid: 'host', ipc: 'private', uts: 'private' } as const;
    const spec = build({ config: { hasInit: true }, args: ['run'], namespaces });
    expect(spec.process.args).toEqual(['run']);
  });

  test('with init but without the program is refused', () => {
    expect(() => build({ config: { hasInit: true } })).toThrow('the init program is missing');
  });

  test('hides and protects parts of /proc and /sys', () => {
    const { linux } = build({ host: { thermalPaths: ['/sys/devices/x'] } });
    expect(linux.maskedPaths).toContain('/proc/kcore');
    expect(linux.maskedPaths?.at(-1)).toBe('/sys/devices/x');
    expect(linux.readonlyPaths).toContain('/proc/sys');
  });

  test('system paths are open if they are asked for', () => {
    const { linux } = build({ config: { securityOptions: ['systempaths=unconfined'] } });
    expect(linux.maskedPaths).toBeUndefined();
    expect(linux.readonlyPaths).toBeUndefined();
    expect(linux.seccomp).toBeDefined();
  });

  test('privileged is not confined', () => {
    const { linux, process } = build({ config: { isPrivileged: true } });
    expect(linux.seccomp).toBeUndefined();
    expect(linux.maskedPaths).toBeUndefined();
    expect(linux.readonlyPaths).toBeUndefined();
    expect(linux.resources?.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(process.capabilities.bounding).toHaveLength(41);
  });

  test('privileged with a profile of its own is confined by it', () => {
    const config = { isPrivileged: true, securityOptions: ['seccomp=builtin'] };
    expect(build({ config }).linux.seccomp).toBeDefined();
  });

  test('seccomp=unconfined takes the filter away', () => {
    const config = { securityOptions: ['seccomp=unconfined'] };
    expect(build({ config }).linux.seccomp).toBeUndefined();
  });

  test('a profile is the one whose content is given', () => {
    const config = { securityOptions: ['seccomp=/p.json'] };
    const seccompProfile = '{"defaultAction":"SCMP_ACT_LOG"}';
    expect(build({ config, seccompProfile }).linux.seccomp).toEqual({
      defaultAction: 'SCMP_ACT_LOG',
      syscalls: [],
    });
    expect(() => build({ config })).toThrow('seccomp profile /p.json was not read');
    expect(() => build({ config, seccompProfile, host: { hasSeccomp: false } })).toThrow(
      'cannot filter system calls',
    );
  });

  test('seccomp follows the final capabilities', () => {
    const allowed = (changes: SpecInputChanges) =>
      build(changes).linux.seccomp?.syscalls[0]?.names ?? [];
    expect(allowed({})).toContain('chroot');
    expect(allowed({ config: { capDrop: ['SYS_CHROOT'] } })).not.toContain('chroot');
    expect(allowed({ config: { capAdd: ['SYS_ADMIN'] } })).toContain('mount');
  });

  test.each([
    ['rshared', 'shared'],
    ['shared', 'shared'],
    ['rslave', 'slave'],
    ['rprivate', undefined],
    [undefined, undefined],
  ] as const)('a mount that is %s makes the root %s', (propagation, root) => {
    const { linux } = build({ mounts: [{ ...BIND, propagation }] });
    expect(linux.rootfsPropagation).toBe(root);
  });

  test('carries the config’s annotations and not its labels', () => {
    const config = { annotations: { a: '1' }, labels: { b: '2' } };
    expect(build({ config, image: { labels: { c: '3' } } }).annotations).toEqual({ a: '1' });
    expect(build().annotations).toBeUndefined();
  });

  test('oom_score_adj that cannot be lowered stays, and is told', () => {
    const changes = {
      config: { oomScoreAdj: -500 },
      host: { canRaiseLimits: false, oomScoreAdj: 100 },
    };
    expect(build(changes).process.oomScoreAdj).toBe(100);
    expect(findSpecWarnings(specInput(changes))).toEqual([
      'oom_score_adj is 100 instead of -500: lowering it needs CAP_SYS_RESOURCE',
    ]);
    expect(build({ config: { oomScoreAdj: -500 } }).process.oomScoreAdj).toBe(-500);
    expect(build({}).process.oomScoreAdj).toBeUndefined();
    expect(() => build({ config: { oomScoreAdj: 1001 } })).toThrow('not between -1000 and 1000');
  });

  test('a text with a zero byte is refused without telling a value', () => {
    expect(() => build({ config: { environment: { KEY: 'secret\0' } } })).toThrow(
      'environment variable KEY holds a zero byte',
    );
    expect(() => build({ args: ['a\0'] })).toThrow('an argument holds a zero byte');
  });

  test('a hostname that the kernel refuses is refused', () => {
    expect(build({ hostname: 'h'.repeat(64) }).hostname).toHaveLength(64);
    expect(() => build({ hostname: 'ä'.repeat(33) })).toThrow('is too long');
  });

  test('a healthy machine gives no warnings', () => {
    expect(findSpecWarnings(specInput())).toEqual([]);
  });

  test('warnings of all parts come together', () => {
    const warnings = findSpecWarnings(
      specInput({
        config: {
          securityOptions: ['label=disable'],
          capAdd: ['SYS_RESOURCE'],
          ulimits: [{ name: 'nofile', soft: 10, hard: 10 }],
        },
        host: {
          knownCapabilities: [],
          canRaiseLimits: false,
          limits: { nofile: { soft: 5, hard: 5 } },
          hasSeccomp: false,
        },
      }),
    );
    expect(warnings).toHaveLength(4);
  });
});

describe('a bundle that leaves the house', () => {
  const EXPORT: SpecInputChanges = {
    purpose: 'export',
    cgroupsPath: '/ocup/x',
    etcFiles: { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' },
    shmPath: '/proc/7/root/dev/shm',
    initPath: '/opt/ocup-init',
    mounts: [BIND],
    namespaces: {
      network: { path: '/proc/7/ns/net' },
      pid: 'private',
      ipc: { path: '/proc/7/ns/ipc' },
      uts: 'private',
    },
    config: { hasInit: true, labels: { b: 'service', c: '' }, annotations: { a: 'mine' } },
    image: { labels: { a: 'label', b: 'image' }, created: '2026-01-01T00:00:00Z' },
  };

  test('names no path of ours, but those that were written down', () => {
    const spec = build(EXPORT);
    const text = formatSpec(spec);
    expect(text).not.toMatch(/\/c\/|\/opt|\/ocup|\/proc\/7/);
    expect(spec.mounts.map((mount) => mount.source)).toContain('/host');
    expect(spec.linux.namespaces).toContainEqual({ type: 'network' });
    expect(spec.root.path).toBe('rootfs');
  });

  test('expects the init program in its root file system', () => {
    expect(build(EXPORT).process.args[0]).toBe('/sbin/docker-init');
  });

  test('carries what the image says of itself, under the config’s annotations', () => {
    expect(build(EXPORT).annotations).toEqual({
      'org.opencontainers.image.architecture': 'amd64',
      'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
      'org.opencontainers.image.os': 'linux',
      a: 'mine',
      b: 'service',
      c: '',
    });
  });
});

describe('the text of a spec', () => {
  test('does not depend on the order of members', () => {
    const spec = build();
    const turned = Object.fromEntries(Object.entries(spec).reverse()) as unknown as typeof spec;
    expect(formatSpec(turned)).toBe(formatSpec(spec));
  });

  test('keeps unlimited limits exact', () => {
    const spec = build({ config: { ulimits: [{ name: 'core', soft: 0, hard: -1 }] } });
    const text = formatSpec(spec);
    expect(text).toContain('"hard": 18446744073709551615');
    expect(parseSpec(text).process.rlimits?.[0]?.hard).toBe(RLIMIT_UNLIMITED);
  });

  test.each(['', '[]', '{}', '{"process":{},"root":{}}', 'null'])('%j is refused', (text) => {
    expect(() => parseSpec(text)).toThrow('cannot read runtime spec');
  });
});
