import type { Case } from '../case.ts';

const UP = ['run -d -b . "$ID"', 'ready 1'] as const;
const DOWN = ['kill "$ID" KILL', 'stopped', 'delete'] as const;
const exec = (name: string, words: string, more: Partial<Case> = {}): Case => ({
  name: `exec: ${name}`,
  probe: 'wait',
  steps: [...UP, `exec ${words}`],
  ...more,
});
const life = (name: string, steps: readonly string[], more: Partial<Case> = {}): Case => ({
  name: `life: ${name}`,
  probe: 'wait',
  steps,
  ...more,
});
const PROCESS_FILE = (members: string): string =>
  `cat >process.json <<'END'\n{"args":["/bin/probe"],"cwd":"/tmp","env":["PATH=/bin","X=1"],"user":{"uid":1000,"gid":5}${members}}\nEND\n`;

const STEPS: readonly Case[] = [
  life(
    'from create to delete',
    ['create', 'state', 'start', 'ready 1', 'state', ...DOWN, 'state'],
    { isBrief: true },
  ),
  life('kill with TERM', [...UP, 'kill "$ID" TERM', 'stopped', 'state', 'delete']),
  life('kill by number', [...UP, 'kill "$ID" 9', 'stopped', 'state']),
  life('kill with a full name', [...UP, 'kill "$ID" SIGKILL', 'stopped', 'state']),
  life('kill in small letters', [...UP, 'kill "$ID" kill', 'stopped', 'state']),
  life('kill with no signal named', [...UP, 'kill "$ID"', 'stopped', 'state']),
  life('kill with an unknown signal', [...UP, 'kill "$ID" SIGNOPE']),
  life('kill one that is stopped', [...UP, 'kill "$ID" KILL', 'stopped', 'kill "$ID" KILL']),
  life('kill one that is created', ['create', 'kill "$ID" KILL', 'stopped', 'state']),
  life('kill one that is not there', ['kill "$ID" KILL']),
  life('kill all', [
    ...UP,
    'exec -d "$ID" /bin/sleep 60',
    'kill --all "$ID" KILL',
    'stopped',
    'state',
  ]),
  life('delete one that runs', [...UP, 'delete', 'state']),
  life('delete one that runs by force', [...UP, 'delete --force "$ID"', 'state'], {
    isBrief: true,
  }),
  life('delete one that is created', ['create', 'delete', 'state']),
  life('delete one that is created by force', ['create', 'delete --force "$ID"', 'state']),
  life('delete one that is not there', ['delete']),
  life('delete by force what is not there', ['delete --force "$ID"']),
  life('start twice', ['create', 'start', 'ready 1', 'start']),
  life('start one that is not there', ['start']),
  life('start one that is stopped', [...UP, 'kill "$ID" KILL', 'stopped', 'start']),
  life('create the same name twice', ['create', 'create']),
  life('run the same name twice', [...UP, 'run']),
  life('state of what is not there', ['state']),
  life('name empty', ['create -b . ""']),
  life('name with a slash', ['create -b . a/b']),
  life('name of dots', ['create -b . ..']),
  life('name with odd letters', ['create -b . "a b"']),
  life('no name', ['create -b .']),
  life('bundle missing', ['create -b ./none "$ID"']),
  life('bundle by its absolute path', ['create -b "$bundle" "$ID"', 'state']),
  life('pid file', ['create -b . --pid-file pid "$ID"', 'host test "$(cat pid)" = "$(pid_of)"']),
  life('pid file in a folder that is missing', ['create -b . --pid-file none/pid "$ID"', 'state']),
  life('run and keep', ['run --keep -b . "$ID"', 'state', 'delete'], { probe: '' }),
  life('program missing at create', ['create', 'state'], {
    patch: { process: { args: ['/none'] } },
  }),
  life('ends by itself', ['run -d -b . "$ID"', 'stopped', 'state', 'delete'], { probe: 'exit=3' }),
  life('pause and resume', [...UP, 'pause', 'state', 'resume', 'state'], { isBrief: true }),
  life('pause twice', [...UP, 'pause', 'pause', 'resume']),
  life('resume one that runs', [...UP, 'resume']),
  life('pause one that is stopped', [...UP, 'kill "$ID" KILL', 'stopped', 'pause']),
  life('pause one that is not there', ['pause']),
  life('delete one that is paused by force', [...UP, 'pause', 'delete --force "$ID"', 'state'], {
    isBrief: true,
  }),
  life('kill one that is paused', [...UP, 'pause', 'kill "$ID" KILL', 'stopped', 'state']),
  life('ps', [
    ...UP,
    'host test "$("$runtime" --root "$state" ps -f json "$ID" | tr -d "[] \\n")" = "$(pid_of)"',
  ]),
  life('ps of what is not there', ['ps']),
  life('list', [...UP, 'list -f json', 'list -q']),
  life('list nothing', ['list -f json', 'list -q']),
  life(
    'preserved descriptor',
    ['host "$runtime" --root "$state" run --preserve-fds 1 -b . "$ID" 3<config.json'],
    { probe: '' },
  ),
  life(
    'descriptor that is not to be handed on',
    ['host "$runtime" --root "$state" run -b . "$ID" 3<config.json 7<config.json'],
    { probe: '' },
  ),
  life('annotations', ['create', 'state'], {
    patch: { annotations: { 'org.example.a': 'b', empty: '' } },
  }),
  life('no keyring', ['run --no-new-keyring -b . "$ID"'], { probe: 'call=keyctl' }),
  life('no pivot_root', ['run --no-pivot -b . "$ID"'], { probe: '' }),
  life('unknown command', ['dance']),
  life('unknown flag', ['create --dance -b . "$ID"']),
];

