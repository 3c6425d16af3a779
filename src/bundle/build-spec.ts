import { OcupError } from '../base/errors.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { ImageConfig } from '../model/image-config.ts';
import type { HostDevice, LinuxSpec, RuntimeSpec, Seccomp } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { resolveCapabilities } from './capabilities.ts';
import type { Checked } from './checked.ts';
import { buildDeviceRules, buildDevices } from './devices.ts';
import { exportAnnotations } from './export-annotations.ts';
import { type BundleMount, buildMounts, type EtcFiles } from './mounts.ts';
import { buildNamespaces, type NamespaceChoices, PRIVATE_NAMESPACES } from './namespaces.ts';
import { parseSeccompProfile } from './parse-seccomp.ts';
import { buildProcess, resolveOomScore } from './process.ts';
import type { ResolvedUser } from './resolve-user.ts';
import { buildResources } from './resources.ts';
import { buildRlimits } from './rlimits.ts';
import { DEFAULT_PROFILE } from './seccomp-default.ts';
import { resolveSeccomp, resolveSeccompOnce } from './seccomp.ts';
import { parseSecurityOptions, type SecurityOptions } from './security-options.ts';
import { buildSysctls } from './sysctls.ts';

export interface SpecInput {
  readonly config: ContainerConfig;
  readonly image: ImageConfig;
  /**
   * `export` is for a bundle that other tools run: it keeps no path of ours, so `etcFiles`, `initPath`,
   * `shmPath`, `cgroupsPath` and namespaces to join are left out, and carries the image's annotations.
   * With `init` the caller puts the init program into the root file system at `INIT_TARGET`.
   */
  readonly purpose: 'run' | 'export';
  readonly hostname: string;
  /** What `resolveArgs` gave, without the init program. */
  readonly args: readonly string[];
  readonly user: ResolvedUser;
  /** Volumes are binds of their folders; files with content are binds of where they were written. */
  readonly mounts: readonly BundleMount[];
  readonly etcFiles: EtcFiles | undefined;
  /** The devices of the config; for a privileged container all of the host. */
  readonly devices: readonly HostDevice[];
  readonly namespaces: NamespaceChoices;
  /** Where `/dev/shm` comes from when another container's IPC namespace is joined; undefined: a new one. */
  readonly shmPath: string | undefined;
  readonly cgroupsPath: string | undefined;
  /** Absolute path on the host of `ocup-init`; used with `init` and a process id namespace of its own. */
  readonly initPath: string | undefined;
  /** Content of the file that `seccomp=…` names. */
  readonly seccompProfile: string | undefined;
  readonly host: SpecHost;
}

/** ocup writes what this version says, and nothing that older runtimes refuse. */
const OCI_VERSION = '1.1.0';

/**
 * The runtime spec of a container: Docker's defaults, and over them what image and config say. Pure: the
 * same input gives the same spec. What cannot be done here but does no harm is left out; `findSpecWarnings`
 * tells.
 *
 * @throws E_BUNDLE_INVALID for a value that cannot be done, with its name
 * @see runtime-spec config.md, image-spec conversion.md
 */
export function buildSpec(input: SpecInput): RuntimeSpec {
  const { config, image } = input;
  const isExport = input.purpose === 'export';
  const namespaces = isExport ? withoutPaths(input.namespaces) : input.namespaces;
  const security = parseSecurityOptions(config.securityOptions).value;
  const annotations = isExport ? exportAnnotations(config, image) : config.annotations;
  const hasInit = config.hasInit && namespaces.pid === 'private';
  const capabilities = resolveCapabilities(config, input.host).value;
  return {
    ociVersion: OCI_VERSION,
    process: buildProcess(input, { capabilities, hasInit, security }),
    root: { path: 'rootfs', readonly: config.isReadOnly },
    hostname: namespaces.uts === 'private' ? checkHostname(input.hostname) : undefined,
    mounts: buildMounts({
      config,
      host: input.host,
      mounts: input.mounts,
      etcFiles: isExport ? undefined : input.etcFiles,
      shmPath: namespaces.ipc === 'host' ? '/dev/shm' : isExport ? undefined : input.shmPath,
      initPath: hasInit && !isExport ? requireInit(input.initPath) : undefined,
      hasWritableCgroup: security.hasWritableCgroup,
    }),
    annotations: Object.keys(annotations).length > 0 ? annotations : undefined,
    linux: buildLinux(input, { capabilities, namespaces, security }),
  };
}

