import {
  count,
  flag,
  listOf,
  mapOf,
  nullable,
  objectOf,
  oneOf,
  optional,
  type Shape,
  text,
  unionOf,
} from '../base/shape.ts';
import type {
  ContainerConfig,
  DeviceMapping,
  Endpoint,
  Hook,
  Hooks,
  PreStartHook,
  Logging,
  Mount,
  NamespaceMode,
  NetworkMode,
  PortBinding,
  Resources,
  RestartPolicy,
  Ulimit,
} from '../model/container.ts';
import type { HealthcheckConfig, ReadyProbe } from '../model/healthcheck.ts';
import type { AddressPool, NetworkConfig, VolumeConfig } from '../model/network.ts';

const texts = listOf(text);
const labels = mapOf(text);

type MountOf<Kind extends Mount['kind']> = Extract<Mount, { readonly kind: Kind }>;

export const mountShape: Shape<Mount> = unionOf<Mount, 'kind'>('kind', {
  bind: objectOf<MountOf<'bind'>>({
    kind: oneOf('bind'),
    source: text,
    target: text,
    isReadOnly: flag,
    createHostPath: flag,
    propagation: optional(oneOf('private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave')),
    isRecursive: flag,
  }),
  volume: objectOf<MountOf<'volume'>>({
    kind: oneOf('volume'),
    volume: optional(text),
    target: text,
    isReadOnly: flag,
    noCopy: flag,
    subpath: optional(text),
  }),
  tmpfs: objectOf<MountOf<'tmpfs'>>({
    kind: oneOf('tmpfs'),
    target: text,
    isReadOnly: flag,
    options: texts,
  }),
  file: objectOf<MountOf<'file'>>({
    kind: oneOf('file'),
    target: text,
    content: text,
    mode: count,
    uid: count,
    gid: count,
  }),
});

const portShape = objectOf<PortBinding>({
  hostIp: optional(text),
  hostPort: optional(count),
  hostPortEnd: optional(count),
  containerPort: count,
  protocol: oneOf('tcp', 'udp'),
});

const endpointShape = objectOf<Endpoint>({
  network: text,
  aliases: texts,
  ipv4Address: optional(text),
  ipv6Address: optional(text),
  macAddress: optional(text),
  gatewayPriority: count,
  priority: count,
});

type NetworkModeOf<Kind extends NetworkMode['kind']> = Extract<
  NetworkMode,
  { readonly kind: Kind }
>;

const networkModeShape = unionOf<NetworkMode, 'kind'>('kind', {
  networks: objectOf<NetworkModeOf<'networks'>>({
    kind: oneOf('networks'),
    endpoints: listOf(endpointShape),
  }),
  host: objectOf<NetworkModeOf<'host'>>({ kind: oneOf('host') }),
  none: objectOf<NetworkModeOf<'none'>>({ kind: oneOf('none') }),
  container: objectOf<NetworkModeOf<'container'>>({ kind: oneOf('container'), container: text }),
});

type NamespaceModeOf<Kind extends NamespaceMode['kind']> = Extract<
  NamespaceMode,
  { readonly kind: Kind }
>;

const namespaceModeShape = unionOf<NamespaceMode, 'kind'>('kind', {
  private: objectOf<NamespaceModeOf<'private'>>({ kind: oneOf('private') }),
  host: objectOf<NamespaceModeOf<'host'>>({ kind: oneOf('host') }),
  container: objectOf<NamespaceModeOf<'container'>>({ kind: oneOf('container'), container: text }),
});

const ulimitShape = objectOf<Ulimit>({ name: text, soft: count, hard: count });

const resourcesShape = objectOf<Resources>({
  memoryBytes: optional(count),
  memoryReservationBytes: optional(count),
  memorySwapBytes: optional(count),
  memorySwappiness: optional(count),
  isOomKillDisabled: flag,
  cpus: optional(count),
  cpuShares: optional(count),
  cpuQuotaUs: optional(count),
  cpuPeriodUs: optional(count),
  cpuset: optional(text),
  pidsLimit: optional(count),
  blkioWeight: optional(count),
});

const deviceShape = objectOf<DeviceMapping>({ source: text, target: text, permissions: text });

type RestartOf<Kind extends RestartPolicy['kind']> = Extract<
  RestartPolicy,
  { readonly kind: Kind }
>;

