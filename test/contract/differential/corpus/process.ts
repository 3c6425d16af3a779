import type { Case } from '../case.ts';

const process = (patch: Readonly<Record<string, unknown>>): { process: typeof patch } => ({
  process: patch,
});
const SETS = ['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const;
const NO_SETS = Object.fromEntries(SETS.map((set) => [set, []]));
const everySet = (...names: readonly string[]): Record<string, readonly string[]> =>
  Object.fromEntries(SETS.map((set) => [set, names]));
const rlimits = (...limits: readonly (readonly [string, number, number])[]) =>
  process({ rlimits: limits.map(([type, soft, hard]) => ({ type, soft, hard })) });

const PROGRAMS: readonly Case[] = [
  { name: 'default', isBrief: true },
  { name: 'exit 0', probe: 'exit=0' },
  { name: 'exit 1', probe: 'exit=1' },
  { name: 'exit 42', probe: 'exit=42' },
  { name: 'exit 255', probe: 'exit=255' },
  { name: 'args empty', patch: process({ args: [] }) },
  { name: 'args absent', patch: process({ args: null }) },
  { name: 'args of another type', patch: process({ args: '/bin/probe' }) },
  { name: 'args with an empty one', patch: process({ args: ['/bin/probe', '', 'a b'] }) },
  { name: 'program by PATH', patch: process({ args: ['probe'] }) },
  {
    name: 'program by a later folder in PATH',
    patch: process({ args: ['probe'], env: ['PATH=/nowhere:/bin'] }),
  },
  { name: 'program without PATH', patch: process({ args: ['probe'], env: [] }) },
  { name: 'program relative', patch: process({ args: ['bin/probe'] }) },
  { name: 'program relative to cwd', patch: process({ args: ['./probe'], cwd: '/bin' }) },
  { name: 'program missing', patch: process({ args: ['/bin/missing'] }), isBrief: true },
  { name: 'program missing in PATH', patch: process({ args: ['missing'] }), isBrief: true },
  { name: 'program empty', patch: process({ args: [''] }) },
  { name: 'program not executable', patch: process({ args: ['/etc/passwd'] }), isBrief: true },
  { name: 'program a folder', patch: process({ args: ['/etc'] }) },
  { name: 'program below a file', patch: process({ args: ['/etc/passwd/x'] }) },
  {
    name: 'program of no known format',
    patch: process({ args: ['/tmp/x'] }),
    prepare: 'echo hi >rootfs/tmp/x; chmod +x rootfs/tmp/x',
  },
  {
    name: 'program empty file',
    patch: process({ args: ['/tmp/x'] }),
    prepare: ': >rootfs/tmp/x; chmod +x rootfs/tmp/x',
  },
  {
    name: 'script',
    patch: process({ args: ['/tmp/x'] }),
    prepare: 'printf "#!/bin/sh\\nexec /bin/probe\\n" >rootfs/tmp/x; chmod +x rootfs/tmp/x',
  },
  {
    name: 'script without its interpreter',
    patch: process({ args: ['/tmp/x'] }),
    prepare: 'printf "#!/bin/none\\n" >rootfs/tmp/x; chmod +x rootfs/tmp/x',
  },
  {
    name: 'program a symlink out of the root',
    patch: process({ args: ['/tmp/x'] }),
    prepare: 'ln -s ../../../../bin/probe rootfs/tmp/x',
  },
];

const ENVIRONMENT: readonly Case[] = [
  { name: 'env', patch: process({ env: ['PATH=/bin', 'A=1', 'B=x=y', 'EMPTY='] }) },
  { name: 'env absent', patch: process({ env: null }) },
  { name: 'env given twice', patch: process({ env: ['A=1', 'A=2', 'PATH=/bin', 'A=3'] }) },
  { name: 'env without a value', patch: process({ env: ['PATH=/bin', 'ALONE'] }) },
  { name: 'env without a name', patch: process({ env: ['PATH=/bin', '=x'] }) },
  { name: 'env with HOME', patch: process({ env: ['HOME=/elsewhere'] }) },
  { name: 'env with an empty HOME', patch: process({ env: ['HOME='] }) },
  { name: 'env HOME of a user', patch: process({ user: { uid: 1000, gid: 1000 } }) },
  { name: 'env HOME of an unknown user', patch: process({ user: { uid: 4242, gid: 1 } }) },
  {
    name: 'env HOME without passwd',
    patch: process({ user: { uid: 1000, gid: 1000 } }),
    prepare: 'rm rootfs/etc/passwd',
  },
  { name: 'cwd', patch: process({ cwd: '/tmp' }) },
  { name: 'cwd made', patch: process({ cwd: '/new/folder' }), probe: 'path=/new path=/new/folder' },
  {
    name: 'cwd made for a user',
    patch: process({ cwd: '/new/folder', user: { uid: 1000, gid: 1000 } }),
    probe: 'path=/new path=/new/folder',
  },
  { name: 'cwd a symlink', patch: process({ cwd: '/link' }), prepare: 'ln -s /tmp rootfs/link' },
  {
    name: 'cwd a symlink that leads out',
    patch: process({ cwd: '/link' }),
    prepare: 'ln -s ../../../../../.. rootfs/link',
  },
  { name: 'cwd a file', patch: process({ cwd: '/etc/passwd' }) },
  { name: 'cwd relative', patch: process({ cwd: 'tmp' }) },
  { name: 'cwd empty', patch: process({ cwd: '' }) },
  { name: 'cwd absent', patch: process({ cwd: null }) },
  {
    name: 'cwd closed to its user',
    patch: process({ cwd: '/root', user: { uid: 1000, gid: 1000 } }),
    prepare: 'chmod 700 rootfs/root',
  },
  { name: 'cwd a descriptor', patch: process({ cwd: '/proc/self/fd/7' }) },
];

const IDENTITY: readonly Case[] = [
  { name: 'user', patch: process({ user: { uid: 1000, gid: 1001 } }), isBrief: true },
  { name: 'user absent', patch: process({ user: null }) },
  {
    name: 'user with groups',
    patch: process({ user: { uid: 1000, gid: 1001, additionalGids: [5, 20, 1001] } }),
  },
  {
    name: 'user root with groups',
    patch: process({ user: { uid: 0, gid: 0, additionalGids: [5, 5, 6] } }),
  },
  {
    name: 'user with the greatest id',
    patch: process({ user: { uid: 4294967294, gid: 4294967294 } }),
  },
  { name: 'user with an id too great', patch: process({ user: { uid: 4294967296, gid: 0 } }) },
  { name: 'user negative', patch: process({ user: { uid: -1, gid: 0 } }) },
  { name: 'user by name', patch: process({ user: { uid: 0, gid: 0, username: 'worker' } }) },
  { name: 'umask', patch: process({ user: { uid: 0, gid: 0, umask: 0o77 } }) },
  { name: 'umask 0', patch: process({ user: { uid: 0, gid: 0, umask: 0 } }) },
  { name: 'no_new_privs', patch: process({ noNewPrivileges: true }) },
  { name: 'capabilities absent', patch: process({ capabilities: null }) },
  { name: 'capabilities none', patch: process({ capabilities: NO_SETS }) },
  {
    name: 'capabilities in every set',
    patch: process({ capabilities: everySet('CAP_CHOWN', 'CAP_KILL') }),
  },
  {
    name: 'capabilities in every set of a user',
    patch: process({
      user: { uid: 1000, gid: 1000 },
      capabilities: everySet('CAP_CHOWN', 'CAP_KILL'),
    }),
    isBrief: true,
  },
  {
    name: 'capabilities of a user without ambient ones',
    patch: process({ user: { uid: 1000, gid: 1000 } }),
  },
  {
    name: 'capabilities bounding only',
    patch: process({ capabilities: { ...NO_SETS, bounding: ['CAP_CHOWN'] } }),
  },
  {
    name: 'capabilities effective beyond permitted',
    patch: process({
      capabilities: { ...NO_SETS, bounding: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] },
    }),
  },
  {
    name: 'capabilities ambient beyond inheritable',
    patch: process({ capabilities: { ...everySet('CAP_CHOWN'), inheritable: [] } }),
  },
  {
    name: 'capability unknown',
    patch: process({ capabilities: everySet('CAP_FLY', 'CAP_CHOWN') }),
  },
  { name: 'capability in small letters', patch: process({ capabilities: everySet('cap_chown') }) },
  {
    name: 'capability given twice',
    patch: process({ capabilities: everySet('CAP_CHOWN', 'CAP_CHOWN') }),
  },
];

