import { describe, expect, test } from '@jest/globals';
import { examine, type Finding } from '../../../src/host/doctor.ts';
import type { HostFacts } from '../../../src/host/facts.ts';
import { CAPABILITIES } from '../../../src/model/capability.ts';

const HEALTHY: HostFacts = {
  platform: { os: 'linux', architecture: 'amd64' },
  kernelVersion: '6.1.0-18-amd64',
  privileges: {
    uid: 0,
    isInUserNamespace: false,
    userIds: 4_294_967_295,
    capabilities: CAPABILITIES,
    limits: { nofile: { soft: 1024, hard: 4096 } },
    oomScoreAdj: 0,
  },
  rootless: {
    maxUserNamespaces: 1000,
    forbiddenBy: undefined,
    subUids: 65_536,
    subGids: 65_536,
    hasIdMappers: true,
  },
  cgroups: {
    layout: 'v2',
    unifiedPath: '/sys/fs/cgroup',
    v1Paths: {},
    controllers: ['cpu', 'cpuset', 'memory', 'pids', 'blkio'],
    hasSwapLimit: true,
    hasBlkioWeight: true,
  },
  namespaces: ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'],
  hasOverlay: true,
  hasSeccomp: true,
  firewallProblem: undefined,
  isForwarding: true,
  unprivilegedPortStart: 1024,
  thermalPaths: [],
  dataDir: {
    path: '/var/lib/ocup',
    freeBytes: 20_000_000_000,
    freeFiles: 1_000_000,
    isOnOverlay: false,
  },
  missingPrograms: [],
};

function find(name: string, changes: Partial<HostFacts>): Finding {
  const finding = examine({ ...HEALTHY, ...changes }).find((each) => each.name === name);
  if (finding === undefined) throw new Error(`no finding ${name}`);
  return finding;
}

const user = { ...HEALTHY.privileges, uid: 1000, capabilities: [] };
const namespaced = { ...HEALTHY.privileges, isInUserNamespace: true, userIds: 1 };
const rootless = HEALTHY.rootless;

describe('the doctor', () => {
  test('finds nothing wrong with a healthy machine', () => {
    expect(examine(HEALTHY).filter(({ status }) => status !== 'ok')).toEqual([]);
  });

  test.each<[string, Finding['status'], Partial<HostFacts>]>([
    ['kernel', 'ok', { kernelVersion: '5.12.0-rc1' }],
    ['kernel', 'problem', { kernelVersion: '5.11.22' }],
    ['kernel', 'problem', { kernelVersion: '4.19.0' }],
    ['programs', 'problem', { missingPrograms: ['ocup-shim'] }],
    [
      'privileges',
      'problem',
      { privileges: { ...HEALTHY.privileges, capabilities: ['CAP_CHOWN'] } },
    ],
    [
      'privileges',
      'problem',
      { privileges: user, rootless: { ...rootless, maxUserNamespaces: 0 } },
    ],
    [
      'privileges',
      'problem',
      { privileges: user, rootless: { ...rootless, forbiddenBy: 'kernel.x=1' } },
    ],
    ['privileges', 'problem', { privileges: user }],
    ['privileges', 'warning', { privileges: namespaced }],
    ['privileges', 'warning', { privileges: namespaced, rootless: { ...rootless, subGids: 0 } }],
    ['privileges', 'ok', { privileges: { ...namespaced, userIds: 65_537 } }],
    ['limits', 'warning', { privileges: user }],
    ['namespaces', 'problem', { namespaces: ['mnt', 'net', 'pid', 'uts'] }],
    ['control groups', 'warning', { cgroups: { ...HEALTHY.cgroups, hasSwapLimit: false } }],
    ['control groups', 'warning', { cgroups: { ...HEALTHY.cgroups, controllers: ['cpu'] } }],
    [
      'control groups',
      'warning',
      { cgroups: { ...HEALTHY.cgroups, layout: 'none', controllers: [] } },
    ],
    ['overlay', 'problem', { hasOverlay: false }],
    ['overlay', 'problem', { dataDir: { ...HEALTHY.dataDir, isOnOverlay: true } }],
    ['seccomp', 'warning', { hasSeccomp: false }],
    ['firewall', 'warning', { firewallProblem: 'cannot load libnftables.so.1' }],
    ['low ports', 'warning', { privileges: user }],
    ['low ports', 'ok', { privileges: user, unprivilegedPortStart: 80 }],
    ['disk', 'warning', { dataDir: { ...HEALTHY.dataDir, freeBytes: 500_000_000 } }],
    ['disk', 'warning', { dataDir: { ...HEALTHY.dataDir, freeFiles: 10 } }],
    ['disk', 'problem', { dataDir: { ...HEALTHY.dataDir, freeBytes: 1000 } }],
    ['disk', 'problem', { dataDir: { ...HEALTHY.dataDir, freeBytes: undefined } }],
  ])('%s: a %s', (name, status, changes) => {
    const finding = find(name, changes);
    expect(finding.status).toBe(status);
    expect(finding.remedy === undefined).toBe(status === 'ok');
  });

  test('names what is missing', () => {
    expect(find('programs', { missingPrograms: ['ocup-shim'] }).message).toBe('missing: ocup-shim');
    const cgroups = { ...HEALTHY.cgroups, controllers: ['cpu', 'memory', 'pids'] as const };
    expect(find('control groups', { cgroups }).message).toBe(
      'v2: processors, block I/O cannot be limited',
    );
  });

  test('every remedy is one sentence', () => {
    const worst: HostFacts = {
      ...HEALTHY,
      kernelVersion: '4.4.0',
      privileges: user,
      rootless: { ...rootless, maxUserNamespaces: 0 },
      namespaces: [],
      hasOverlay: false,
      hasSeccomp: false,
      firewallProblem: 'no',
      dataDir: { ...HEALTHY.dataDir, freeBytes: 1 },
      missingPrograms: ['ocup-init'],
      cgroups: { ...HEALTHY.cgroups, controllers: [] },
    };
    const remedies = examine(worst).map(({ remedy }) => remedy);
    expect(remedies.filter((remedy) => !/^[A-Z][^\n]*\.$/.test(remedy ?? ''))).toEqual([]);
  });
});
