import { type Case, namespaces, USUAL_NAMESPACES } from '../case.ts';

const usual = (...more: readonly string[]) => namespaces(...USUAL_NAMESPACES, ...more);
const without = (kind: string) => namespaces(...USUAL_NAMESPACES.filter((name) => name !== kind));
const joining = (kind: string, file: string) =>
  namespaces(...USUAL_NAMESPACES.filter((name) => name !== kind), `${kind}=@BUNDLE@/ns/${file}`);
const mapped = (size: number, hostId = 100000) => {
  const mappings = [{ containerID: 0, hostID: hostId, size }];
  return { namespaces: usual('user'), uidMappings: mappings, gidMappings: mappings };
};
const MAPPED_ROOT = 'chown -R 100000:100000 rootfs';
const pin = (option: string, file: string): string =>
  `touch ns/${file}; unshare --${option}=ns/${file} readlink /proc/self/ns/${file} >ns/${file}.link`;
const PID_HOLDER =
  'unshare --pid --fork --kill-child sh -c "sleep 60" & holder=$!; sleep 0.1; ' +
  'child=$(cat /proc/$holder/task/$holder/children); touch ns/pid; mount --bind /proc/${child% }/ns/pid ns/pid; readlink /proc/${child% }/ns/pid >ns/pid.link';

