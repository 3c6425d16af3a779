/**
 * The file `config.json` of a bundle, as far as ocup writes and reads it. Names and optional fields are
 * those of the specification, so a value here is the file's content.
 * @see runtime-spec config.md, config-linux.md
 */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: Process;
  readonly root: { readonly path: string; readonly readonly: boolean };
  /** Only with a UTS namespace of its own. */
  readonly hostname?: string | undefined;
  /** In the order they are mounted. */
  readonly mounts: readonly SpecMount[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly linux: LinuxSpec;
}

/** What is run, in the container or beside its first process (`exec`). @see config.md#process */
export interface Process {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    readonly additionalGids?: readonly number[] | undefined;
  };
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: CapabilitySets;
  readonly rlimits?: readonly Rlimit[] | undefined;
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number | undefined;
}

/** Each a list of `CAP_…` names. @see capabilities(7) */
export interface CapabilitySets {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[] | undefined;
  readonly ambient?: readonly string[] | undefined;
}

/** `RLIM_INFINITY`, which a JavaScript number cannot hold. @see getrlimit(2) */
export const RLIMIT_UNLIMITED = 18446744073709551615n;

export interface Rlimit {
  /** `RLIMIT_NOFILE`. */
  readonly type: string;
  readonly soft: number | bigint;
  readonly hard: number | bigint;
}

/** @see config.md#mounts */
export interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** @see config-linux.md */
export interface LinuxSpec {
  readonly namespaces: readonly Namespace[];
  readonly devices?: readonly LinuxDevice[] | undefined;
  readonly cgroupsPath?: string | undefined;
  readonly resources?: LinuxResources | undefined;
  readonly sysctl?: Readonly<Record<string, string>> | undefined;
  readonly seccomp?: Seccomp | undefined;
  readonly rootfsPropagation?: 'shared' | 'slave' | 'private' | undefined;
  readonly maskedPaths?: readonly string[] | undefined;
  readonly readonlyPaths?: readonly string[] | undefined;
}

export type NamespaceType = 'mount' | 'network' | 'uts' | 'pid' | 'ipc' | 'cgroup' | 'user';

export interface Namespace {
  readonly type: NamespaceType;
  /** The namespace to join; undefined: a new one. */
  readonly path?: string | undefined;
}

/** A device node in the container. @see config-linux.md#devices */
export interface LinuxDevice {
  readonly type: 'c' | 'b' | 'p';
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  readonly fileMode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** A device of the host that a container gets: its node, and what may be done with it. */
export interface HostDevice extends LinuxDevice {
  /** Of `r`, `w`, `m`. */
  readonly permissions: string;
}

/** @see config-linux.md#control-groups */
export interface LinuxResources {
  readonly devices?: readonly DeviceRule[] | undefined;
  readonly memory?: MemoryResources | undefined;
  readonly cpu?: CpuResources | undefined;
  readonly pids?: { readonly limit: number } | undefined;
  readonly blockIO?: { readonly weight: number } | undefined;
}

/** What the devices cgroup says of a device; without `major` or `minor` of all. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: 'a' | 'c' | 'b' | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  /** Of `r`, `w`, `m`. */
  readonly access: string;
}

/** Bytes; `swap` is memory and swap together, -1 no limit. */
export interface MemoryResources {
  readonly limit?: number | undefined;
  readonly reservation?: number | undefined;
  readonly swap?: number | undefined;
  readonly swappiness?: number | undefined;
  readonly disableOOMKiller?: boolean | undefined;
}

/** `quota` and `period` in microseconds. */
export interface CpuResources {
  readonly shares?: number | undefined;
  readonly quota?: number | undefined;
  readonly period?: number | undefined;
  readonly cpus?: string | undefined;
}

/** @see config-linux.md#seccomp */
export interface Seccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number | undefined;
  readonly architectures?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly listenerPath?: string | undefined;
  readonly listenerMetadata?: string | undefined;
  readonly syscalls: readonly SeccompSyscall[];
}

export interface SeccompSyscall {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number | undefined;
  readonly args?: readonly SeccompArgument[] | undefined;
}

/** All of a rule's must hold. With `SCMP_CMP_MASKED_EQ`: argument & `value` = `valueTwo`. */
export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number | undefined;
  readonly op: string;
}
