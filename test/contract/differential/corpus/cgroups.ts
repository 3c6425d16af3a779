import { type Case, namespaces, USUAL_NAMESPACES } from '../case.ts';

const MIB = 1024 * 1024;
const DEVICES = [{ allow: false, access: 'rwm' }];
const limited = (
  name: string,
  resources: Readonly<Record<string, unknown>>,
  more: Partial<Case> = {},
): Case => ({
  name: `cgroup: ${name}`,
  patch: {
    linux: {
      resources: { devices: DEVICES, ...resources },
      namespaces: namespaces(...USUAL_NAMESPACES, 'cgroup'),
    },
  },
  probe: 'cgroup',
  ...more,
});
const placed = (name: string, cgroupsPath: string, more: Partial<Case> = {}): Case => ({
  name: `cgroup path: ${name}`,
  patch: { linux: { cgroupsPath } },
  probe: 'cgroup',
  ...more,
});
const memory = (
  name: string,
  values: Readonly<Record<string, unknown>>,
  more: Partial<Case> = {},
) => limited(`memory ${name}`, { memory: values }, more);
const cpu = (name: string, values: Readonly<Record<string, unknown>>, more: Partial<Case> = {}) =>
  limited(`cpu ${name}`, { cpu: values }, more);
const unified = (
  name: string,
  values: Readonly<Record<string, unknown>>,
  more: Partial<Case> = {},
) => limited(`unified ${name}`, { unified: values }, { only: 'v2', ...more });

