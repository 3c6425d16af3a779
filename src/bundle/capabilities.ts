import { OcupError } from '../base/errors.ts';
import { CAPABILITIES } from '../model/capability.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { CapabilitySets } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';
import type { Checked } from './checked.ts';

/** What a container has unless something else is asked for: the fourteen of Docker and containerd. */
export const DEFAULT_CAPABILITIES: readonly string[] = `
  CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD
  AUDIT_WRITE SETFCAP`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

type CapabilityConfig = Pick<ContainerConfig, 'capAdd' | 'capDrop' | 'isPrivileged'>;

/**
 * The capabilities of a container in the order of their numbers. `ALL` among the added ones means all but
 * the dropped ones; among the dropped ones it means only the added ones; else what is added wins over what
 * is dropped. A privileged container has all that the machine knows.
 *
 * @throws E_BUNDLE_INVALID for a name that Linux does not know
 */
export function resolveCapabilities(
  config: CapabilityConfig,
  host: Pick<SpecHost, 'knownCapabilities'>,
): Checked<readonly string[]> {
  const known = new Set(host.knownCapabilities);
  const added = config.capAdd.map(parseCapability);
  const wanted = selectCapabilities(config, added);
  const missing = added.filter((name) => name !== ALL && wanted.has(name) && !known.has(name));
  return {
    value: CAPABILITIES.filter((name) => wanted.has(name) && known.has(name)),
    warnings: missing.map((name) => `${name} cannot be given on this machine and is left out`),
  };
}

/** The sets of a process with these capabilities: nothing inheritable, nothing ambient. */
export function capabilitySets(capabilities: readonly string[]): CapabilitySets {
  return { bounding: capabilities, effective: capabilities, permitted: capabilities };
}

const ALL = 'ALL';

function selectCapabilities(
  config: CapabilityConfig,
  added: readonly string[],
): ReadonlySet<string> {
  const dropped = new Set(config.capDrop.map(parseCapability));
  if (config.isPrivileged) return new Set(CAPABILITIES);
  if (added.includes(ALL)) return new Set(CAPABILITIES.filter((name) => !dropped.has(name)));
  if (dropped.has(ALL)) return new Set(added);
  return new Set([...DEFAULT_CAPABILITIES.filter((name) => !dropped.has(name)), ...added]);
}

function parseCapability(text: string): string {
  const upper = text.trim().toUpperCase();
  if (upper === ALL) return ALL;
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!CAPABILITIES.includes(name)) {
    throw new OcupError('E_BUNDLE_INVALID', `unknown capability ${JSON.stringify(text)}`, {
      hint: 'See capabilities(7) for the names; CAP_ may be left out.',
    });
  }
  return name;
}