const restartShape = unionOf<RestartPolicy, 'kind'>('kind', {
  no: objectOf<RestartOf<'no'>>({ kind: oneOf('no') }),
  always: objectOf<RestartOf<'always'>>({ kind: oneOf('always') }),
  'unless-stopped': objectOf<RestartOf<'unless-stopped'>>({ kind: oneOf('unless-stopped') }),
  'on-failure': objectOf<RestartOf<'on-failure'>>({
    kind: oneOf('on-failure'),
    maxAttempts: optional(count),
  }),
});

type ReadyOf<Kind extends ReadyProbe['kind']> = Extract<ReadyProbe, { readonly kind: Kind }>;

const readyShape = unionOf<ReadyProbe, 'kind'>('kind', {
  tcp: objectOf<ReadyOf<'tcp'>>({ kind: oneOf('tcp'), port: count }),
  http: objectOf<ReadyOf<'http'>>({
    kind: oneOf('http'),
    port: count,
    path: text,
    status: optional(count),
  }),
  log: objectOf<ReadyOf<'log'>>({ kind: oneOf('log'), pattern: text }),
  file: objectOf<ReadyOf<'file'>>({ kind: oneOf('file'), path: text }),
});

const healthcheckShape = objectOf<HealthcheckConfig>({
  test: optional(texts),
  intervalMs: optional(count),
  timeoutMs: optional(count),
  startPeriodMs: optional(count),
  startIntervalMs: optional(count),
  retries: optional(count),
  ready: optional(readyShape),
  isStrict: flag,
});

const loggingShape = objectOf<Logging>({ driver: text, options: labels });

const hookFields = {
  command: texts,
  user: optional(text),
  isPrivileged: flag,
  workingDir: optional(text),
  environment: labels,
};

const hookShape = objectOf<Hook>(hookFields);

const preStartShape = objectOf<PreStartHook>({
  ...hookFields,
  image: optional(text),
  isPerReplica: flag,
});

const hooksShape = objectOf<Hooks>({
  preStart: optional(listOf(preStartShape)),
  postStart: listOf(hookShape),
  preStop: listOf(hookShape),
});

export const containerConfigShape: Shape<ContainerConfig> = objectOf<ContainerConfig>({
  name: text,
  image: text,
  platform: optional(text),
  entrypoint: optional(texts),
  command: optional(texts),
  environment: mapOf(nullable(text)),
  workingDir: optional(text),
  user: optional(text),
  groupAdd: texts,
  hostname: optional(text),
  domainname: optional(text),
  hasTty: flag,
  isStdinOpen: flag,
  hasInit: flag,
  labels,
  annotations: labels,
  mounts: listOf(mountShape),
  networkMode: networkModeShape,
  ports: listOf(portShape),
  expose: texts,
  extraHosts: mapOf(texts),
  dns: texts,
  dnsSearch: texts,
  dnsOptions: texts,
  pidMode: namespaceModeShape,
  ipcMode: namespaceModeShape,
  utsMode: namespaceModeShape,
  cgroupMode: namespaceModeShape,
  cgroupParent: optional(text),
  capAdd: texts,
  capDrop: texts,
  isPrivileged: flag,
  isReadOnly: flag,
  securityOptions: texts,
  devices: listOf(deviceShape),
  deviceCgroupRules: texts,
  ulimits: listOf(ulimitShape),
  sysctls: labels,
  shmSizeBytes: optional(count),
  oomScoreAdj: optional(count),
  resources: resourcesShape,
  stopSignal: optional(text),
  stopGraceMs: optional(count),
  restart: restartShape,
  healthcheck: optional(healthcheckShape),
  logging: optional(loggingShape),
  runtime: optional(text),
  hooks: optional(hooksShape),
});

const poolShape = objectOf<AddressPool>({
  subnet: optional(text),
  gateway: optional(text),
  ipRange: optional(text),
  auxAddresses: labels,
});

export const networkConfigShape: Shape<NetworkConfig> = objectOf<NetworkConfig>({
  name: text,
  driver: oneOf('bridge'),
  driverOptions: labels,
  isInternal: flag,
  isAttachable: flag,
  hasIpv6: flag,
  pools: listOf(poolShape),
  labels,
});

export const volumeConfigShape: Shape<VolumeConfig> = objectOf<VolumeConfig>({
  name: text,
  driver: text,
  driverOptions: labels,
  labels,
});