/** What the user should know about the spec that `buildSpec` makes, each a sentence. @throws as it does */
export function findSpecWarnings(input: Pick<SpecInput, 'config' | 'host'>): readonly string[] {
  const { config, host } = input;
  const parts: readonly Checked<unknown>[] = [
    parseSecurityOptions(config.securityOptions),
    resolveCapabilities(config, host),
    buildRlimits(config.ulimits, host),
    buildResources(config.resources, host),
    resolveOomScore(config, host),
  ];
  const seccomp =
    host.hasSeccomp || config.isPrivileged
      ? []
      : ['system calls are not filtered: the kernel has no seccomp'];
  return [...parts.flatMap((part) => part.warnings), ...seccomp];
}

interface LinuxParts {
  readonly capabilities: readonly string[];
  readonly namespaces: NamespaceChoices;
  readonly security: SecurityOptions;
}

function buildLinux(input: SpecInput, parts: LinuxParts): LinuxSpec {
  const { config, host } = input;
  const { namespaces, security } = parts;
  const hasPaths = security.hasSystemPaths && !config.isPrivileged;
  const devices = buildDevices(input.devices);
  const sysctl = buildSysctls(config, namespaces);
  return {
    namespaces: buildNamespaces(config, namespaces, host),
    devices: devices.length > 0 ? devices : undefined,
    cgroupsPath: input.purpose === 'export' ? undefined : input.cgroupsPath,
    resources: {
      devices: buildDeviceRules(config, input.devices),
      ...buildResources(config.resources, host).value,
    },
    sysctl: Object.keys(sysctl).length > 0 ? sysctl : undefined,
    seccomp: buildSeccomp(input, parts.capabilities, security),
    rootfsPropagation: rootPropagation(input.mounts),
    maskedPaths: hasPaths ? [...MASKED_PATHS, ...host.thermalPaths] : undefined,
    readonlyPaths: hasPaths ? READONLY_PATHS : undefined,
  };
}

/** They tell of the host, or of what others do on it. */
const MASKED_PATHS: readonly string[] = [
  ...['/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys'],
  ...['/proc/latency_stats', '/proc/sched_debug', '/proc/scsi', '/proc/timer_list'],
  ...['/proc/timer_stats', '/sys/devices/virtual/powercap', '/sys/firmware'],
];

const READONLY_PATHS: readonly string[] = [
  ...['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
];

function buildSeccomp(
  input: SpecInput,
  capabilities: readonly string[],
  { seccomp }: SecurityOptions,
): Seccomp | undefined {
  const context = { capabilities, host: input.host };
  const isDefault = seccomp.kind === 'default';
  if (seccomp.kind === 'unconfined' || (isDefault && input.config.isPrivileged)) return undefined;
  if (seccomp.kind !== 'profile') {
    return input.host.hasSeccomp ? resolveSeccompOnce(DEFAULT_PROFILE, context) : undefined;
  }
  if (input.seccompProfile === undefined) {
    throw new OcupError('E_BUNDLE_INVALID', `seccomp profile ${seccomp.path} was not read`);
  }
  if (!input.host.hasSeccomp) {
    throw new OcupError('E_BUNDLE_INVALID', 'cannot filter system calls: no seccomp', {
      hint: 'Remove the seccomp security option, or use a kernel with CONFIG_SECCOMP_FILTER.',
    });
  }
  const profile = parseSeccompProfile(input.seccompProfile, seccomp.path);
  return profile === undefined ? undefined : resolveSeccomp(profile, context);
}

/** A mount that is to spread needs a root that lets it. */
function rootPropagation(mounts: readonly BundleMount[]): LinuxSpec['rootfsPropagation'] {
  const all = mounts.map((mount) => (mount.kind === 'bind' ? mount.propagation : undefined));
  if (all.some((propagation) => propagation === 'shared' || propagation === 'rshared')) {
    return 'shared';
  }
  const isSlave = all.some((propagation) => propagation === 'slave' || propagation === 'rslave');
  return isSlave ? 'slave' : undefined;
}

/** @see sethostname(2) */
function checkHostname(hostname: string): string {
  if (Buffer.byteLength(hostname) <= 64 && !hostname.includes('\0')) return hostname;
  throw new OcupError('E_BUNDLE_INVALID', `hostname ${JSON.stringify(hostname)} is too long`, {
    hint: 'Use at most 64 bytes.',
  });
}

function requireInit(initPath: string | undefined): string {
  if (initPath !== undefined) return initPath;
  throw new OcupError('E_BUNDLE_INVALID', 'cannot use init: the init program is missing', {
    hint: 'Build the native programs, or remove init.',
  });
}

function withoutPaths(choices: NamespaceChoices): NamespaceChoices {
  const keep = (key: keyof NamespaceChoices) =>
    choices[key] === 'host' ? 'host' : PRIVATE_NAMESPACES[key];
  return { network: keep('network'), pid: keep('pid'), ipc: keep('ipc'), uts: keep('uts') };
}
