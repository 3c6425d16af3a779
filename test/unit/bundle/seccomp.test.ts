import { describe, expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import { DEFAULT_CAPABILITIES } from '../../../src/bundle/capabilities.ts';
import { parseSeccompProfile } from '../../../src/bundle/parse-seccomp.ts';
import { DEFAULT_PROFILE } from '../../../src/bundle/seccomp-default.ts';
import { resolveSeccomp, type SeccompContext } from '../../../src/bundle/seccomp.ts';
import type { Seccomp } from '../../../src/model/runtime-spec.ts';

interface Changes {
  readonly capabilities?: readonly string[];
  readonly architecture?: string;
  readonly kernelVersion?: string;
}

function context(changes: Changes = {}): SeccompContext {
  const { capabilities = DEFAULT_CAPABILITIES, architecture = 'amd64' } = changes;
  return {
    capabilities,
    host: { architecture, kernelVersion: changes.kernelVersion ?? '6.1.0' },
  };
}

const resolveDefault = (changes: Changes = {}): Seccomp =>
  resolveSeccomp(DEFAULT_PROFILE, context(changes));

/** Names that are allowed whatever their arguments. */
function allowed(seccomp: Seccomp): string[] {
  return seccomp.syscalls
    .filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args === undefined)
    .flatMap(({ names }) => names);
}

function rulesOf(seccomp: Seccomp, name: string) {
  return seccomp.syscalls.filter(({ names }) => names.includes(name));
}