/** Namespaces made, shared and joined, and what is set inside them. */
export const NAMESPACE_CASES: readonly Case[] = [
  {
    name: 'namespaces: with a cgroup namespace',
    patch: { linux: { namespaces: usual('cgroup') } },
    probe: 'cgroup',
    isBrief: true,
  },
  { name: 'namespaces: with a time namespace', patch: { linux: { namespaces: usual('time') } } },
  {
    name: 'namespaces: time offsets',
    patch: {
      linux: {
        namespaces: usual('time'),
        timeOffsets: { monotonic: { secs: 100, nanosecs: 5 }, boottime: { secs: -1 } },
      },
    },
  },
  {
    name: 'namespaces: time offsets without the namespace',
    patch: { linux: { timeOffsets: { monotonic: { secs: 1 } } } },
  },
  { name: 'namespaces: no pid', patch: { linux: { namespaces: without('pid') } } },
  { name: 'namespaces: no network', patch: { linux: { namespaces: without('network') } } },
  { name: 'namespaces: no ipc', patch: { linux: { namespaces: without('ipc') } } },
  { name: 'namespaces: no uts', patch: { hostname: null, linux: { namespaces: without('uts') } } },
  { name: 'namespaces: no uts with a hostname', patch: { linux: { namespaces: without('uts') } } },
  {
    name: 'namespaces: no mount',
    patch: { linux: { namespaces: without('mount') } },
    steps: ['create'],
  },
  {
    name: 'namespaces: none at all',
    patch: { hostname: null, linux: { namespaces: [] } },
    steps: ['create'],
  },
  { name: 'namespaces: given twice', patch: { linux: { namespaces: usual('pid') } } },
  { name: 'namespaces: unknown', patch: { linux: { namespaces: usual('dream') } } },
  {
    name: 'namespaces: path missing',
    patch: { linux: { namespaces: joining('network', 'none') } },
  },
  {
    name: 'namespaces: path no namespace',
    patch: { linux: { namespaces: joining('network', 'file') } },
    prepare: 'touch ns/file',
  },
  {
    name: 'namespaces: path of another kind',
    patch: { linux: { namespaces: joining('network', 'uts') } },
    prepare: pin('uts', 'uts'),
    cleanup: 'umount ns/uts',
  },
  {
    name: 'namespaces: path relative',
    patch: { linux: { namespaces: namespaces('mount', 'pid', 'network=ns/net') } },
  },
  {
    name: 'namespaces: joins a network',
    patch: { hostname: null, linux: { namespaces: joining('network', 'net') } },
    prepare: pin('net', 'net'),
    cleanup: 'umount ns/net',
  },
  {
    name: 'namespaces: joins a uts',
    patch: { hostname: null, linux: { namespaces: joining('uts', 'uts') } },
    prepare: pin('uts', 'uts'),
    cleanup: 'umount ns/uts',
  },
  {
    name: 'namespaces: joins a uts and names it',
    patch: { linux: { namespaces: joining('uts', 'uts') } },
    prepare: pin('uts', 'uts'),
    cleanup: 'umount ns/uts',
  },
  {
    name: 'namespaces: joins an ipc',
    patch: { linux: { namespaces: joining('ipc', 'ipc') } },
    prepare: pin('ipc', 'ipc'),
    cleanup: 'umount ns/ipc',
  },
  {
    name: 'namespaces: joins a cgroup',
    patch: { linux: { namespaces: [...usual(), ...namespaces('cgroup=@BUNDLE@/ns/cgroup')] } },
    prepare: pin('cgroup', 'cgroup'),
    cleanup: 'umount ns/cgroup',
  },
  {
    name: 'namespaces: joins a pid',
    patch: { linux: { namespaces: joining('pid', 'pid') } },
    prepare: PID_HOLDER,
    cleanup: 'umount ns/pid; kill $holder',
  },
  {
    name: 'namespaces: joins the host network by path',
    patch: {
      linux: { namespaces: namespaces('mount', 'pid', 'uts', 'ipc', 'network=/proc/1/ns/net') },
    },
  },
  {
    name: 'user namespace: mapped',
    patch: { linux: mapped(65536) },
    prepare: MAPPED_ROOT,
    isBrief: true,
  },
  { name: 'user namespace: one id', patch: { linux: mapped(1) }, prepare: MAPPED_ROOT },
  {
    name: 'user namespace: root unmapped',
    patch: {
      process: { user: { uid: 5, gid: 5 } },
      linux: {
        namespaces: usual('user'),
        uidMappings: [{ containerID: 5, hostID: 100005, size: 1 }],
        gidMappings: [{ containerID: 5, hostID: 100005, size: 1 }],
      },
    },
    prepare: MAPPED_ROOT,
  },
  {
    name: 'user namespace: several ranges',
    patch: {
      linux: {
        namespaces: usual('user'),
        uidMappings: [
          { containerID: 0, hostID: 100000, size: 10 },
          { containerID: 10, hostID: 200000, size: 5 },
        ],
        gidMappings: [{ containerID: 0, hostID: 100000, size: 20 }],
      },
    },
    prepare: MAPPED_ROOT,
  },
  { name: 'user namespace: host root is its root', patch: { linux: mapped(65536, 0) } },
  {
    name: 'user namespace: user outside of the map',
    patch: { process: { user: { uid: 70000, gid: 0 } }, linux: mapped(65536) },
    prepare: MAPPED_ROOT,
  },
  { name: 'user namespace: without mappings', patch: { linux: { namespaces: usual('user') } } },
  {
    name: 'user namespace: without gid mappings',
    patch: {
      linux: {
        namespaces: usual('user'),
        uidMappings: [{ containerID: 0, hostID: 100000, size: 1 }],
      },
    },
  },
  {
    name: 'user namespace: overlapping ranges',
    patch: {
      linux: {
        namespaces: usual('user'),
        uidMappings: [
          { containerID: 0, hostID: 100000, size: 10 },
          { containerID: 5, hostID: 200000, size: 10 },
        ],
        gidMappings: [{ containerID: 0, hostID: 100000, size: 20 }],
      },
    },
    prepare: MAPPED_ROOT,
  },
  {
    name: 'user namespace: mappings without it',
    patch: { linux: { uidMappings: [{ containerID: 0, hostID: 100000, size: 1 }] } },
  },
  {
    name: 'user namespace: host network',
    patch: {
      linux: { ...mapped(65536), namespaces: namespaces('mount', 'pid', 'uts', 'ipc', 'user') },
    },
    prepare: MAPPED_ROOT,
  },
  {
    name: 'user namespace: devices are bound',
    patch: {
      linux: {
        ...mapped(65536),
        devices: [{ type: 'c', path: '/dev/full', major: 1, minor: 7, fileMode: 0o666 }],
      },
    },
    prepare: MAPPED_ROOT,
    probe: 'tree=/dev',
  },
  {
    name: 'user namespace: mounts',
    patch: { linux: mapped(65536) },
    prepare: `${MAPPED_ROOT}; mkdir src; chown 100000 src`,
    mounts: [
      { destination: '/b', type: 'bind', source: '@BUNDLE@/src', options: ['bind', 'ro'] },
      { destination: '/t', type: 'tmpfs', source: 't', options: ['size=1m'] },
    ],
    probe: 'path=/b path=/t',
  },
  { name: 'uts: domainname', patch: { domainname: 'example.org' } },
  { name: 'uts: hostname of 64 letters', patch: { hostname: 'h'.repeat(64) } },
  { name: 'uts: hostname too long', patch: { hostname: 'h'.repeat(65) } },
  { name: 'uts: hostname empty', patch: { hostname: '' } },
  {
    name: 'sysctl: network',
    patch: {
      linux: { sysctl: { 'net.ipv4.ip_forward': '1', 'net.ipv4.ip_unprivileged_port_start': '0' } },
    },
    probe: 'path=/proc/sys/net/ipv4/ip_forward path=/proc/sys/net/ipv4/ip_unprivileged_port_start',
    isBrief: true,
  },
  {
    name: 'sysctl: with slashes',
    patch: { linux: { sysctl: { 'net/ipv4/ip_forward': '1' } } },
    probe: 'path=/proc/sys/net/ipv4/ip_forward',
  },
  {
    name: 'sysctl: ipc',
    patch: {
      linux: {
        sysctl: {
          'kernel.msgmax': '4096',
          'kernel.shm_rmid_forced': '1',
          'fs.mqueue.msg_max': '11',
          'kernel.sem': '100 200 30 40',
        },
      },
    },
    probe:
      'path=/proc/sys/kernel/msgmax path=/proc/sys/kernel/shm_rmid_forced path=/proc/sys/fs/mqueue/msg_max path=/proc/sys/kernel/sem',
  },
  {
    name: 'sysctl: domainname',
    patch: { linux: { sysctl: { 'kernel.domainname': 'sys.example' } } },
  },
  { name: 'sysctl: hostname', patch: { linux: { sysctl: { 'kernel.hostname': 'sys-host' } } } },
  { name: 'sysctl: of the host', patch: { linux: { sysctl: { 'vm.swappiness': '60' } } } },
  { name: 'sysctl: unknown', patch: { linux: { sysctl: { 'net.ipv4.no_such_thing': '1' } } } },
  {
    name: 'sysctl: value refused',
    patch: { linux: { sysctl: { 'net.ipv4.ip_forward': 'maybe' } } },
  },
  {
    name: 'sysctl: without the network namespace',
    patch: { linux: { namespaces: without('network'), sysctl: { 'net.ipv4.ip_forward': '1' } } },
  },
  {
    name: 'sysctl: without the ipc namespace',
    patch: { linux: { namespaces: without('ipc'), sysctl: { 'kernel.msgmax': '4096' } } },
  },
  {
    name: 'sysctl: climbs out',
    patch: { linux: { sysctl: { 'net.ipv4/../../kernel/panic': '1' } } },
  },
];
