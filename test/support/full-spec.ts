import { defaultSpec, type TestSpec } from './bundle.ts';

const HOOK = {
  path: '/bin/true',
  args: ['true', 'a'],
  env: ['A=b'],
  timeout: 3,
};

const THROTTLE = [{ major: 8, minor: 0, rate: 1000 }];

function resources(): Record<string, unknown> {
  return {
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
    ],
    memory: {
      limit: 1 << 26,
      reservation: 1 << 25,
      swap: -1,
      swappiness: 10,
      disableOOMKiller: true,
    },
    cpu: { shares: 512, quota: 5000, period: 10_000, burst: 100, cpus: '0', mems: '0', idle: 0 },
    pids: { limit: 50 },
    hugepageLimits: [{ pageSize: '2MB', limit: 1 << 22 }],
    network: { classID: 1, priorities: [{ name: 'eth0', priority: 2 }] },
    blockIO: {
      weight: 100,
      leafWeight: 100,
      weightDevice: [{ major: 8, minor: 0, weight: 200, leafWeight: 100 }],
      throttleReadBpsDevice: THROTTLE,
      throttleWriteBpsDevice: THROTTLE,
      throttleReadIOPSDevice: THROTTLE,
      throttleWriteIOPSDevice: THROTTLE,
    },
    unified: { 'memory.high': '1000' },
    rdma: { mlx: { hcaHandles: 3 } },
  };
}

function seccomp(): Record<string, unknown> {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],
    listenerPath: '/run/listener',
    listenerMetadata: 'x',
    syscalls: [
      { names: ['read', 'write', 'nonsense'], action: 'SCMP_ACT_ALLOW' },
      {
        names: ['personality'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 8, valueTwo: 255, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      { names: ['kill'], action: 'SCMP_ACT_ERRNO', errnoRet: 3 },
    ],
  };
}

/** A spec with every member that the specification has for Linux: to read, not to run. */
export function fullSpec(): TestSpec {
  const spec = defaultSpec();
  const mappings = [{ containerID: 0, hostID: 1000, size: 10 }];
  Object.assign(spec.process, {
    consoleSize: { height: 20, width: 80 },
    user: { uid: 1, gid: 2, umask: 18, additionalGids: [3, 4], username: 'x' },
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
    oomScoreAdj: 100,
    scheduler: { policy: 'SCHED_OTHER', nice: 3, flags: ['SCHED_FLAG_RESET_ON_FORK'] },
    ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 4 },
    execCPUAffinity: { initial: '0-1', final: '0' },
    selinuxLabel: '',
    apparmorProfile: '',
  });
  spec.mounts.push(
    { destination: '/a', source: '/tmp', options: ['rbind', 'rro', 'rslave', 'idmap'] },
    { destination: '/b', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'size=1m', 'ro'] },
  );
  spec.domainname = 'example';
  spec.annotations = { 'org.example.key': 'value' };
  spec.hooks = Object.fromEntries(
    ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'].map(
      (name) => [name, [HOOK]],
    ),
  );
  Object.assign(spec.linux, {
    namespaces: ['mount', 'network', 'uts', 'pid', 'ipc', 'user', 'cgroup', 'time'].map((type) => ({
      type,
    })),
    uidMappings: mappings,
    gidMappings: mappings,
    timeOffsets: { monotonic: { secs: 10, nanosecs: 5 }, boottime: { secs: 1, nanosecs: 0 } },
    devices: [{ type: 'c', path: '/dev/x', major: 1, minor: 3, fileMode: 438, uid: 1, gid: 1 }],
    netDevices: { eth0: { name: 'eth1' } },
    cgroupsPath: '/a/b',
    resources: resources(),
    rootfsPropagation: 'private',
    sysctl: { 'net.ipv4.ip_forward': '1' },
    seccomp: seccomp(),
    personality: { domain: 'LINUX32', flags: [] },
    memoryPolicy: { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] },
    intelRdt: { closID: 'x' },
    mountLabel: '',
  });
  return spec;
}
