import type { Difference } from './compare.ts';
import { IDENTITY_SEEN, MOUNTS_SEEN } from './differences-seen.ts';

const OUTCOMES: readonly Difference[] = [
  {
    peer: 'both',
    facts: /^json(\.0)?\.ociVersion$/,
    reason:
      'the state has the version of the bundle, which runtime-spec asks for; the peers write their own',
  },
  {
    peer: 'crun',
    facts: /^json(\.0)?\.(rootfs|owner|systemd-scope)$/,
    reason: 'as with runc: rootfs is absolute, owner is empty for root, there is no scope',
  },
  {
    peer: 'both',
    facts: /^out$/,
    cases: ['hooks: state on standard input'],
    reason: 'ociVersion as above; crun says created where runtime-spec has creating',
  },
  {
    peer: 'both',
    facts: /^(out|code)$/,
    cases: ['hooks: order', 'hooks: order of run'],
    isChance: true,
    reason:
      'runtime-spec has startContainer before poststart; runc runs poststart at create, crun beside it',
  },
  {
    peer: 'crun',
    cases: ['hooks: failing poststart', 'hooks: missing poststart'],
    isChance: true,
    reason:
      'a container that a hook has stopped is there until it is deleted; crun deletes it, if its program has not ended before',
  },
  {
    peer: 'runc',
    cases: ['hooks: failing poststart', 'hooks: missing poststart'],
    reason: 'runc runs poststart at create',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: [
      'hooks: failing prestart',
      'hooks: failing createRuntime',
      'hooks: missing prestart',
      'hooks: missing createRuntime',
      'hooks: relative path',
    ],
    reason: 'an error is 1, as with runc; crun hands codes of hooks on',
  },
  {
    peer: 'both',
    cases: ['hooks: failing startContainer', 'hooks: missing startContainer'],
    reason: 'start fails when its hook does, as runtime-spec asks; the peers report success',
  },
  {
    peer: 'runc',
    cases: ['hooks: failing poststop', 'hooks: missing poststop'],
    reason: 'a failing poststop hook is a warning, as runtime-spec asks',
  },
  {
    peer: 'crun',
    cases: ['hooks: missing poststop', 'hooks: failing poststop'],
    isChance: true,
    reason: 'crun dies of SIGPIPE and leaves its state',
  },
  {
    peer: 'crun',
    facts: /^left$/,
    reason: 'crun leaves cgroups after a failure, and mounts when there is no mount namespace',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: [
      'exec: cwd missing',
      'exec: user rubbish',
      'exec: program missing',
      'exec: program missing in PATH',
      'exec: program not executable',
      'exec: no program',
      'exec: from a file that is missing',
      'exec: from a file of rubbish',
      'exec: in one that is stopped',
      'exec: in one that is paused',
      'exec: in one that is not there',
    ],
    reason: 'a failing exec is 255, as with runc, so that it is told from the program’s own 1',
  },
  { peer: 'crun', cases: ['exec: user'], reason: 'crun has no -g' },
  {
    peer: 'crun',
    cases: ['exec: cwd relative'],
    reason: 'a folder has to be absolute, as with runc',
  },
  {
    peer: 'runc',
    cases: ['hooks: timeout negative'],
    isChance: true,
    reason: 'a negative time is over at once; with runc a quick hook may come before it',
  },
  {
    peer: 'runc',
    facts: /^(code|error)$/,
    cases: [
      'program: program of no known format',
      'program: program empty file',
      'program: script without its interpreter',
    ],
    reason:
      'the failure of execve is still the runtime’s: 1, as with crun; runc has handed over by then',
  },
  {
    peer: 'runc',
    facts: /^code$/,
    cases: ['life: unknown command'],
    reason: 'an error is 1; runc’s command line library has 3',
  },
  {
    peer: 'runc',
    facts: /^out$/,
    cases: ['life: unknown flag', 'life: no name'],
    reason: 'runc prints its help too',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: ['life: unknown flag', 'life: ps of what is not there'],
    reason: 'an error is 1, as with runc',
  },
  {
    peer: 'both',
    cases: ['life: list nothing'],
    reason:
      'no state folder yet means no containers: runc 1.3 fails; nothing is null, as runc prints it',
  },
  {
    peer: 'crun',
    facts: /^json\.(status|pid)$|^code$/,
    cases: ['life: kill in small letters', 'life: kill one that is paused'],
    reason:
      'as with runc: names of signals in any letters, and a paused container is woken up to die',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: ['life: pause twice', 'life: resume one that runs'],
    reason: 'what is paused cannot be paused, as with runc',
  },
];

