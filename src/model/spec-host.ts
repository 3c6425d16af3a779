/** A soft and a hard limit of a process; -1 is no limit. @see getrlimit(2) */
export interface LimitPair {
  readonly soft: number;
  readonly hard: number;
}

/** A controller of control groups under its cgroup v1 name; `blkio` is `io` in v2. */
export type CgroupController = 'cpu' | 'cpuset' | 'memory' | 'pids' | 'blkio';

/** What a runtime spec has to know of the machine that its container will run on. */
export interface SpecHost {
  /** Go's name: `amd64`. */
  readonly architecture: string;
  /** `6.1.0-18-amd64`. */
  readonly kernelVersion: string;
  /** Where the controllers are; undefined: no control groups for us. A hybrid layout is 1. */
  readonly cgroupVersion: 1 | 2 | undefined;
  /** Those that can be set. */
  readonly controllers: readonly CgroupController[];
  readonly hasSwapLimit: boolean;
  readonly hasBlkioWeight: boolean;
  readonly hasSeccomp: boolean;
  /** `CAP_…` names that a container can be given here, in the order of their numbers. */
  readonly knownCapabilities: readonly string[];
  /** CAP_SYS_RESOURCE: hard limits can be raised and `oom_score_adj` lowered. */
  readonly canRaiseLimits: boolean;
  /** What containers inherit, by name in lower case without `RLIMIT_`: `nofile`. */
  readonly limits: Readonly<Record<string, LimitPair>>;
  /** What containers inherit. */
  readonly oomScoreAdj: number;
  /** Folders of sysfs that tell how each processor throttles, and with it what others compute. */
  readonly thermalPaths: readonly string[];
}
