import { expect, test } from '@jest/globals';
import { findCgroupFolders, parseNetDev } from '../../../src/host/container-usage.ts';

test('a process has a folder in each hierarchy of v1, and one in the v2 tree', () => {
  const membership = '12:memory:/ocup/a\n5:cpu,cpuacct:/ocup/a\n1:name=systemd:/x\n0::/ocup/b\n';
  const folders = findCgroupFolders(membership, [
    { version: 1, path: '/sys/fs/cgroup/memory', controllers: ['memory'] },
    { version: 1, path: '/sys/fs/cgroup/cpu', controllers: ['cpu', 'cpuacct'] },
    { version: 2, path: '/sys/fs/cgroup/unified', controllers: [] },
  ]);
  expect(Object.fromEntries(folders)).toEqual({
    memory: '/sys/fs/cgroup/memory/ocup/a',
    cpu: '/sys/fs/cgroup/cpu/ocup/a',
    cpuacct: '/sys/fs/cgroup/cpu/ocup/a',
    '': '/sys/fs/cgroup/unified/ocup/b',
  });
});

test('bytes of all interfaces but loopback are added', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0
  eth1:   1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0
`;
  expect(parseNetDev(text)).toEqual({ receivedBytes: 101, sentBytes: 22 });
});