const REFUSED_BY_US: readonly Difference[] = [
  {
    peer: 'runc',
    cases: [
      'process: rlimit without soft',
      'bind: source absent',
      'devices: path absent',
      'document: version absent',
    ],
    reason: 'runtime-spec requires the member; absent is not 0',
  },
  {
    peer: 'crun',
    cases: ['process: rlimit without soft'],
    reason: 'runtime-spec requires the member; absent is not 0',
  },
  { peer: 'runc', cases: ['devices: a relative path'], reason: 'the path has to be absolute' },
  {
    peer: 'both',
    cases: ['masked: relative', 'read-only: relative'],
    reason: 'the path has to be absolute',
  },
  {
    peer: 'crun',
    cases: ['process: cwd relative'],
    reason: 'the path has to be absolute, as with runc',
  },
  {
    peer: 'both',
    cases: ['document: version 2', 'document: version rubbish'],
    reason: 'what the next major version means is not known',
  },
  {
    peer: 'both',
    cases: ['user namespace: mappings without it'],
    reason: 'mappings that would do nothing are a mistake',
  },
  {
    peer: 'runc',
    cases: ['device rules: access unknown', 'seccomp: names absent'],
    reason: 'what is no rule is refused, never left out',
  },
  {
    peer: 'crun',
    cases: [
      'root: propagation odd',
      'devices: type unknown',
      'cgroup: memory of another type',
      'document: hooks a list',
      'document: env of numbers',
      'document: terminal a text',
      'document: uid a text',
      'document: hostname a number',
    ],
    reason: 'a value of another type or an unknown word is refused, as with runc',
  },
  {
    peer: 'crun',
    cases: ['namespaces: no mount', 'namespaces: none at all'],
    reason: 'without a mount namespace the host’s mounts would be changed, as with runc',
  },
  {
    peer: 'crun',
    cases: ['process: absent, created only'],
    reason: 'what has no process cannot be created, as with runc',
  },
  {
    peer: 'runc',
    facts: /^error$/,
    cases: [
      'program: program a folder',
      'process: cwd a descriptor',
      'process: rlimit given twice',
      'namespaces: unknown',
      'sysctl: climbs out',
      'root: path empty',
      'hooks: relative path',
      'bind: over the root',
      'seccomp: default refuses',
    ],
    reason: 'the same refusal, noticed at another place and in other words',
  },
  {
    peer: 'crun',
    cases: ['process: apparmor profile', 'cgroup: rdma', 'seccomp: notify without a listener'],
    reason: 'what the machine lacks is refused, as with runc',
  },
  {
    peer: 'crun',
    cases: ['user namespace: root unmapped'],
    reason: 'the set-up needs the root of the namespace, as with runc',
  },
];

const TAKEN_BY_US: readonly Difference[] = [
  {
    peer: 'runc',
    cases: [
      'process: memory policy',
      'process: memory policy unknown',
      'document: network device that is missing',
    ],
    reason: 'runc 1.3 does not know it',
  },
  {
    peer: 'crun',
    facts: /^see\.status\.Cpus_allowed_list$/,
    cases: ['process: affinity of exec'],
    reason: 'crun 1.28 has it in process.json alone',
  },
  {
    peer: 'runc',
    cases: ['root: path a symlink'],
    reason: 'it is resolved once, before anything of the container runs',
  },
  {
    peer: 'both',
    cases: ['root: propagation runbindable'],
    reason: 'the root is bound before it becomes unbindable',
  },
  { peer: 'both', cases: ['bind: type alone'], reason: 'the type bind says that it is one' },
  {
    peer: 'runc',
    cases: ['tmpfs: defaults'],
    reason: 'runc 1.3 hands some of these words to tmpfs',
  },
  {
    peer: 'crun',
    cases: ['bind: recursive attributes'],
    reason: 'crun 1.28 does not know rnoatime',
  },
  {
    peer: 'runc',
    cases: ['mount: none at all', 'mount: /proc of tmpfs', 'mount: onto /proc/self/attr'],
    reason: 'the own proc, which the container does not see, is used for the set-up',
  },
  {
    peer: 'runc',
    cases: ['devices: in the place of a usual one'],
    reason: 'the last one counts, as with crun',
  },
  {
    peer: 'both',
    cases: ['device rules: access absent'],
    reason: 'access may be absent and then means all',
  },
  {
    peer: 'crun',
    cases: ['bind: onto a symlink to nothing', 'bind: onto a symlink that leads out'],
    reason: 'the target is made inside the root, as with runc',
  },
  {
    peer: 'runc',
    cases: ['cgroup: cpu shares below the least'],
    reason: 'the kernel raises them to the least, as with crun',
  },
  { peer: 'crun', cases: ['cgroup: memory limit 0'], reason: '0 is not set, as with runc' },
  {
    peer: 'crun',
    cases: ['cgroup path: that climbs'],
    reason: 'the path is taken as one below the root of the hierarchy, as with runc',
  },
  {
    peer: 'crun',
    cases: ['seccomp: default errno'],
    reason: 'defaultErrnoRet beside another default action has no effect, as with runc',
  },
  {
    peer: 'runc',
    cases: ['user namespace: host network'],
    reason: 'the host’s /sys is bound where a new one may not be mounted, as with crun',
  },
  {
    peer: 'crun',
    facts: /^see\.device\.c:10:229\./,
    cases: ['device rules: none', 'device rules: absent'],
    reason: 'no rules allow the usual devices only, as with runc; crun allows all',
  },
];

const RESOURCES: readonly Difference[] = [
  {
    peer: 'both',
    only: 'v1',
    cases: ['cgroup: blkio weight too small'],
    reason: 'weights are 10 to 1000, as runtime-spec has it; a kernel with bfq takes less',
  },
  {
    peer: 'both',
    cases: ['device rules: a usual one denied of all'],
    reason: 'what is denied of all devices stays denied; the peers allow the usual ones again',
  },
  {
    peer: 'both',
    facts: /^see\.device\./,
    cases: ['device rules: a whole major denied after one of it'],
    reason: 'what is denied last is denied; the peers leave what was allowed by its own number',
  },
  {
    peer: 'crun',
    only: 'v1',
    cases: ['device rules: a hole in a whole major'],
    reason: 'rules that cgroup v1 cannot keep are refused, as with runc; the kernel forgets them',
  },
];

/** Where the runtimes differ on purpose. An entry, or a case in it, that explains nothing any more fails the test. */
export const DIFFERENCES: readonly Difference[] = [
  ...MOUNTS_SEEN,
  ...IDENTITY_SEEN,
  ...OUTCOMES,
  ...REFUSED_BY_US,
  ...TAKEN_BY_US,
  ...RESOURCES,
];