const UPDATES: readonly Case[] = [
  life(
    'update memory',
    [
      ...UP,
      'update --memory 67108864 --memory-swap 134217728 "$ID"',
      'exec "$ID" /bin/probe cgroup',
    ],
    { isBrief: true },
  ),
  life('update pids', [...UP, 'update --pids-limit 33 "$ID"', 'exec "$ID" /bin/probe cgroup'], {
    isBrief: true,
  }),
  life(
    'update cpu',
    [
      ...UP,
      'update --cpu-quota 30000 --cpu-period 60000 --cpu-share 300 "$ID"',
      'exec "$ID" /bin/probe cgroup',
    ],
    { isBrief: true },
  ),
  life('update from a file', [...UP, 'update -r r.json "$ID"', 'exec "$ID" /bin/probe cgroup'], {
    prepare: `echo '{"memory":{"limit":33554432},"pids":{"limit":44}}' >r.json`,
    isBrief: true,
  }),
  life('update with rubbish', [...UP, 'update --memory much "$ID"']),
  life('update one that is not there', ['update --memory 67108864 "$ID"']),
];

const EXECS: readonly Case[] = [
  exec('as the container', '"$ID" /bin/probe', { isBrief: true }),
  exec('exit code', '"$ID" /bin/probe exit=9'),
  exec('env and cwd', '-e A=1 -e B=2 --cwd /tmp "$ID" /bin/probe'),
  exec('cwd missing', '--cwd /none/here "$ID" /bin/probe'),
  exec('cwd relative', '--cwd tmp "$ID" /bin/probe'),
  exec('user', '-u 1000:1001 -g 7 -g 8 "$ID" /bin/probe'),
  exec('user alone', '-u 1000 "$ID" /bin/probe'),
  exec('user rubbish', '-u nobody-here "$ID" /bin/probe'),
  exec('capability', '-c CAP_SYS_ADMIN "$ID" /bin/probe'),
  exec('no new privileges', '--no-new-privs "$ID" /bin/probe'),
  exec('program missing', '"$ID" /bin/missing', { isBrief: true }),
  exec('program missing in PATH', '"$ID" missing'),
  exec('program not executable', '"$ID" /etc/passwd'),
  exec('program by PATH', '"$ID" probe'),
  exec('no program', '"$ID"'),
  exec('detached', '-d --pid-file p "$ID" /bin/probe', {
    steps: [...UP, 'exec -d --pid-file p "$ID" /bin/probe', 'ready 2', 'host test -s p'],
  }),
  exec('from a file', '-p process.json "$ID"', { prepare: PROCESS_FILE('') }),
  exec('from a file with everything', '-p process.json "$ID"', {
    prepare: PROCESS_FILE(
      ',"noNewPrivileges":true,"rlimits":[{"type":"RLIMIT_NOFILE","soft":20,"hard":30}],"oomScoreAdj":400,"capabilities":{"bounding":["CAP_CHOWN"],"effective":["CAP_CHOWN"],"permitted":["CAP_CHOWN"],"inheritable":["CAP_CHOWN"],"ambient":["CAP_CHOWN"]}',
    ),
  }),
  exec('from a file that is missing', '-p none.json "$ID"'),
  exec('from a file of rubbish', '-p process.json "$ID"', { prepare: 'echo "{" >process.json' }),
  exec('in a user namespace', '"$ID" /bin/probe', {
    prepare: 'chown -R 100000:100000 rootfs',
    patch: {
      linux: {
        namespaces: ['mount', 'network', 'uts', 'pid', 'ipc', 'user', 'cgroup'].map((type) => ({
          type,
        })),
        uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
        gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
      },
    },
  }),
  exec('with limits of the container', '"$ID" /bin/probe cgroup', {
    patch: {
      process: {
        rlimits: [{ type: 'RLIMIT_NOFILE', soft: 50, hard: 60 }],
        oomScoreAdj: 300,
        user: { uid: 1000, gid: 1000, additionalGids: [4] },
        noNewPrivileges: true,
      },
    },
  }),
  exec('in one that is created', '"$ID" /bin/probe', {
    steps: ['create', 'exec "$ID" /bin/probe'],
  }),
  exec('in one that is stopped', '', {
    steps: [...UP, 'kill "$ID" KILL', 'stopped', 'exec "$ID" /bin/probe'],
  }),
  exec('in one that is paused', '', { steps: [...UP, 'pause', 'exec "$ID" /bin/probe', 'resume'] }),
  exec('in one that is not there', '', { steps: ['exec "$ID" /bin/probe'] }),
];

/** What the commands do one after another. */
export const LIFECYCLE_CASES: readonly Case[] = [...STEPS, ...UPDATES, ...EXECS];
