import { OcupError } from '../base/errors.ts';
import type { ContainerConfig, Propagation } from '../model/container.ts';
import type { SpecMount } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { isKernelAtLeast } from './kernel-version.ts';
import { tmpfsOptions } from './tmpfs-options.ts';

/** What is mounted at `target`, with everything looked up: a volume is a bind of its folder. */
export type BundleMount =
  | {
      readonly kind: 'bind';
      /** Absolute path on the host. */
      readonly source: string;
      readonly target: string;
      readonly isReadOnly: boolean;
      /** Undefined: `rprivate`. */
      readonly propagation: Propagation | undefined;
      readonly isRecursive: boolean;
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: string;
      readonly isReadOnly: boolean;
      readonly options: readonly string[];
    };

/** Absolute paths on the host of the files that are mounted into `/etc`. */
export interface EtcFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
}

export interface MountsInput {
  readonly config: Pick<
    ContainerConfig,
    'isReadOnly' | 'isPrivileged' | 'shmSizeBytes' | 'hasInit'
  >;
  readonly host: Pick<SpecHost, 'cgroupVersion' | 'kernelVersion'>;
  readonly mounts: readonly BundleMount[];
  /** Not mounted where one of `mounts` has the same target. */
  readonly etcFiles: EtcFiles | undefined;
  /** Where `/dev/shm` comes from when the IPC namespace is shared; undefined: a new one. */
  readonly shmPath: string | undefined;
  /** Absolute path on the host of the init program; undefined: it is not mounted. */
  readonly initPath: string | undefined;
  /** The container may write to its control group: `security_opt: writable-cgroups`. */
  readonly hasWritableCgroup: boolean;
}

/** Where the init program is in the container. */
export const INIT_TARGET = '/sbin/docker-init';

/** The size of `/dev/shm` unless set otherwise. */
export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/**
 * The mounts of a container: Docker's own in its order, then the others by the depth of their target and
 * its name, so that none hides another. A user's mount takes the place of one of ours with the same target,
 * and one on `/dev` of all below it.
 *
 * @throws E_BUNDLE_INVALID for a target that is not absolute or is the root, for two mounts on one target,
 * and for a tmpfs option that there is not
 */
export function buildMounts(input: MountsInput): SpecMount[] {
  const user = input.mounts.map((mount) => ({ ...mount, target: parseTarget(mount.target) }));
  const targets = new Set(user.map((mount) => mount.target));
  if (targets.size < user.length) throw duplicate(user.map((mount) => mount.target));
  const own = ownMounts(input).filter(
    ({ destination }) =>
      !targets.has(destination) && !(targets.has('/dev') && destination.startsWith('/dev/')),
  );
  const others = [
    ...user.map((mount) => userMount(mount, input.host.kernelVersion)),
    ...etcMounts(input).filter(({ destination }) => !targets.has(destination)),
    ...initMounts(input.initPath).filter(({ destination }) => !targets.has(destination)),
  ];
  return [...own, ...others.sort(compareByDepth)];
}

/** An absolute path without `.`, `..`, doubled or trailing slashes. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function ownMounts(input: MountsInput): SpecMount[] {
  const { config } = input;
  const isSysWritable = config.isPrivileged;
  const cgroup = cgroupMounts(input, isSysWritable || input.hasWritableCgroup);
  return [
    own('/proc', 'proc', 'proc', ['nosuid', 'noexec', 'nodev']),
    own('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    own('/dev/pts', 'devpts', 'devpts', [
      ...['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    ]),
    own('/sys', 'sysfs', 'sysfs', [
      ...['nosuid', 'noexec', 'nodev'],
      ...(isSysWritable ? [] : ['ro']),
    ]),
    ...cgroup,
    own('/dev/mqueue', 'mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    shmMount(input),
  ];
}

function cgroupMounts(input: MountsInput, isWritable: boolean): SpecMount[] {
  if (input.host.cgroupVersion === undefined) return [];
  const options = [...(isWritable ? [] : ['ro']), 'nosuid', 'noexec', 'nodev'];
  return [own('/sys/fs/cgroup', 'cgroup', 'cgroup', options)];
}

function shmMount({ config, shmPath }: MountsInput): SpecMount {
  if (shmPath !== undefined) return own('/dev/shm', 'bind', shmPath, ['rbind', 'rprivate']);
  const size = config.shmSizeBytes ?? DEFAULT_SHM_BYTES;
  return own('/dev/shm', 'tmpfs', 'shm', [
    ...['nosuid', 'noexec', 'nodev', 'mode=1777'],
    `size=${size}`,
  ]);
}

function own(
  destination: string,
  type: string,
  source: string,
  options: readonly string[],
): SpecMount {
  return { destination, type, source, options };
}

function etcMounts({ etcFiles, config }: MountsInput): SpecMount[] {
  if (etcFiles === undefined) return [];
  const options = ['rbind', 'rprivate', ...(config.isReadOnly ? ['ro'] : [])];
  return [
    own('/etc/hostname', 'bind', etcFiles.hostname, options),
    own('/etc/hosts', 'bind', etcFiles.hosts, options),
    own('/etc/resolv.conf', 'bind', etcFiles.resolvConf, options),
  ];
}

function initMounts(initPath: string | undefined): SpecMount[] {
  return initPath === undefined ? [] : [own(INIT_TARGET, 'bind', initPath, ['bind', 'ro'])];
}

function userMount(mount: BundleMount, kernelVersion: string): SpecMount {
  if (mount.kind === 'tmpfs') {
    const options = tmpfsOptions(mount.options, mount.isReadOnly);
    return own(mount.target, 'tmpfs', 'tmpfs', options);
  }
  return own(mount.target, 'bind', mount.source, [
    mount.isRecursive ? 'rbind' : 'bind',
    ...(mount.isReadOnly ? readOnlyOptions(mount.isRecursive, kernelVersion) : []),
    mount.propagation ?? 'rprivate',
  ]);
}

/** `ro` does not reach mounts below the source; `rro` does, and needs mount_setattr(2) of Linux 5.12. */
function readOnlyOptions(isRecursive: boolean, kernelVersion: string): string[] {
  return isRecursive && isKernelAtLeast(kernelVersion, 5, 12) ? ['ro', 'rro'] : ['ro'];
}

function compareByDepth(a: SpecMount, b: SpecMount): number {
  const byDepth = depthOf(a.destination) - depthOf(b.destination);
  if (byDepth !== 0) return byDepth;
  return a.destination < b.destination ? -1 : 1;
}

function depthOf(path: string): number {
  return path.split('/').length;
}

function parseTarget(target: string): string {
  const path = normalizePath(target);
  if (target.startsWith('/') && path !== '/' && !target.includes('\0')) return path;
  throw new OcupError(
    'E_BUNDLE_INVALID',
    path === '/' && target.startsWith('/')
      ? `cannot mount on ${JSON.stringify(target)}: the root is the image's`
      : `mount target ${JSON.stringify(target)} is not an absolute path`,
  );
}

function duplicate(targets: readonly string[]): OcupError {
  const twice = targets.find((target, index) => targets.indexOf(target) !== index) ?? '';
  return new OcupError('E_BUNDLE_INVALID', `duplicate mount point: ${twice}`);
}
