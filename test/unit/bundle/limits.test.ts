import { describe, expect, test } from '@jest/globals';
import { buildDeviceRules, buildDevices } from '../../../src/bundle/devices.ts';
import { buildResources } from '../../../src/bundle/resources.ts';
import { buildRlimits } from '../../../src/bundle/rlimits.ts';
import { buildSysctls } from '../../../src/bundle/sysctls.ts';
import { PRIVATE_NAMESPACES } from '../../../src/bundle/namespaces.ts';
import { parseSecurityOptions } from '../../../src/bundle/security-options.ts';
import type { Resources, Ulimit } from '../../../src/model/container.ts';
import { type HostDevice, RLIMIT_UNLIMITED } from '../../../src/model/runtime-spec.ts';
import type { SpecHost } from '../../../src/model/spec-host.ts';
import { NO_RESOURCES } from '../../support/project-values.ts';
import { specHost } from '../../support/spec-values.ts';

const MIB = 1024 * 1024;

function resources(changes: Partial<Resources>, host: Partial<SpecHost> = {}) {
  return buildResources({ ...NO_RESOURCES, ...changes }, specHost(host));
}

describe('the limits of a control group', () => {
  test('are none unless asked for', () => {
    const { value, warnings } = resources({});
    expect(Object.values(value).filter((part) => part !== undefined)).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test('cpus is a quota of 100 ms', () => {
    expect(resources({ cpus: 1.5 }).value.cpu).toEqual({ quota: 150_000, period: 100_000 });
  });

  test('shares, quota, period and processors are taken as they are', () => {
    const cpu = { cpuShares: 512, cpuQuotaUs: 5000, cpuPeriodUs: 20_000, cpuset: '0-1,3' };
    expect(resources(cpu).value.cpu).toEqual({
      shares: 512,
      quota: 5000,
      period: 20_000,
      cpus: '0-1,3',
    });
  });

  test('a memory limit allows as much swap again', () => {
    expect(resources({ memoryBytes: 64 * MIB }).value.memory).toEqual({
      limit: 64 * MIB,
      swap: 128 * MIB,
    });
  });

  test('a limit of memory and swap is taken as it is, -1 as none', () => {
    const memory = { memoryBytes: 64 * MIB };
    expect(resources({ ...memory, memorySwapBytes: 64 * MIB }).value.memory?.swap).toBe(64 * MIB);
    expect(resources({ ...memory, memorySwapBytes: -1 }).value.memory?.swap).toBe(-1);
  });

  test('swap that is not accounted for is not limited, and told only if asked for', () => {
    const host = { hasSwapLimit: false };
    const memory = { memoryBytes: 64 * MIB };
    expect(resources(memory, host)).toMatchObject({
      value: { memory: { limit: 64 * MIB, swap: undefined } },
      warnings: [],
    });
    const asked = resources({ ...memory, memorySwapBytes: 70 * MIB }, host);
    expect(asked.warnings).toEqual(['swap is not limited: this machine does not account for it']);
  });

  test('zero and below are no limit', () => {
    const none = { memoryBytes: 0, pidsLimit: -1, cpus: 0, cpuShares: 0, blkioWeight: 0 };
    const { value } = resources(none);
    expect(Object.values(value).filter((part) => part !== undefined)).toEqual([]);
  });

  test('processes and block I/O', () => {
    expect(resources({ pidsLimit: 100, blkioWeight: 500 }).value).toMatchObject({
      pids: { limit: 100 },
      blockIO: { weight: 500 },
    });
  });

  test('what the machine cannot limit is left out and told', () => {
    const asked = { memoryBytes: 64 * MIB, pidsLimit: 10, cpus: 1, cpuset: '0', blkioWeight: 10 };
    const { value, warnings } = resources(asked, { controllers: [] });
    expect(Object.values(value).filter((part) => part !== undefined)).toEqual([]);
    expect(warnings.map((warning) => warning.split(' is ')[0])).toEqual([
      'memory',
      'CPU time',
      'cpuset',
      'the number of processes',
      'block I/O',
    ]);
  });

  test('cgroup v2 has neither swappiness nor a switch for the OOM killer', () => {
    const asked = { memorySwappiness: 10, isOomKillDisabled: true };
    expect(resources(asked, { cgroupVersion: 1 }).value.memory).toEqual({
      swappiness: 10,
      disableOOMKiller: true,
    });
    const { value, warnings } = resources(asked, { cgroupVersion: 2 });
    expect(value.memory).toBeUndefined();
    expect(warnings).toHaveLength(2);
  });

  test.each<[Partial<Resources>, string]>([
    [{ memoryBytes: MIB }, 'below the minimum of 6 MiB'],
    [{ memoryBytes: 8 * MIB, memoryReservationBytes: 9 * MIB }, 'above the limit'],
    [{ memoryBytes: 8 * MIB, memorySwapBytes: 7 * MIB }, 'below that of memory'],
    [{ memorySwapBytes: 7 * MIB }, 'needs one for memory'],
    [{ memorySwappiness: 101 }, 'not between 0 and 100'],
    [{ cpus: 0.001 }, 'below the minimum of 0.01'],
    [{ cpus: Number.NaN }, 'below the minimum of 0.01'],
    [{ cpus: 1, cpuQuotaUs: 5000 }, 'cannot be set together'],
    [{ cpuQuotaUs: 500 }, 'below the minimum of 1000'],
    [{ cpuPeriodUs: 10 }, 'not between 1000 and 1000000'],
    [{ cpuset: 'all' }, 'not a list such as 0-2,4'],
    [{ blkioWeight: 5 }, 'not in 10-1000'],
  ])('%j is refused', (asked, message) => {
    expect(() => resources(asked)).toThrow(message);
  });
});

const LIMITED = { canRaiseLimits: false, limits: { nofile: { soft: 1024, hard: 4096 } } };
const FREE = { canRaiseLimits: true, limits: {} };

function ulimit(name: string, soft: number, hard: number): Ulimit {
  return { name, soft, hard };
}

describe('the limits of processes', () => {
  test('stand by name, and -1 is all bits set', () => {
    const asked = [ulimit('nofile', 1, 2), ulimit('CORE', 0, -1)];
    expect(buildRlimits(asked, FREE).value).toEqual([
      { type: 'RLIMIT_CORE', soft: 0, hard: RLIMIT_UNLIMITED },
      { type: 'RLIMIT_NOFILE', soft: 1, hard: 2 },
    ]);
  });

  test('are cut to the inherited hard limit where it cannot be raised', () => {
    const { value, warnings } = buildRlimits([ulimit('nofile', 5000, -1)], LIMITED);
    expect(value).toEqual([{ type: 'RLIMIT_NOFILE', soft: 4096, hard: 4096 }]);
    expect(warnings).toEqual([
      'ulimit nofile is cut from unlimited to 4096: raising it needs CAP_SYS_RESOURCE',
    ]);
  });

  test('below the inherited limit are not cut', () => {
    expect(buildRlimits([ulimit('nofile', 10, 4096)], LIMITED)).toEqual({
      value: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 4096 }],
      warnings: [],
    });
  });

  test('of descriptors are not inherited beyond a million', () => {
    const limits = { nofile: { soft: 1024, hard: 1_000_000_000 } };
    expect(buildRlimits([], { canRaiseLimits: true, limits }).value).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 1024, hard: 1_048_576 },
    ]);
    expect(buildRlimits([], LIMITED).value).toEqual([]);
  });

  test.each([
    [ulimit('files', 1, 1), 'unknown ulimit "files"'],
    [ulimit('nofile', 2, 1), 'soft limit 2 is above hard limit 1'],
    [ulimit('nofile', -1, 1), 'soft limit unlimited is above hard limit 1'],
  ])('%j is refused', (asked, message) => {
    expect(() => buildRlimits([asked], FREE)).toThrow(message);
  });
});

