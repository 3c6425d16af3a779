import { statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { isOcupError, messageOf } from '../base/errors.ts';
import type { Platform } from '../model/platform.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { type ExecutableName, executablePath } from '../native/executables.ts';
import { runNftCommands } from '../native/firewall.ts';
import { type CgroupFacts, readCgroups } from './cgroups.ts';
import { hostPlatform } from './platform.ts';
import { type PrivilegeFacts, readPrivileges } from './privileges.ts';
import { isExecutable, listFolder, pathExists, readNumber, readText } from './read.ts';
import { readRootless, type RootlessFacts } from './rootless.ts';

/** What this machine offers. */
export interface HostFacts {
  readonly platform: Platform;
  /** `6.1.0-18-amd64`. */
  readonly kernelVersion: string;
  readonly privileges: PrivilegeFacts;
  readonly rootless: RootlessFacts;
  readonly cgroups: CgroupFacts;
  /** Types of namespaces, as in `/proc/self/ns`: `mnt`, `net`. */
  readonly namespaces: readonly string[];
  readonly hasOverlay: boolean;
  readonly hasSeccomp: boolean;
  /** Undefined: nftables works; else why not. */
  readonly firewallProblem: string | undefined;
  readonly isForwarding: boolean;
  /** Ports below it are bound by those with CAP_NET_BIND_SERVICE only. */
  readonly unprivilegedPortStart: number;
  readonly thermalPaths: readonly string[];
  readonly dataDir: DataDirFacts;
  /** Our programs that are missing. */
  readonly missingPrograms: readonly ExecutableName[];
}

export interface DataDirFacts {
  readonly path: string;
  /** Undefined where they cannot be told. */
  readonly freeBytes: number | undefined;
  readonly freeFiles: number | undefined;
  /** An overlay cannot have its upper folder on another one. */
  readonly isOnOverlay: boolean;
}

/** Reads files of /proc and /sys, and asks nftables for its tables. Changes nothing and does not fail. */
export async function probeHost(options: { readonly dataDir: string }): Promise<HostFacts> {
  const [privileges, rootless, cgroups, filesystems, namespaces] = await Promise.all([
    readPrivileges(),
    readRootless(),
    readCgroups(),
    readText('/proc/filesystems'),
    readNamespaces(),
  ]);
  const [firewallProblem, isForwarding, portStart, thermalPaths, dataDir] = await Promise.all([
    findFirewallProblem(),
    readNumber('/proc/sys/net/ipv4/ip_forward'),
    readNumber('/proc/sys/net/ipv4/ip_unprivileged_port_start'),
    readThermalPaths(),
    readDataDir(options.dataDir),
  ]);
  return {
    platform: hostPlatform(),
    kernelVersion: release(),
    privileges,
    rootless,
    cgroups,
    namespaces,
    hasOverlay: /\toverlay$/m.test(filesystems ?? ''),
    hasSeccomp: await pathExists('/proc/sys/kernel/seccomp/actions_avail'),
    firewallProblem,
    isForwarding: isForwarding === 1,
    unprivilegedPortStart: portStart ?? 1024,
    thermalPaths,
    dataDir,
    missingPrograms: await findMissingPrograms(),
  };
}

/** The part that runtime specs are built from. */
export function specHost(facts: HostFacts): SpecHost {
  const { cgroups, privileges } = facts;
  const hasControllers = cgroups.layout !== 'none';
  return {
    architecture: facts.platform.architecture,
    kernelVersion: facts.kernelVersion,
    cgroupVersion: hasControllers ? (cgroups.layout === 'v2' ? 2 : 1) : undefined,
    controllers: cgroups.controllers,
    hasSwapLimit: cgroups.hasSwapLimit,
    hasBlkioWeight: cgroups.hasBlkioWeight,
    hasSeccomp: facts.hasSeccomp,
    knownCapabilities: privileges.capabilities,
    canRaiseLimits:
      privileges.capabilities.includes('CAP_SYS_RESOURCE') && !privileges.isInUserNamespace,
    limits: privileges.limits,
    oomScoreAdj: privileges.oomScoreAdj,
    thermalPaths: facts.thermalPaths,
  };
}

/** Namespace types that a kernel may have. @see namespaces(7) */
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];

async function readNamespaces(): Promise<string[]> {
  const found = await Promise.all(NAMESPACES.map((name) => pathExists(`/proc/self/ns/${name}`)));
  return NAMESPACES.filter((_name, index) => found[index]);
}

async function findFirewallProblem(): Promise<string | undefined> {
  try {
    await runNftCommands('list tables');
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

const CPU_FOLDER = '/sys/devices/system/cpu';

async function readThermalPaths(): Promise<string[]> {
  const cpus = (await listFolder(CPU_FOLDER)).filter((name) => /^cpu\d+$/.test(name));
  cpus.sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)));
  const paths = cpus.map((name) => join(CPU_FOLDER, name, 'thermal_throttle'));
  const found = await Promise.all(paths.map(pathExists));
  return paths.filter((_path, index) => found[index]);
}

const OVERLAYFS_MAGIC = 0x794c7630;

async function readDataDir(path: string): Promise<DataDirFacts> {
  let folder = path;
  while (!(await pathExists(folder)) && folder !== '/') folder = dirname(folder);
  try {
    const { bavail, bsize, ffree, files, type } = await statfs(folder);
    return {
      path,
      freeBytes: bavail * bsize,
      // Some file systems do not count files.
      freeFiles: files === 0 ? undefined : ffree,
      isOnOverlay: type === OVERLAYFS_MAGIC,
    };
  } catch {
    return { path, freeBytes: undefined, freeFiles: undefined, isOnOverlay: false };
  }
}

const PROGRAMS: readonly ExecutableName[] = ['ocup-runtime', 'ocup-shim', 'ocup-init'];

async function findMissingPrograms(): Promise<ExecutableName[]> {
  const found = await Promise.all(PROGRAMS.map(hasProgram));
  return PROGRAMS.filter((_name, index) => found[index] === false);
}

async function hasProgram(name: ExecutableName): Promise<boolean> {
  try {
    return await isExecutable(executablePath(name));
  } catch (error) {
    if (isOcupError(error, 'E_HOST_NATIVE')) return false;
    throw error;
  }
}
