import { OcupError } from '../base/errors.ts';
import type { Checked } from './checked.ts';

/** What `security_opt` asks for. */
export interface SecurityOptions {
  readonly hasNoNewPrivileges: boolean;
  readonly seccomp: SeccompChoice;
  /** False: nothing in /proc and /sys is hidden or made read-only. */
  readonly hasSystemPaths: boolean;
  readonly hasWritableCgroup: boolean;
}

/** `default` is Docker's profile, but none for a privileged container. */
export type SeccompChoice =
  | { readonly kind: 'default' }
  | { readonly kind: 'builtin' }
  | { readonly kind: 'unconfined' }
  | { readonly kind: 'profile'; readonly path: string };

/**
 * Reads `security_opt`: `name=value`, `name:value` as it was written long ago, or a bare name.
 * AppArmor and SELinux labels are not set by ocup, and a warning says so.
 *
 * @throws E_BUNDLE_INVALID for an option or a value that there is not
 */
export function parseSecurityOptions(options: readonly string[]): Checked<SecurityOptions> {
  const warnings: string[] = [];
  let value: SecurityOptions = {
    hasNoNewPrivileges: false,
    seccomp: { kind: 'default' },
    hasSystemPaths: true,
    hasWritableCgroup: false,
  };
  for (const option of options) {
    const { name, text } = splitOption(option);
    if (name === 'apparmor' || name === 'label') {
      warnings.push(`security option ${option} has no effect: ocup does not set ${name}`);
    } else {
      value = { ...value, ...readOption(name, text, option) };
    }
  }
  return { value, warnings };
}

function splitOption(option: string): { readonly name: string; readonly text: string } {
  const match = /^([^=:]+)[=:](.*)$/s.exec(option);
  return { name: match?.[1] ?? option, text: match?.[2] ?? '' };
}

function readOption(name: string, text: string, option: string): Partial<SecurityOptions> {
  switch (name) {
    case 'no-new-privileges':
      return { hasNoNewPrivileges: parseFlag(text, option) };
    case 'writable-cgroups':
      return { hasWritableCgroup: parseFlag(text, option) };
    case 'seccomp':
      return { seccomp: parseSeccompChoice(text, option) };
    case 'systempaths':
      if (text === 'unconfined') return { hasSystemPaths: false };
      break;
  }
  throw new OcupError('E_BUNDLE_INVALID', `unknown security option ${JSON.stringify(option)}`, {
    hint: 'Use no-new-privileges, seccomp, systempaths=unconfined or writable-cgroups.',
  });
}

function parseFlag(text: string, option: string): boolean {
  if (text === '' || text === 'true') return true;
  if (text === 'false') return false;
  throw new OcupError(
    'E_BUNDLE_INVALID',
    `security option ${JSON.stringify(option)} is neither true nor false`,
  );
}

function parseSeccompChoice(text: string, option: string): SeccompChoice {
  if (text === 'unconfined' || text === 'builtin') return { kind: text };
  if (text !== '') return { kind: 'profile', path: text };
  throw new OcupError(
    'E_BUNDLE_INVALID',
    `security option ${JSON.stringify(option)} names no seccomp profile`,
  );
}