/** `linux.resources` and `linux.cgroupsPath`. */
export const CGROUP_CASES: readonly Case[] = [
  limited('no limits', {}, { isBrief: true }),
  memory('limit', { limit: 64 * MIB }, { isBrief: true }),
  memory('limit and swap', { limit: 64 * MIB, swap: 128 * MIB }, { isBrief: true }),
  memory('limit and the same swap', { limit: 64 * MIB, swap: 64 * MIB }, { isBrief: true }),
  memory('limit and unlimited swap', { limit: 64 * MIB, swap: -1 }, { isBrief: true }),
  memory('swap below the limit', { limit: 64 * MIB, swap: 32 * MIB }, { isBrief: true }),
  memory('swap without a limit', { swap: 64 * MIB }, { isBrief: true }),
  memory('reservation', { limit: 64 * MIB, reservation: 32 * MIB }, { isBrief: true }),
  memory('unlimited', { limit: -1 }, { isBrief: true }),
  memory('limit 0', { limit: 0 }),
  memory('limit not of whole pages', { limit: 64 * MIB + 5 }, { isBrief: true }),
  memory('kernel', { limit: 64 * MIB, kernel: 32 * MIB, kernelTCP: 16 * MIB }),
  memory('swappiness', { limit: 64 * MIB, swappiness: 10 }),
  memory('swappiness too great', { limit: 64 * MIB, swappiness: 300 }),
  memory('no OOM killer', { limit: 64 * MIB, disableOOMKiller: true }),
  memory('hierarchy', { limit: 64 * MIB, useHierarchy: true, checkBeforeUpdate: true }),
  memory('too small to start in', { limit: 4096 }, { isBrief: true }),
  memory('of another type', { limit: 'much' }),
  cpu('shares', { shares: 512 }, { isBrief: true }),
  cpu('shares least', { shares: 2 }, { isBrief: true }),
  cpu('shares below the least', { shares: 1 }, { isBrief: true }),
  cpu('shares 0', { shares: 0 }),
  cpu('shares most', { shares: 262144 }, { isBrief: true }),
  cpu('quota and period', { quota: 50000, period: 100000 }, { isBrief: true }),
  cpu('quota alone', { quota: 20000 }, { isBrief: true }),
  cpu('period alone', { period: 50000 }, { isBrief: true }),
  cpu('quota unlimited', { quota: -1, period: 50000 }, { isBrief: true }),
  cpu('quota 0', { quota: 0 }),
  cpu('quota too small', { quota: 10, period: 100000 }),
  cpu('burst', { quota: 50000, period: 100000, burst: 20000 }, { isBrief: true }),
  cpu('idle', { idle: 1 }, { isBrief: true }),
  cpu('set', { cpus: '0', mems: '0' }, { isBrief: true }),
  cpu('set of a range', { cpus: '0-1' }),
  cpu('set of what is not there', { cpus: '4000' }, { isBrief: true }),
  cpu('set unreadable', { cpus: 'first' }),
  cpu('real time', { realtimePeriod: 1000000, realtimeRuntime: 0 }),
  limited('pids', { pids: { limit: 77 } }, { isBrief: true }),
  limited('pids unlimited', { pids: { limit: -1 } }, { isBrief: true }),
  limited('pids 0', { pids: { limit: 0 } }),
  limited('blkio throttle', {
    blockIO: { throttleReadBpsDevice: [{ major: 1, minor: 0, rate: 1000000 }] },
  }),
  limited('blkio weight', { blockIO: { weight: 500 } }, { isBrief: true }),
  limited('blkio weight too great', { blockIO: { weight: 5000 } }),
  limited('blkio weight too small', { blockIO: { weight: 9 } }),
  limited('blkio weight 0', { blockIO: { weight: 0 } }),
  limited('blkio weight of a device too great', {
    blockIO: { weightDevice: [{ major: 254, minor: 0, weight: 1001 }] },
  }),
  limited('hugetlb', { hugepageLimits: [{ pageSize: '2MB', limit: 4 * MIB }] }, { isBrief: true }),
  limited('hugetlb of no such size', { hugepageLimits: [{ pageSize: '3MB', limit: 3 * MIB }] }),
  limited('network class', { network: { classID: 0x10001 } }),
  limited('network priorities', { network: { priorities: [{ name: 'lo', priority: 3 }] } }),
  limited('rdma', { rdma: { mlx5_0: { hcaHandles: 3 } } }),
  unified('memory', { 'memory.high': '50000000', 'memory.min': '4096' }, { isBrief: true }),
  unified('cpu', { 'cpu.weight': '77', 'cpu.max': '30000 60000' }, { isBrief: true }),
  unified('unknown controller', { 'dream.max': '1' }, { isBrief: true }),
  unified('unknown file', { 'memory.dream': '1' }, { isBrief: true }),
  unified('a path', { '../cgroup.procs': '1' }, { isBrief: true }),
  unified(
    'over a limit',
    { 'pids.max': '20' },
    {
      patch: {
        linux: {
          resources: { devices: DEVICES, pids: { limit: 10 }, unified: { 'pids.max': '20' } },
        },
      },
      isBrief: true,
    },
  ),
  limited('unified without v2', { unified: { 'memory.high': '1000000' } }, { only: 'v1' }),
  placed('absolute', '/ocup-test/@ID@', {
    isBrief: true,
    cleanup: 'rmdir /sys/fs/cgroup/*/ocup-test /sys/fs/cgroup/ocup-test',
  }),
  placed('relative', 'ocup-test/@ID@', {
    isBrief: true,
    cleanup: 'find /sys/fs/cgroup -depth -name ocup-test -exec rmdir {} +',
  }),
  placed('nested', '/ocup-test/a/b/@ID@', {
    isBrief: true,
    cleanup:
      'find /sys/fs/cgroup -depth \\( -path "*/ocup-test/*" -o -name ocup-test \\) -type d -exec rmdir {} +',
  }),
  placed('that climbs', '/../../ocup-test/../@ID@'),
  placed('with a cgroup namespace', '/ocup-test/@ID@', {
    patch: {
      linux: {
        cgroupsPath: '/ocup-test/@ID@',
        namespaces: namespaces(...USUAL_NAMESPACES, 'cgroup'),
      },
    },
    isBrief: true,
    cleanup: 'rmdir /sys/fs/cgroup/*/ocup-test /sys/fs/cgroup/ocup-test',
  }),
  {
    name: 'cgroup: killed for its memory',
    patch: {
      process: { args: ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=100M', 'count=1'] },
      linux: { resources: { devices: DEVICES, memory: { limit: 16 * MIB, swap: 16 * MIB } } },
    },
    isBrief: true,
  },
  {
    name: 'cgroup: no more processes',
    patch: {
      process: { args: ['/bin/sh', '-c', 'for i in 1 2 3 4 5 6 7; do sleep 1 & done; echo all'] },
      linux: { resources: { devices: DEVICES, pids: { limit: 5 } } },
    },
    isBrief: true,
  },
];