describe('sysctls', () => {
  const build = (
    sysctls: Record<string, string>,
    changes: Partial<typeof PRIVATE_NAMESPACES> = {},
    domainname?: string,
  ) => buildSysctls({ sysctls, domainname }, { ...PRIVATE_NAMESPACES, ...changes });

  test('let everyone ping and bind low ports in a network of its own only', () => {
    expect(build({})).toEqual({
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
    });
    expect(build({}, { network: 'host' })).toEqual({});
    expect(build({}, { network: { path: '/proc/1/ns/net' } })).toEqual({});
  });

  test('that are asked for stand over ours', () => {
    const name = 'net.ipv4.ip_unprivileged_port_start';
    expect(build({ [name]: '1024' })[name]).toBe('1024');
  });

  test('a domain name is one', () => {
    expect(build({}, { network: 'host' }, 'example.org')).toEqual({
      'kernel.domainname': 'example.org',
    });
    expect(build({}, { network: 'host', uts: 'host' }, 'example.org')).toEqual({});
  });

  test.each([
    ['vm.swappiness', {}, 'not in a separate kernel namespace'],
    ['kernel.panic', {}, 'not in a separate kernel namespace'],
    ['net.core.somaxconn', { network: 'host' }, "not allowed with the host's network namespace"],
    ['kernel.shmmax', { ipc: 'host' }, "not allowed with the host's ipc namespace"],
    ['fs.mqueue.msg_max', { ipc: 'host' }, "not allowed with the host's ipc namespace"],
  ] as const)('%s with %j is refused', (name, changes, message) => {
    expect(() => build({ [name]: '1' }, changes)).toThrow(message);
  });
});

