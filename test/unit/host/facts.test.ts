import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parseCgroupMounts } from '../../../src/host/cgroups.ts';
import { deviceNumbers, listDevices, lookUpDevices } from '../../../src/host/devices.ts';
import { probeHost, specHost } from '../../../src/host/facts.ts';
import { parseCapabilities, parseLimits, parseUidMap } from '../../../src/host/privileges.ts';
import { countSubordinateIds } from '../../../src/host/rootless.ts';

describe('the hierarchies of control groups', () => {
  test('each is found once, with its controllers', () => {
    const mountinfo = [
      '30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755',
      '31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate',
      '32 30 0:28 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd',
      '33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '99 30 0:29 / /mnt/again rw - cgroup cgroup rw,cpu,cpuacct',
      '34 30 0:30 / /with\\040space rw - cgroup cgroup rw,memory',
      '',
    ].join('\n');
    expect(parseCgroupMounts(mountinfo)).toEqual([
      { version: 2, path: '/sys/fs/cgroup/unified', controllers: [] },
      { version: 1, path: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
      { version: 1, path: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
      { version: 1, path: '/with space', controllers: ['memory'] },
    ]);
  });
});

describe('what a process may do', () => {
  test('a capability must be in the effective and the bounding set', () => {
    const status = 'Name:\tnode\nCapEff:\t0000000000000007\nCapBnd:\t000001ffffffffff\n';
    expect(parseCapabilities(status)).toEqual([
      'CAP_CHOWN',
      'CAP_DAC_OVERRIDE',
      'CAP_DAC_READ_SEARCH',
    ]);
    expect(parseCapabilities(status.replace('1ffffffffff', '00000000004'))).toEqual([
      'CAP_DAC_READ_SEARCH',
    ]);
  });

  test('the highest capability is number 40', () => {
    const all = 'CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n';
    expect(parseCapabilities(all).at(-1)).toBe('CAP_CHECKPOINT_RESTORE');
    expect(parseCapabilities(all)).toHaveLength(41);
  });

  test('limits are read with and without units', () => {
    const text = [
      'Limit                     Soft Limit           Hard Limit           Units     ',
      'Max cpu time              unlimited            unlimited            seconds   ',
      'Max open files            1024                 524288               files     ',
      'Max nice priority         0                    0                    ',
    ].join('\n');
    expect(parseLimits(text)).toEqual({
      cpu: { soft: -1, hard: -1 },
      nofile: { soft: 1024, hard: 524_288 },
      nice: { soft: 0, hard: 0 },
    });
  });

  test('every limit of this process is found', () => {
    const names = Object.keys(parseLimits(readFileSync('/proc/self/limits', 'utf8')));
    expect(names).toHaveLength(16);
  });

  test.each([
    ['         0          0 4294967295\n', { isInUserNamespace: false, userIds: 4_294_967_295 }],
    ['', { isInUserNamespace: false, userIds: 4_294_967_295 }],
    ['         0       1000          1\n', { isInUserNamespace: true, userIds: 1 }],
    ['0 1000 1\n1 100000 65536\n', { isInUserNamespace: true, userIds: 65_537 }],
  ])('the map of user ids %j is understood', (text, facts) => {
    expect(parseUidMap(text)).toEqual(facts);
  });

  test('subordinate ids count by name and by number', () => {
    const text = 'me:100000:65536\nother:165536:65536\n1000:300000:10\nme:1:x\n';
    expect(countSubordinateIds(text, 'me', 1000)).toBe(65_546);
    expect(countSubordinateIds(text, 'nobody', 65_534)).toBe(0);
  });
});

describe('devices', () => {
  test('numbers split as the C library splits them', () => {
    expect(deviceNumbers(0x0103)).toEqual({ major: 1, minor: 3 });
    expect(deviceNumbers(0x12345678)).toEqual({ major: 0x456, minor: 0x12378 });
  });

  test('a mapping gives the node with its numbers under its new name', async () => {
    const [device, ...others] = await lookUpDevices([
      { source: '/dev/null', target: '/dev/nothing', permissions: 'rw' },
    ]);
    expect(others).toEqual([]);
    expect(device).toMatchObject({
      type: 'c',
      path: '/dev/nothing',
      major: 1,
      minor: 3,
      permissions: 'rw',
    });
  });

  test.each([
    ['/dev/none', 'cannot use device /dev/none: it does not exist'],
    ['/proc/self/status', 'cannot use /proc/self/status: it is not a device'],
    ['nvidia.com/gpu=all', 'cannot use device nvidia.com/gpu=all: CDI is not supported'],
  ])('%s is refused', async (source, message) => {
    const mapping = { source, target: '/dev/x', permissions: 'rwm' };
    await expect(lookUpDevices([mapping])).rejects.toThrow(message);
  });

  test('the list leaves out what every container has', async () => {
    const paths = (await listDevices()).map((device) => device.path);
    expect(paths).not.toContain('/dev/null');
    expect(paths.filter((path) => path.startsWith('/dev/pts/'))).toEqual([]);
    expect(new Set(paths).size).toBe(paths.length);
  });
});

describe('this machine', () => {
  test('is described without an error, with what a spec needs', async () => {
    const facts = await probeHost({ dataDir: '/var/lib/ocup-none/deep' });
    const host = specHost(facts);
    expect(host.kernelVersion).toMatch(/^\d+\.\d+/);
    expect(host.limits['nofile']?.hard).not.toBe(0);
    expect(facts.dataDir.freeBytes).toBeGreaterThan(0);
    expect(facts.namespaces).toContain('mnt');
  });

  test('its control groups are those of /proc', async () => {
    const { cgroups } = await probeHost({ dataDir: '/' });
    const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n');
    const v1 = lines.flatMap((line) => line.split(':')[1]?.split(',') ?? []).filter(Boolean);
    for (const name of Object.keys(cgroups.v1Paths)) expect(v1).toContain(name);
    if (cgroups.layout === 'v2') expect(v1).toEqual([]);
  });
});
