import type { Seccomp, SeccompSyscall } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { isKernelAtLeast } from './kernel-version.ts';
import type {
  ProfileArchitectures,
  RuleCondition,
  SeccompProfile,
  SeccompRule,
} from './seccomp-profile.ts';

/** What the rules of a profile are held against. */
export interface SeccompContext {
  /** Of the container's bounding set. */
  readonly capabilities: readonly string[];
  readonly host: Pick<SpecHost, 'architecture' | 'kernelVersion'>;
}

/** Resolved profiles by what they were held against, so many of each profile. */
const MAX_RESOLVED = 16;
const resolved = new WeakMap<SeccompProfile, Map<string, Seccomp>>();

/** `resolveSeccomp` for a profile that is used again and again: the same frozen object for the same context. */
export function resolveSeccompOnce(profile: SeccompProfile, context: SeccompContext): Seccomp {
  const { capabilities, host } = context;
  const key = JSON.stringify([capabilities, host.architecture, host.kernelVersion]);
  const known = resolved.get(profile) ?? new Map<string, Seccomp>();
  resolved.set(profile, known);
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size >= MAX_RESOLVED) known.clear();
  const made = Object.freeze(resolveSeccomp(profile, context));
  known.set(key, made);
  return made;
}

/** The profile as a runtime takes it: the rules that hold here, those without arguments put together. */
export function resolveSeccomp(profile: SeccompProfile, context: SeccompContext): Seccomp {
  const rules = profile.rules.filter((rule) => isRuleActive(rule, context));
  const { flags, listenerPath, listenerMetadata } = profile;
  return {
    defaultAction: profile.defaultAction,
    defaultErrnoRet: profile.defaultErrnoRet,
    architectures: resolveArchitectures(profile.architectures, context.host.architecture),
    flags: flags.length > 0 ? flags : undefined,
    listenerPath,
    listenerMetadata,
    syscalls: mergeRules(rules),
  };
}

/** What libseccomp calls a processor that Go calls otherwise. */
const ARCHES: Readonly<Record<string, string>> = {
  '386': 'x86',
  loong64: 'loongarch64',
  mips64le: 'mipsel64',
  mips64p32: 'mips64n32',
  mips64p32le: 'mips3l64n32',
  mipsle: 'mipsel',
};

/** The runtime spec's names, by those of libseccomp. */
const SPEC_ARCHITECTURES: Readonly<Record<string, string>> = {
  x86: 'SCMP_ARCH_X86',
  amd64: 'SCMP_ARCH_X86_64',
  arm: 'SCMP_ARCH_ARM',
  arm64: 'SCMP_ARCH_AARCH64',
  loongarch64: 'SCMP_ARCH_LOONGARCH64',
  mips64: 'SCMP_ARCH_MIPS64',
  mips64n32: 'SCMP_ARCH_MIPS64N32',
  mipsel64: 'SCMP_ARCH_MIPSEL64',
  mips3l64n32: 'SCMP_ARCH_MIPSEL64N32',
  mipsel: 'SCMP_ARCH_MIPSEL',
  ppc: 'SCMP_ARCH_PPC',
  ppc64: 'SCMP_ARCH_PPC64',
  ppc64le: 'SCMP_ARCH_PPC64LE',
  riscv64: 'SCMP_ARCH_RISCV64',
  s390: 'SCMP_ARCH_S390',
  s390x: 'SCMP_ARCH_S390X',
};

function isRuleActive({ includes, excludes }: SeccompRule, context: SeccompContext): boolean {
  const arch = ARCHES[context.host.architecture] ?? context.host.architecture;
  const hasKernel = (version: string): boolean => {
    const [major = 0, minor = 0] = version.split('.').map(Number);
    return isKernelAtLeast(context.host.kernelVersion, major, minor);
  };
  const isExcluded =
    excludes.arches.includes(arch) ||
    excludes.caps.some((cap) => context.capabilities.includes(cap)) ||
    (excludes.minKernel !== undefined && hasKernel(excludes.minKernel));
  return !isExcluded && areIncludesMet(includes, { arch, hasKernel, context });
}

function areIncludesMet(
  includes: RuleCondition,
  { arch, hasKernel, context }: IncludeContext,
): boolean {
  return (
    (includes.arches.length === 0 || includes.arches.includes(arch)) &&
    includes.caps.every((cap) => context.capabilities.includes(cap)) &&
    (includes.minKernel === undefined || hasKernel(includes.minKernel))
  );
}

interface IncludeContext {
  readonly arch: string;
  readonly hasKernel: (version: string) => boolean;
  readonly context: SeccompContext;
}

function resolveArchitectures(
  architectures: ProfileArchitectures,
  architecture: string,
): readonly string[] | undefined {
  if (architectures.kind === 'list') {
    return architectures.names.length > 0 ? architectures.names : undefined;
  }
  const own = SPEC_ARCHITECTURES[ARCHES[architecture] ?? architecture];
  const family = architectures.families.find((entry) => entry.architecture === own);
  return family === undefined ? undefined : [family.architecture, ...family.subArchitectures];
}

/** Rules without arguments of one action are one rule; those with arguments stay as they are, behind them. */
function mergeRules(rules: readonly SeccompRule[]): SeccompSyscall[] {
  const plain = new Map<string, { readonly rule: SeccompRule; readonly names: Set<string> }>();
  for (const rule of rules.filter(({ args }) => args.length === 0)) {
    const key = `${rule.action} ${rule.errnoRet ?? ''}`;
    const merged = plain.get(key) ?? { rule, names: new Set() };
    for (const name of rule.names) merged.names.add(name);
    plain.set(key, merged);
  }
  return [
    ...[...plain.values()].map(({ rule, names }) => toSyscall(rule, [...names].sort())),
    ...rules.filter(({ args }) => args.length > 0).map((rule) => toSyscall(rule, rule.names)),
  ];
}

function toSyscall(rule: SeccompRule, names: readonly string[]): SeccompSyscall {
  const { action, errnoRet, args } = rule;
  return { names, action, errnoRet, args: args.length > 0 ? args : undefined };
}