const FUSE: HostDevice = {
  type: 'c',
  path: '/dev/fuse',
  major: 10,
  minor: 229,
  permissions: 'rwm',
};

describe('devices', () => {
  const NONE = { deviceCgroupRules: [], isPrivileged: false };

  test('nothing but the default devices, the given ones and the rules is allowed', () => {
    const rules = buildDeviceRules({ ...NONE, deviceCgroupRules: ['b 8:* r', 'a *:* m'] }, [FUSE]);
    expect(rules[0]).toEqual({ allow: false, access: 'rwm' });
    expect(rules.slice(-3)).toEqual([
      { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' },
      { allow: true, type: 'b', major: 8, access: 'r' },
      { allow: true, type: 'a', access: 'm' },
    ]);
    expect(rules).toHaveLength(10);
  });

  test('a privileged container may use all', () => {
    expect(buildDeviceRules({ ...NONE, isPrivileged: true }, [FUSE])).toEqual([
      { allow: true, access: 'rwm' },
    ]);
  });

  test('nodes stand by path without their permissions', () => {
    const { permissions: _, ...node } = FUSE;
    const other = { ...FUSE, path: '/dev/a' };
    expect(buildDevices([FUSE, other])).toEqual([{ ...node, path: '/dev/a' }, node]);
  });

  test('two at one path are refused', () => {
    expect(() => buildDevices([FUSE, FUSE])).toThrow('duplicate device: /dev/fuse');
  });

  test.each(['c 1:3', 'x 1:3 r', 'c 1:3 rx', 'c 1 r', ''])('the rule %j is refused', (rule) => {
    expect(() => buildDeviceRules({ ...NONE, deviceCgroupRules: [rule] }, [])).toThrow(
      'invalid device cgroup rule',
    );
  });
});

describe('security options', () => {
  test('are read with = and with :', () => {
    const options = ['no-new-privileges:true', 'seccomp:/p.json', 'systempaths=unconfined'];
    expect(parseSecurityOptions(options)).toEqual({
      value: {
        hasNoNewPrivileges: true,
        seccomp: { kind: 'profile', path: '/p.json' },
        hasSystemPaths: false,
        hasWritableCgroup: false,
      },
      warnings: [],
    });
  });

  test('a bare flag is true, and a later one counts', () => {
    const read = (options: string[]) => parseSecurityOptions(options).value.hasNoNewPrivileges;
    expect(read(['no-new-privileges'])).toBe(true);
    expect(read(['no-new-privileges', 'no-new-privileges=false'])).toBe(false);
  });

  test('labels and AppArmor profiles are told to have no effect', () => {
    const { warnings } = parseSecurityOptions(['label=disable', 'apparmor:unconfined']);
    expect(warnings).toEqual([
      'security option label=disable has no effect: ocup does not set label',
      'security option apparmor:unconfined has no effect: ocup does not set apparmor',
    ]);
  });

  test.each(['no-new-privileges=maybe', 'seccomp=', 'systempaths=confined', 'magic'])(
    '%s is refused',
    (option) => {
      expect(() => parseSecurityOptions([option])).toThrow('security option');
    },
  );
});
