import type { Case } from '../case.ts';

const ALLOW = 'SCMP_ACT_ALLOW';
const ERRNO = 'SCMP_ACT_ERRNO';
const filter = (members: Readonly<Record<string, unknown>>) => ({
  linux: { seccomp: { defaultAction: ALLOW, ...members } },
});
const rule = (names: readonly string[], more: Readonly<Record<string, unknown>> = {}) => ({
  names,
  action: ERRNO,
  ...more,
});
const mkdir = (more: Readonly<Record<string, unknown>> = {}) =>
  filter({ syscalls: [rule(['mkdir', 'mkdirat'], more)] });
const compared = (op: string, value: number, valueTwo?: number): Case => ({
  name: `seccomp: argument ${op}`,
  patch: filter({
    syscalls: [
      rule(['personality'], {
        args: [{ index: 0, op, value, ...(valueTwo === undefined ? {} : { valueTwo }) }],
      }),
    ],
  }),
  probe: 'call=personality-linux call=personality-32',
});

/** The system call filter. */
export const SECCOMP_CASES: readonly Case[] = [
  {
    name: 'seccomp: one call refused',
    patch: mkdir(),
    probe: 'call=mkdir call=chmod',
    isBrief: true,
  },
  { name: 'seccomp: another errno', patch: mkdir({ errnoRet: 38 }), probe: 'call=mkdir' },
  { name: 'seccomp: errno 0', patch: mkdir({ errnoRet: 0 }), probe: 'call=mkdir' },
  { name: 'seccomp: logged', patch: mkdir({ action: 'SCMP_ACT_LOG' }), probe: 'call=mkdir' },
  {
    name: 'seccomp: killed',
    patch: filter({ syscalls: [rule(['keyctl'], { action: 'SCMP_ACT_KILL_PROCESS' })] }),
    probe: 'call=keyctl',
  },
  {
    name: 'seccomp: trapped',
    patch: filter({ syscalls: [rule(['keyctl'], { action: 'SCMP_ACT_TRAP' })] }),
    probe: 'call=keyctl',
  },
  {
    name: 'seccomp: traced without a tracer',
    patch: filter({ syscalls: [rule(['ptrace'], { action: 'SCMP_ACT_TRACE' })] }),
    probe: 'call=ptrace',
  },
  {
    name: 'seccomp: unknown call by name',
    patch: filter({ syscalls: [rule(['no_such_call', 'mkdir'])] }),
    probe: 'call=mkdir',
  },
  {
    name: 'seccomp: call the filter does not know',
    patch: filter({ syscalls: [rule(['mkdir'])] }),
    probe: 'call=unknown call=clone3',
  },
  {
    name: 'seccomp: default refuses',
    patch: {
      process: { args: ['/bin/true'] },
      linux: {
        seccomp: {
          defaultAction: ERRNO,
          syscalls: [
            {
              names: [
                'execve',
                'brk',
                'arch_prctl',
                'exit_group',
                'set_tid_address',
                'set_robust_list',
                'rseq',
                'prlimit64',
                'readlinkat',
                'readlink',
                'getrandom',
                'mprotect',
                'prctl',
                'getuid',
                'setuid',
                'setgid',
                'getgid',
                'uname',
                'futex',
                'write',
                'read',
                'close',
                'fcntl',
                'openat',
                'newfstatat',
                'fstat',
              ],
              action: ALLOW,
            },
          ],
        },
      },
    },
  },
  {
    name: 'seccomp: default errno',
    patch: {
      linux: { seccomp: { defaultAction: ALLOW, defaultErrnoRet: 5, syscalls: [rule(['mkdir'])] } },
    },
    probe: 'call=mkdir',
  },
  {
    name: 'seccomp: architectures',
    patch: filter({
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
      syscalls: [rule(['mkdir'])],
    }),
    probe: 'call=mkdir',
  },
  {
    name: 'seccomp: architecture unknown',
    patch: filter({ architectures: ['SCMP_ARCH_PDP11'], syscalls: [rule(['mkdir'])] }),
  },
  {
    name: 'seccomp: flags',
    patch: filter({
      flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'],
      syscalls: [rule(['mkdir'])],
    }),
    probe: 'call=mkdir',
  },
  {
    name: 'seccomp: flag unknown',
    patch: filter({ flags: ['SECCOMP_FILTER_FLAG_X'], syscalls: [rule(['mkdir'])] }),
  },
  { name: 'seccomp: action unknown', patch: mkdir({ action: 'SCMP_ACT_SMILE' }) },
  { name: 'seccomp: default action unknown', patch: filter({ defaultAction: 'SCMP_ACT_SMILE' }) },
  {
    name: 'seccomp: default action absent',
    patch: { linux: { seccomp: { syscalls: [rule(['mkdir'])] } } },
  },
  { name: 'seccomp: no rules', patch: filter({}), probe: 'call=mkdir' },
  {
    name: 'seccomp: names absent',
    patch: filter({ syscalls: [{ action: ERRNO }] }),
    probe: 'call=mkdir',
  },
  { name: 'seccomp: names empty', patch: filter({ syscalls: [rule([])] }), probe: 'call=mkdir' },
  {
    name: 'seccomp: the same call twice',
    patch: filter({
      syscalls: [rule(['mkdir'], { errnoRet: 2 }), rule(['mkdir'], { errnoRet: 3 })],
    }),
    probe: 'call=mkdir',
  },
  {
    name: 'seccomp: with no_new_privs',
    patch: { process: { noNewPrivileges: true }, ...mkdir() },
    probe: 'call=mkdir',
  },
  {
    name: 'seccomp: as a user',
    patch: { process: { user: { uid: 1000, gid: 1000 } }, ...mkdir() },
    probe: 'call=mkdir',
  },
  {
    name: 'seccomp: notify without a listener',
    patch: filter({ syscalls: [rule(['mkdir'], { action: 'SCMP_ACT_NOTIFY' })] }),
  },
  {
    name: 'seccomp: listener that is missing',
    patch: filter({
      listenerPath: '/none/sock',
      syscalls: [rule(['keyctl'], { action: 'SCMP_ACT_NOTIFY' })],
    }),
  },
  {
    name: 'seccomp: also in exec',
    patch: mkdir(),
    probe: 'wait',
    steps: ['run -d -b . "$ID"', 'ready 1', 'exec "$ID" /bin/probe call=mkdir'],
  },
  compared('SCMP_CMP_EQ', 8),
  compared('SCMP_CMP_NE', 8),
  compared('SCMP_CMP_LT', 8),
  compared('SCMP_CMP_LE', 8),
  compared('SCMP_CMP_GT', 0),
  compared('SCMP_CMP_GE', 8),
  compared('SCMP_CMP_MASKED_EQ', 8, 8),
  compared('SCMP_CMP_X', 1),
  {
    name: 'seccomp: argument index too great',
    patch: filter({
      syscalls: [rule(['personality'], { args: [{ index: 6, op: 'SCMP_CMP_EQ', value: 1 }] })],
    }),
  },
  {
    name: 'seccomp: two conditions',
    patch: filter({
      syscalls: [
        rule(['personality'], {
          args: [
            { index: 0, op: 'SCMP_CMP_EQ', value: 8 },
            { index: 1, op: 'SCMP_CMP_EQ', value: 0 },
          ],
        }),
      ],
    }),
    probe: 'call=personality-linux call=personality-32',
  },
];