const LIMITS: readonly Case[] = [
  { name: 'rlimit', patch: rlimits(['RLIMIT_NOFILE', 100, 200]), isBrief: true },
  {
    name: 'rlimit several',
    patch: rlimits(
      ['RLIMIT_CORE', 0, 0],
      ['RLIMIT_NPROC', 50, 60],
      ['RLIMIT_STACK', 1 << 20, 2 << 20],
    ),
  },
  { name: 'rlimit soft above hard', patch: rlimits(['RLIMIT_NOFILE', 200, 100]) },
  { name: 'rlimit unknown', patch: rlimits(['RLIMIT_FOO', 1, 1]) },
  { name: 'rlimit without prefix', patch: rlimits(['NOFILE', 1, 1]) },
  { name: 'rlimit given twice', patch: rlimits(['RLIMIT_CORE', 1, 1], ['RLIMIT_CORE', 2, 2]) },
  { name: 'rlimit 0', patch: rlimits(['RLIMIT_MSGQUEUE', 0, 0]), steps: ['run --keep -b . "$ID"'] },
  { name: 'rlimit without soft', patch: process({ rlimits: [{ type: 'RLIMIT_CORE', hard: 4 }] }) },
  { name: 'oomScoreAdj', patch: process({ oomScoreAdj: 500 }), isBrief: true },
  { name: 'oomScoreAdj 0', patch: process({ oomScoreAdj: 0 }) },
  { name: 'oomScoreAdj too great', patch: process({ oomScoreAdj: 1001 }) },
  { name: 'nice', patch: process({ scheduler: { policy: 'SCHED_OTHER', nice: 7 } }) },
  { name: 'scheduler batch', patch: process({ scheduler: { policy: 'SCHED_BATCH', nice: 3 } }) },
  { name: 'scheduler idle', patch: process({ scheduler: { policy: 'SCHED_IDLE' } }) },
  { name: 'scheduler fifo', patch: process({ scheduler: { policy: 'SCHED_FIFO', priority: 5 } }) },
  {
    name: 'scheduler fifo without a priority',
    patch: process({ scheduler: { policy: 'SCHED_FIFO' } }),
  },
  {
    name: 'scheduler round robin, reset on fork',
    patch: process({
      scheduler: { policy: 'SCHED_RR', priority: 2, flags: ['SCHED_FLAG_RESET_ON_FORK'] },
    }),
  },
  { name: 'scheduler unknown', patch: process({ scheduler: { policy: 'SCHED_FAIR' } }) },
  {
    name: 'scheduler flag unknown',
    patch: process({ scheduler: { policy: 'SCHED_OTHER', flags: ['SCHED_FLAG_X'] } }),
  },
  {
    name: 'io priority best effort',
    patch: process({ ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 6 } }),
  },
  {
    name: 'io priority idle',
    patch: process({ ioPriority: { class: 'IOPRIO_CLASS_IDLE', priority: 0 } }),
  },
  {
    name: 'io priority unknown',
    patch: process({ ioPriority: { class: 'IOPRIO_CLASS_X', priority: 0 } }),
  },
  { name: 'personality', patch: { linux: { personality: { domain: 'LINUX32' } } } },
  { name: 'personality unknown', patch: { linux: { personality: { domain: 'PLAN9' } } } },
  { name: 'memory policy', patch: { linux: { memoryPolicy: { mode: 'MPOL_BIND', nodes: '0' } } } },
  {
    name: 'memory policy unknown',
    patch: { linux: { memoryPolicy: { mode: 'MPOL_X', nodes: '0' } } },
  },
  {
    name: 'affinity of exec',
    patch: process({ execCPUAffinity: { initial: '0', final: '1' } }),
    probe: 'wait',
    steps: ['run -d -b . "$ID"', 'ready 1', 'exec "$ID" /bin/probe'],
  },
  { name: 'apparmor profile', patch: process({ apparmorProfile: 'some-profile' }) },
  { name: 'selinux label', patch: process({ selinuxLabel: 'a:b:c:d' }) },
  {
    name: 'terminal without anything',
    patch: process({ terminal: true }),
    steps: ['create -b . "$ID"'],
  },
  {
    name: 'terminal',
    patch: process({ terminal: true, consoleSize: { height: 11, width: 22 } }),
    probe: 'tree=/dev',
    steps: ['host "$probe" in-terminal "$runtime" --root "$state" run -b . "$ID"'],
  },
  { name: 'absent', patch: { process: null } },
  { name: 'absent, created only', patch: { process: null }, steps: ['create', 'state'] },
];

/** What the member `process` says. */
export const PROCESS_CASES: readonly Case[] = [
  ...prefixed('program', PROGRAMS),
  ...prefixed('process', ENVIRONMENT),
  ...prefixed('identity', IDENTITY),
  ...prefixed('process', LIMITS),
];

function prefixed(prefix: string, cases: readonly Case[]): Case[] {
  return cases.map((item) => ({ ...item, name: `${prefix}: ${item.name}` }));
}
