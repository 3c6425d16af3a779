import type { HealthcheckConfig, ProbeResult } from './healthcheck.ts';

/**
 * What a container is made from. A `ContainerConfig` is complete in itself: paths are absolute, names are
 * final, nothing refers back to a compose file. With an image's configuration it becomes a runtime spec.
 */

/** `NAME → value`; `null` takes the name away even if the image sets it. */
export type Environment = Readonly<Record<string, string | null>>;

export type Labels = Readonly<Record<string, string>>;

/** @see mount_namespaces(7) */
export type Propagation = 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';

/** Something mounted at `target`, an absolute path in the container. */
export type Mount =
  | {
      readonly kind: 'bind';
      /** Absolute path on the host. */
      readonly source: string;
      readonly target: string;
      readonly isReadOnly: boolean;
      /** Makes `source` as a folder if it is missing. */
      readonly createHostPath: boolean;
      readonly propagation: Propagation | undefined;
      readonly isRecursive: boolean;
    }
  | {
      readonly kind: 'volume';
      /** The volume's name here; undefined: anonymous. */
      readonly volume: string | undefined;
      readonly target: string;
      readonly isReadOnly: boolean;
      /** Does not fill an empty volume from the image. */
      readonly noCopy: boolean;
      readonly subpath: string | undefined;
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: string;
      readonly isReadOnly: boolean;
      /** Mount options as written, such as `size=64m`, `mode=1777`, `exec`. */
      readonly options: readonly string[];
    }
  | {
      /** A file whose content is known here: a secret or config with `content` or `environment`. */
      readonly kind: 'file';
      readonly target: string;
      readonly content: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/** A published port. */
export interface PortBinding {
  /** Undefined: all addresses, IPv4 and IPv6. */
  readonly hostIp: string | undefined;
  /** Undefined: the kernel picks one. */
  readonly hostPort: number | undefined;
  /** Another range end: the first free one of `hostPort..hostPortEnd`. */
  readonly hostPortEnd: number | undefined;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** How a container is attached to one network. */
export interface Endpoint {
  /** The network's name here. */
  readonly network: string;
  /** DNS names beside the container's own name. */
  readonly aliases: readonly string[];
  readonly ipv4Address: string | undefined;
  readonly ipv6Address: string | undefined;
  readonly macAddress: string | undefined;
  /** The highest one holds the default route. */
  readonly gatewayPriority: number;
  /** Networks are joined from the highest priority down. */
  readonly priority: number;
}

export type NetworkMode =
  | { readonly kind: 'networks'; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  | { readonly kind: 'container'; readonly container: string };

/** Whose namespace is used: an own one, the host's, or that of the named container. */
export type NamespaceMode =
  | { readonly kind: 'private' }
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly container: string };

export interface Ulimit {
  /** In lower case without `RLIMIT_`: `nofile`. */
  readonly name: string;
  /** -1 is no limit. */
  readonly soft: number;
  readonly hard: number;
}

export interface Resources {
  readonly memoryBytes: number | undefined;
  readonly memoryReservationBytes: number | undefined;
  /** Memory and swap together; -1 is no limit. */
  readonly memorySwapBytes: number | undefined;
  readonly memorySwappiness: number | undefined;
  readonly isOomKillDisabled: boolean;
  readonly cpus: number | undefined;
  readonly cpuShares: number | undefined;
  readonly cpuQuotaUs: number | undefined;
  readonly cpuPeriodUs: number | undefined;
  readonly cpuset: string | undefined;
  readonly pidsLimit: number | undefined;
  readonly blkioWeight: number | undefined;
}

export interface DeviceMapping {
  readonly source: string;
  readonly target: string;
  /** Of `r`, `w`, `m`. */
  readonly permissions: string;
}

/** When an ended container is started again. */
export type RestartPolicy =
  | { readonly kind: 'no' }
  | { readonly kind: 'always' }
  | { readonly kind: 'unless-stopped' }
  | { readonly kind: 'on-failure'; readonly maxAttempts: number | undefined };

export interface Logging {
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
}

/** A command that is run in a container when it has started or is about to be stopped. */
export interface Hook {
  readonly command: readonly string[];
  readonly user: string | undefined;
  readonly isPrivileged: boolean;
  readonly workingDir: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

/** A command that is run to its end in a container of its own before the service's container starts. */
export interface PreStartHook extends Hook {
  /** Undefined: that of the service. */
  readonly image: string | undefined;
  /** False: once for all containers of a service. */
  readonly isPerReplica: boolean;
}

/** @see compose-spec 05-services.md#pre_start, #post_start, #pre_stop */
export interface Hooks {
  /** Undefined: none. */
  readonly preStart?: readonly PreStartHook[] | undefined;
  readonly postStart: readonly Hook[];
  readonly preStop: readonly Hook[];
}

export interface ContainerConfig {
  readonly name: string;
  /** What `parseImageSource` reads; a local path is absolute. */
  readonly image: string;
  /** `os/architecture[/variant]`; undefined is this machine's. */
  readonly platform: string | undefined;
  /** Undefined takes the image's; set, even to `[]`, clears the image's command. */
  readonly entrypoint: readonly string[] | undefined;
  readonly command: readonly string[] | undefined;
  readonly environment: Environment;
  readonly workingDir: string | undefined;
  /** `user[:group]`, names or numbers. */
  readonly user: string | undefined;
  readonly groupAdd: readonly string[];
  /** Undefined: the first 12 digits of the id. */
  readonly hostname: string | undefined;
  readonly domainname: string | undefined;
  readonly hasTty: boolean;
  readonly isStdinOpen: boolean;
  readonly hasInit: boolean;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly mounts: readonly Mount[];
  readonly networkMode: NetworkMode;
  readonly ports: readonly PortBinding[];
  /** `80/tcp`, shown by `ps`. */
  readonly expose: readonly string[];
  /** `name → addresses`, `host-gateway` among them. */
  readonly extraHosts: Readonly<Record<string, readonly string[]>>;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly pidMode: NamespaceMode;
  readonly ipcMode: NamespaceMode;
  readonly utsMode: NamespaceMode;
  readonly cgroupMode: NamespaceMode;
  readonly cgroupParent: string | undefined;
  /** With or without `CAP_`, any case, `ALL` among them. */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly isPrivileged: boolean;
  readonly isReadOnly: boolean;
  /** `no-new-privileges:true`, `seccomp=unconfined`, `seccomp=/absolute/profile.json`. */
  readonly securityOptions: readonly string[];
  readonly devices: readonly DeviceMapping[];
  readonly deviceCgroupRules: readonly string[];
  readonly ulimits: readonly Ulimit[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly shmSizeBytes: number | undefined;
  readonly oomScoreAdj: number | undefined;
  readonly resources: Resources;
  readonly stopSignal: string | undefined;
  readonly stopGraceMs: number | undefined;
  readonly restart: RestartPolicy;
  readonly healthcheck: HealthcheckConfig | undefined;
  readonly logging: Logging | undefined;
  /** An OCI runtime's name or path; undefined is ocup's own. */
  readonly runtime: string | undefined;
  /** Undefined: none. They are run by whoever starts and stops it. */
  readonly hooks: Hooks | undefined;
}

/** A container that is as its image says: nothing is added, limited or connected. */
export function plainContainerConfig(name: string, image: string): ContainerConfig {
  const own = { kind: 'private' } as const;
  return {
    name,
    image,
    platform: undefined,
    entrypoint: undefined,
    command: undefined,
    environment: {},
    workingDir: undefined,
    user: undefined,
    groupAdd: [],
    hostname: undefined,
    domainname: undefined,
    hasTty: false,
    isStdinOpen: false,
    hasInit: false,
    labels: {},
    annotations: {},
    mounts: [],
    networkMode: { kind: 'none' },
    ports: [],
    expose: [],
    extraHosts: {},
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    pidMode: own,
    ipcMode: own,
    utsMode: own,
    cgroupMode: own,
    cgroupParent: undefined,
    capAdd: [],
    capDrop: [],
    isPrivileged: false,
    isReadOnly: false,
    securityOptions: [],
    devices: [],
    deviceCgroupRules: [],
    ulimits: [],
    sysctls: {},
    shmSizeBytes: undefined,
    oomScoreAdj: undefined,
    resources: {
      memoryBytes: undefined,
      memoryReservationBytes: undefined,
      memorySwapBytes: undefined,
      memorySwappiness: undefined,
      isOomKillDisabled: false,
      cpus: undefined,
      cpuShares: undefined,
      cpuQuotaUs: undefined,
      cpuPeriodUs: undefined,
      cpuset: undefined,
      pidsLimit: undefined,
      blkioWeight: undefined,
    },
    stopSignal: undefined,
    stopGraceMs: undefined,
    restart: { kind: 'no' },
    healthcheck: undefined,
    logging: undefined,
    runtime: undefined,
    hooks: undefined,
  };
}

/** A signal that ocup sent a container's process, and what for. */
export interface SentSignal {
  /** `SIGTERM` */
  readonly signal: string;
  /** `kill` and `stop`: somebody asked for that. `force`: it had not ended in time, or was removed. */
  readonly by: 'kill' | 'stop' | 'force';
  /** Why it was not just the signal that was asked for. */
  readonly reason: string | undefined;
}

/** How a container's process ended. */
export interface Exit {
  /** The process as the host saw it; undefined where none could be made, or nobody knows. */
  readonly pid: number | undefined;
  /** 128 + signal for one that was killed; `undefined` when nobody saw it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** Whether the kernel ended a process of the container for want of memory. */
  readonly isOomKilled: boolean;
  /** Of one that was, where they are known. */
  readonly memoryLimitBytes: number | undefined;
  readonly memoryPeakBytes: number | undefined;
  /** The last signal that ocup sent it before it ended. */
  readonly sent: SentSignal | undefined;
  /** RFC 3339, nanoseconds where they are known. */
  readonly at: string;
  /** Why it ended, in words, when the supervisor ended it or could not start it. */
  readonly reason: string | undefined;
}

/** An exit of which nothing is known but when it was noticed. */
export const UNKNOWN_EXIT: Omit<Exit, 'at'> = {
  pid: undefined,
  code: undefined,
  signal: undefined,
  isOomKilled: false,
  memoryLimitBytes: undefined,
  memoryPeakBytes: undefined,
  sent: undefined,
  reason: undefined,
};

/** Docker's names of a container's state. */
export type ContainerState =
  'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** `none` where there is no probe. */
export type Health = 'none' | 'starting' | 'healthy' | 'unhealthy';

/** An address of a running container. */
export interface EndpointState {
  readonly network: string;
  readonly ipv4Address: string | undefined;
  readonly ipv6Address: string | undefined;
  readonly gateway: string | undefined;
  readonly macAddress: string | undefined;
  readonly aliases: readonly string[];
}

/** A port that is published now. */
export interface PublishedPort {
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** All that is known about a container. */
export interface Container {
  /** 64 hex digits. */
  readonly id: string;
  readonly config: ContainerConfig;
  /** The digest of the image's configuration; for `rootfs:` of the path. */
  readonly imageId: string;
  readonly state: ContainerState;
  readonly health: Health;
  readonly probes: readonly ProbeResult[];
  /** The first probe of the process that runs, and the first one that succeeded, where this supervisor saw them. */
  readonly firstProbe: ProbeResult | undefined;
  readonly firstSuccess: ProbeResult | undefined;
  /** Of the container's first process while it runs. */
  readonly pid: number | undefined;
  readonly createdAt: string;
  readonly startedAt: string | undefined;
  /** The last exit. */
  readonly exit: Exit | undefined;
  readonly restartCount: number;
  readonly endpoints: readonly EndpointState[];
  readonly ports: readonly PublishedPort[];
  /** With names of anonymous volumes filled in. */
  readonly mounts: readonly Mount[];
  /** The command line as it runs: entrypoint and command of image or config. */
  readonly args: readonly string[];
  /** Ports of image and config, `80/tcp`. */
  readonly exposedPorts: readonly string[];
}
