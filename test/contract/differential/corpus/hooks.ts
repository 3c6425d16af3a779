import { type Case, USUAL_NAMESPACES } from '../case.ts';

const KINDS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
const BOX = '@BUNDLE@/rootfs/bin/busybox';
/** The hooks of the container's side are paths in the container. */
const boxFor = (kind: string): string => (kind === 'startContainer' ? '/bin/busybox' : BOX);
const logOf = (kind: string): string =>
  kind === 'startContainer' ? '/tmp/log' : '@BUNDLE@/rootfs/tmp/log';
const shell = (kind: string, script: string, more: Record<string, unknown> = {}) => ({
  path: boxFor(kind),
  args: ['sh', '-c', script],
  ...more,
});
const ORDER = Object.fromEntries(
  KINDS.map((kind) => [kind, [shell(kind, `echo ${kind} >>${logOf(kind)}`)]]),
);
const SHOW = 'host cat rootfs/tmp/log';
const STATE = Object.fromEntries(
  KINDS.map((kind) => [
    kind,
    [
      shell(
        kind,
        `/bin/busybox cat >>${logOf(kind)}; echo >>${logOf(kind)}`.replace(
          '/bin/busybox',
          boxFor(kind),
        ),
      ),
    ],
  ]),
);
const withHook = (kind: string, hook: unknown) => ({ hooks: { [kind]: [hook] } });

/** Programs that are called on the way. */
export const HOOK_CASES: readonly Case[] = [
  {
    name: 'hooks: order',
    patch: { hooks: ORDER },
    steps: ['create', SHOW, 'start', 'stopped', SHOW, 'delete', SHOW],
    isBrief: true,
  },
  { name: 'hooks: order of run', patch: { hooks: ORDER }, steps: ['run', SHOW] },
  {
    name: 'hooks: state on standard input',
    patch: { hooks: STATE },
    steps: [
      'create',
      'start',
      'stopped',
      'delete',
      `host sed -e 's/"pid":[^,]*/"pid":N/' rootfs/tmp/log`,
    ],
  },
  {
    name: 'hooks: environment',
    patch: withHook(
      'createRuntime',
      shell('createRuntime', `env | sort >${logOf('')}`, { env: ['A=1', 'B=2'] }),
    ),
    steps: ['create', `host grep -v -E "^(PWD|SHLVL)=" rootfs/tmp/log`],
  },
  {
    name: 'hooks: no arguments',
    patch: withHook('createRuntime', { path: '/bin/true' }),
    steps: ['create', 'state'],
  },
  ...KINDS.map((kind): Case => ({
    name: `hooks: failing ${kind}`,
    patch: withHook(kind, shell(kind, 'exit 7')),
    probe: 'wait',
    steps: ['create', 'start', 'state', 'delete --force "$ID"'],
  })),
  ...KINDS.map((kind): Case => ({
    name: `hooks: missing ${kind}`,
    patch: withHook(kind, { path: '/none' }),
    probe: 'wait',
    steps: ['create', 'start', 'delete --force "$ID"'],
  })),
  {
    name: 'hooks: relative path',
    patch: withHook('createRuntime', { path: 'bin/true' }),
    steps: ['create'],
  },
  {
    name: 'hooks: timeout',
    patch: withHook('createRuntime', { path: '/bin/sleep', args: ['sleep', '20'], timeout: 1 }),
    steps: ['create'],
  },
  {
    name: 'hooks: timeout negative',
    patch: withHook('createRuntime', { path: '/bin/true', timeout: -1 }),
    steps: ['create'],
  },
  {
    name: 'hooks: network namespace of createContainer',
    patch: {
      ...withHook(
        'createContainer',
        shell('createContainer', `${BOX} readlink /proc/self/ns/net >${logOf('')}`),
      ),
      linux: { namespaces: USUAL_NAMESPACES.map((type) => ({ type })) },
    },
    steps: ['create', 'host test "$(cat rootfs/tmp/log)" = "$(readlink /proc/$(pid_of)/ns/net)"'],
  },
  {
    name: 'hooks: the root is not yet entered at createRuntime',
    patch: withHook('createRuntime', shell('createRuntime', `ls -d @BUNDLE@ >${logOf('')}`)),
    steps: ['create', SHOW],
  },
];