describe('the default profile', () => {
  test('names 361 calls that everyone may make, each once', () => {
    const names = DEFAULT_PROFILE.rules[0]?.names ?? [];
    expect(names).toHaveLength(361);
    expect(new Set(names).size).toBe(361);
  });

  test('refuses with EPERM what it does not name', () => {
    expect(resolveDefault()).toMatchObject({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 1,
    });
  });

  test.each(['mount', 'unshare', 'setns', 'bpf', 'reboot', 'add_key', 'keyctl', 'io_uring_setup'])(
    '%s is not allowed by default',
    (name) => {
      expect(rulesOf(resolveDefault(), name)).toEqual([]);
    },
  );

  test('CAP_SYS_ADMIN opens mounts and namespaces, and clone without conditions', () => {
    const seccomp = resolveDefault({ capabilities: ['CAP_SYS_ADMIN'] });
    expect(allowed(seccomp)).toEqual(
      expect.arrayContaining(['clone', 'clone3', 'mount', 'setns', 'unshare']),
    );
    expect(rulesOf(seccomp, 'clone')).toHaveLength(1);
    expect(rulesOf(seccomp, 'clone3')).toHaveLength(1);
  });

  test('without it clone makes no namespaces, and clone3 is not there', () => {
    const seccomp = resolveDefault();
    expect(rulesOf(seccomp, 'clone')).toEqual([
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, op: 'SCMP_CMP_MASKED_EQ', value: 2_114_060_288, valueTwo: 0 }],
      },
    ]);
    expect(rulesOf(seccomp, 'clone3')).toEqual([
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
    ]);
  });

  test('on s390x the flags of clone are its second argument', () => {
    const [rule, ...others] = rulesOf(resolveDefault({ architecture: 's390x' }), 'clone');
    expect(others).toEqual([]);
    expect(rule?.args?.[0]?.index).toBe(1);
  });

  test('sockets of AF_ALG and AF_VSOCK are refused', () => {
    const isAllowed = (family: number): boolean =>
      rulesOf(resolveDefault(), 'socket').some(({ args }) => {
        const value = args?.[0]?.value ?? 0;
        const op = args?.[0]?.op;
        if (op === 'SCMP_CMP_LT') return family < value;
        return op === 'SCMP_CMP_GT' ? family > value : family === value;
      });
    const families = Array.from({ length: 46 }, (_item, family) => family);
    expect(families.filter((family) => !isAllowed(family))).toEqual([38, 40]);
  });

  test('tracing is allowed from Linux 4.8 on, or with its capability', () => {
    expect(allowed(resolveDefault({ kernelVersion: '4.8.0' }))).toContain('ptrace');
    expect(allowed(resolveDefault({ kernelVersion: '4.7.10' }))).not.toContain('ptrace');
    const capabilities = ['CAP_SYS_PTRACE'];
    expect(allowed(resolveDefault({ kernelVersion: '4.7.10', capabilities }))).toContain('ptrace');
  });

  test.each([
    ['amd64', ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'], 'arch_prctl'],
    ['arm64', ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'], 'set_tls'],
    ['riscv64', ['SCMP_ARCH_RISCV64'], 'riscv_flush_icache'],
    ['s390x', ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'], 's390_runtime_instr'],
    ['ppc64le', undefined, 'swapcontext'],
  ])('%s has its architectures and its own calls', (architecture, architectures, name) => {
    const seccomp = resolveDefault({ architecture });
    expect(seccomp.architectures).toEqual(architectures);
    expect(allowed(seccomp)).toContain(name);
  });

  test('no call of another processor is allowed', () => {
    expect(allowed(resolveDefault({ architecture: 'arm64' }))).not.toContain('arch_prctl');
  });
});

const parse = (profile: unknown) => parseSeccompProfile(JSON.stringify(profile), 'p.json');

describe('a profile of one’s own', () => {
  test('in the runtime spec’s form stays as it is', () => {
    const profile = parse({
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [
        { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 },
        {
          name: 'socket',
          action: 'SCMP_ACT_KILL',
          args: [{ index: 0, value: 16, op: 'SCMP_CMP_EQ' }],
        },
      ],
    });
    expect(profile && resolveSeccomp(profile, context())).toEqual({
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [
        { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 },
        {
          names: ['socket'],
          action: 'SCMP_ACT_KILL',
          args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 16 }],
        },
      ],
    });
  });

  test('all of what a rule includes must be there, and nothing of what it excludes', () => {
    const rule = (names: string, conditions: object) => ({
      names: [names],
      action: 'SCMP_ACT_ALLOW',
      ...conditions,
    });
    const profile = parse({
      defaultAction: 'SCMP_ACT_ERRNO',
      archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: null }],
      syscalls: [
        rule('a', { includes: { caps: ['CAP_CHOWN', 'CAP_KILL'] } }),
        rule('b', { includes: { caps: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] } }),
        rule('c', { excludes: { caps: ['CAP_CHOWN'] } }),
        rule('d', { includes: { arches: ['amd64', 'arm64'], minKernel: '6.1' }, excludes: {} }),
        rule('e', { includes: { minKernel: '6.2' } }),
        rule('f', { excludes: { minKernel: '6.2' } }),
        rule('g', { excludes: { arches: ['amd64'] } }),
      ],
    });
    expect(profile && allowed(resolveSeccomp(profile, context()))).toEqual(['a', 'd', 'f']);
  });

  test('that says nothing confines nothing', () => {
    expect(parse({})).toBeUndefined();
  });

  test.each([
    ['[]', 'the file is not an object'],
    ['{', 'cannot read seccomp profile p.json: '],
    ['{"syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW"}]}', 'defaultAction is missing'],
    ['{"defaultAction":"allow"}', 'defaultAction is "allow", no action'],
    ['{"defaultAction":"SCMP_ACT_LOG","syscalls":{}}', 'syscalls is not a list'],
    ['{"defaultAction":"SCMP_ACT_LOG","syscalls":[1]}', 'syscalls[0] is not an object'],
    ['{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"action":"SCMP_ACT_LOG"}]}', 'names is missing'],
    [
      '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_LOG"}]}',
      'cannot stand beside names',
    ],
    [
      '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"name":"a","action":"SCMP_ACT_LOG","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}',
      'index is above 5',
    ],
    [
      '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"name":"a","action":"SCMP_ACT_LOG","args":[{"index":-1,"op":"SCMP_CMP_EQ"}]}]}',
      'syscalls[0].args[0].index is not a whole number',
    ],
    [
      '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"name":"a","action":"SCMP_ACT_LOG","includes":{"minKernel":"new"}}]}',
      'minKernel is not of the form 4.8',
    ],
    [
      '{"defaultAction":"SCMP_ACT_LOG","architectures":["A"],"archMap":[{"architecture":"B"}]}',
      'archMap cannot stand beside architectures',
    ],
  ])('%s is refused', (text, problem) => {
    let thrown: unknown;
    try {
      parseSeccompProfile(text, 'p.json');
    } catch (error) {
      thrown = error;
    }
    expect(isOcupError(thrown, 'E_BUNDLE_INVALID')).toBe(true);
    expect(String(thrown)).toContain(problem);
  });
});
