import type { SeccompArgument } from '../model/runtime-spec.ts';

/**
 * A seccomp profile in the form that Docker made of the runtime spec's: rules that hold only on some
 * machines or for some containers. @see docker docs, "Seccomp security profiles for Docker"
 */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number | undefined;
  readonly architectures: ProfileArchitectures;
  readonly flags: readonly string[];
  readonly listenerPath: string | undefined;
  readonly listenerMetadata: string | undefined;
  readonly rules: readonly SeccompRule[];
}

/** A map picks the entry of this machine; a list is taken as it is. */
export type ProfileArchitectures =
  | { readonly kind: 'list'; readonly names: readonly string[] }
  | { readonly kind: 'map'; readonly families: readonly ArchitectureFamily[] };

export interface ArchitectureFamily {
  readonly architecture: string;
  /** Those that its kernel runs too. */
  readonly subArchitectures: readonly string[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet: number | undefined;
  readonly args: readonly SeccompArgument[];
  /** All that is named must be given. */
  readonly includes: RuleCondition;
  /** Nothing that is named may be given. */
  readonly excludes: RuleCondition;
}

export interface RuleCondition {
  /** libseccomp's names: `amd64`, `arm64`, `x86`. */
  readonly arches: readonly string[];
  /** `CAP_…`. */
  readonly caps: readonly string[];
  /** `4.8`. */
  readonly minKernel: string | undefined;
}

export const NO_CONDITION: RuleCondition = { arches: [], caps: [], minKernel: undefined };
