import { isAbsolute, resolve } from 'node:path';
import type {
  ContainerConfig,
  DeviceMapping,
  PortBinding,
  Resources,
  RestartPolicy,
  Ulimit,
} from '../model/container.ts';
import type { HealthcheckConfig } from '../model/healthcheck.ts';
import type { JsonObject } from '../model/project.ts';
import { type Conversion, refuse, refuseUnsupported } from './conversion.ts';
import { findDurationNs } from './duration.ts';
import {
  booleanAt,
  bytesAt,
  findTexts,
  mappingAt,
  numberAt,
  objectAt,
  objectsAt,
  textAt,
  textsAt,
} from './fields.ts';
import { findRange } from './port-spec.ts';
import { toHooks } from './to-hooks.ts';
import { toLogging } from './to-logging.ts';
import { toMounts } from './to-mounts.ts';
import { toReadiness } from './to-ready.ts';
import { toNamespaceMode, toNetworkMode } from './to-network-mode.ts';

/** What each container of a service is made from; all but its name. */
export function toContainer(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): Omit<ContainerConfig, 'name'> {
  return {
    image: textAt(service, 'image') ?? `${conversion.projectName}-${name}`,
    platform: textAt(service, 'platform'),
    ...processFields(service),
    hostname: textAt(service, 'hostname'),
    domainname: textAt(service, 'domainname'),
    labels: mappingAt(service, 'labels'),
    annotations: mappingAt(service, 'annotations'),
    mounts: toMounts(service, name, conversion),
    ...networkFields(service, name, conversion),
    pidMode: toNamespaceMode(textAt(service, 'pid'), conversion),
    ipcMode: toNamespaceMode(textAt(service, 'ipc'), conversion),
    utsMode: toNamespaceMode(textAt(service, 'uts'), conversion),
    cgroupMode: toNamespaceMode(textAt(service, 'cgroup'), conversion),
    cgroupParent: textAt(service, 'cgroup_parent'),
    ...securityFields(service, name, conversion),
    ulimits: toUlimits(service),
    sysctls: mappingAt(service, 'sysctls'),
    shmSizeBytes: bytesAt(service, 'shm_size'),
    oomScoreAdj: numberAt(service, 'oom_score_adj'),
    resources: toResources(service),
    stopSignal: textAt(service, 'stop_signal'),
    stopGraceMs: durationMsAt(service, 'stop_grace_period'),
    restart: toRestart(service, name, conversion),
    healthcheck: toHealthcheck(service, name, conversion),
    logging: toLogging(service, name, conversion),
    runtime: textAt(service, 'runtime'),
    hooks: toHooks(service),
  };
}

/** When the containers of a service are started again. `deploy.restart_policy` wins over `restart`. */
export function toRestart(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): RestartPolicy {
  const policy = objectAt(objectAt(service, 'deploy'), 'restart_policy');
  if (policy !== undefined) {
    const condition = textAt(policy, 'condition') ?? 'any';
    if (condition === 'none') return { kind: 'no' };
    if (condition === 'on-failure')
      return { kind: 'on-failure', maxAttempts: numberAt(policy, 'max_attempts') };
    if (condition === 'any') return { kind: 'always' };
    refuse(
      conversion,
      ['services', name, 'deploy', 'restart_policy', 'condition'],
      `invalid restart condition: ${condition}`,
      'use any, on-failure or none',
    );
    return { kind: 'no' };
  }
  const text = textAt(service, 'restart') ?? 'no';
  const match = /^on-failure(?::([0-9]+))?$/.exec(text);
  if (match !== null) {
    const attempts = match[1] === undefined ? undefined : Number(match[1]);
    return { kind: 'on-failure', maxAttempts: attempts === 0 ? undefined : attempts };
  }
  if (text === 'no' || text === 'always' || text === 'unless-stopped') return { kind: text };
  refuse(
    conversion,
    ['services', name, 'restart'],
    `invalid restart policy: ${text}`,
    'use no, always, on-failure[:MAX] or unless-stopped',
  );
  return { kind: 'no' };
}

/** The probe of a service; undefined leaves it to the image. */
function toHealthcheck(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): HealthcheckConfig | undefined {
  const check = objectAt(service, 'healthcheck') ?? {};
  const readiness = toReadiness(service, name, conversion);
  const isSet = Object.keys(check).length > 0 || readiness.ready !== undefined;
  if (!isSet && !readiness.isStrict) return undefined;
  return {
    ...readiness,
    test: booleanAt(check, 'disable') ? ['NONE'] : findTexts(check, 'test'),
    intervalMs: durationMsAt(check, 'interval'),
    timeoutMs: durationMsAt(check, 'timeout'),
    startPeriodMs: durationMsAt(check, 'start_period'),
    startIntervalMs: durationMsAt(check, 'start_interval'),
    retries: numberAt(check, 'retries'),
  };
}

type ProcessFields = Pick<
  ContainerConfig,
  | 'entrypoint'
  | 'command'
  | 'environment'
  | 'workingDir'
  | 'user'
  | 'groupAdd'
  | 'hasTty'
  | 'isStdinOpen'
  | 'hasInit'
>;

function processFields(service: JsonObject): ProcessFields {
  const environment = Object.entries(objectAt(service, 'environment') ?? {}).map(
    ([key, value]): [string, string | null] => [key, typeof value === 'string' ? value : null],
  );
  return {
    entrypoint: findTexts(service, 'entrypoint'),
    command: findTexts(service, 'command'),
    environment: Object.fromEntries(environment),
    workingDir: textAt(service, 'working_dir'),
    user: textAt(service, 'user'),
    groupAdd: textsAt(service, 'group_add'),
    hasTty: booleanAt(service, 'tty'),
    isStdinOpen: booleanAt(service, 'stdin_open'),
    hasInit: booleanAt(service, 'init'),
  };
}

type NetworkFields = Pick<
  ContainerConfig,
  'networkMode' | 'ports' | 'expose' | 'extraHosts' | 'dns' | 'dnsSearch' | 'dnsOptions'
>;

function networkFields(service: JsonObject, name: string, conversion: Conversion): NetworkFields {
  const hosts: Record<string, string[]> = {};
  for (const pair of textsAt(service, 'extra_hosts')) {
    const [host = '', address = ''] = pair.split(/=(.*)/s);
    (hosts[host] ??= []).push(address);
  }
  return {
    networkMode: toNetworkMode(service, name, conversion),
    ports: toPorts(service, name, conversion),
    expose: textsAt(service, 'expose').flatMap(exposedPorts),
    extraHosts: hosts,
    dns: textsAt(service, 'dns'),
    dnsSearch: textsAt(service, 'dns_search'),
    dnsOptions: textsAt(service, 'dns_opt'),
  };
}

function toPorts(service: JsonObject, name: string, conversion: Conversion): PortBinding[] {
  const ports: PortBinding[] = [];
  for (const [index, port] of objectsAt(service, 'ports').entries()) {
    const path = ['services', name, 'ports', index];
    const protocol = (textAt(port, 'protocol') ?? 'tcp').toLowerCase();
    const containerPort = numberAt(port, 'target') ?? 0;
    const published = textAt(port, 'published');
    const range = published === undefined ? undefined : findRange(published);
    if (protocol !== 'tcp' && protocol !== 'udp') {
      refuseUnsupported(conversion, path, `publishing ${protocol} ports is not supported yet`);
    } else if (published !== undefined && range === undefined) {
      refuse(conversion, path, `Invalid hostPort: ${published}`);
    } else if (containerPort < 1 || containerPort > 65535) {
      refuse(conversion, path, `Invalid containerPort: ${containerPort}`);
    } else {
      const isAny = range === undefined || range.start === 0;
      ports.push({
        hostIp: textAt(port, 'host_ip'),
        hostPort: isAny ? undefined : range.start,
        hostPortEnd: isAny || range.end === range.start ? undefined : range.end,
        containerPort,
        protocol,
      });
    }
  }
  return ports;
}

/** `80`, `80/udp` or `80-90` as `80/tcp` each. */
function exposedPorts(text: string): readonly string[] {
  const [ports = '', protocol = 'tcp'] = text.split('/');
  const range = findRange(ports);
  if (range === undefined) return [];
  const found: string[] = [];
  for (let port = range.start; port <= range.end; port += 1) found.push(`${port}/${protocol}`);
  return found;
}

type SecurityFields = Pick<
  ContainerConfig,
  | 'capAdd'
  | 'capDrop'
  | 'isPrivileged'
  | 'isReadOnly'
  | 'securityOptions'
  | 'devices'
  | 'deviceCgroupRules'
>;

function securityFields(service: JsonObject, name: string, conversion: Conversion): SecurityFields {
  return {
    capAdd: textsAt(service, 'cap_add'),
    capDrop: textsAt(service, 'cap_drop'),
    isPrivileged: booleanAt(service, 'privileged'),
    isReadOnly: booleanAt(service, 'read_only'),
    securityOptions: textsAt(service, 'security_opt').map((option) =>
      securityOption(option, conversion.workingDir),
    ),
    devices: toDevices(service, name, conversion),
    deviceCgroupRules: textsAt(service, 'device_cgroup_rules'),
  };
}

/** `seccomp:FILE` is the old way to write `seccomp=FILE`, whose path is below the project's folder. */
function securityOption(option: string, folder: string): string {
  const match = /^([a-z-]+)[=:](.*)$/s.exec(option);
  if (match === null) return option;
  const [, key = '', value = ''] = match;
  const isFile = key === 'seccomp' && !['unconfined', 'builtin'].includes(value);
  return `${key}=${isFile && !isAbsolute(value) ? resolve(folder, value) : value}`;
}

function toDevices(service: JsonObject, name: string, conversion: Conversion): DeviceMapping[] {
  const devices: DeviceMapping[] = [];
  for (const [index, device] of objectsAt(service, 'devices').entries()) {
    const source = textAt(device, 'source') ?? '';
    if (!isAbsolute(source)) {
      const path = ['services', name, 'devices', index];
      refuseUnsupported(conversion, path, `device ${source} is no path: CDI is not supported yet`);
      continue;
    }
    devices.push({
      source,
      target: textAt(device, 'target') ?? source,
      permissions: textAt(device, 'permissions') ?? 'rwm',
    });
  }
  return devices;
}

function toUlimits(service: JsonObject): readonly Ulimit[] {
  return Object.entries(objectAt(service, 'ulimits') ?? {}).map(([name, limit]) => {
    if (typeof limit === 'number') return { name, soft: limit, hard: limit };
    const pair = objectAt({ limit }, 'limit');
    return { name, soft: numberAt(pair, 'soft') ?? 0, hard: numberAt(pair, 'hard') ?? 0 };
  });
}

/** The limits of `deploy.resources` and those beside it say the same where both stand. */
function toResources(service: JsonObject): Resources {
  const resources = objectAt(objectAt(service, 'deploy'), 'resources');
  const limits = objectAt(resources, 'limits');
  const reservations = objectAt(resources, 'reservations');
  return {
    memoryBytes: bytesAt(service, 'mem_limit') ?? bytesAt(limits, 'memory'),
    memoryReservationBytes: bytesAt(service, 'mem_reservation') ?? bytesAt(reservations, 'memory'),
    memorySwapBytes: bytesAt(service, 'memswap_limit'),
    memorySwappiness: bytesAt(service, 'mem_swappiness'),
    isOomKillDisabled: booleanAt(service, 'oom_kill_disable'),
    cpus: numberAt(service, 'cpus') ?? numberAt(limits, 'cpus'),
    cpuShares: numberAt(service, 'cpu_shares'),
    cpuQuotaUs: numberAt(service, 'cpu_quota'),
    cpuPeriodUs: numberAt(service, 'cpu_period'),
    cpuset: textAt(service, 'cpuset'),
    pidsLimit: numberAt(service, 'pids_limit') ?? numberAt(limits, 'pids'),
    blkioWeight: numberAt(objectAt(service, 'blkio_config'), 'weight'),
  };
}

function durationMsAt(node: JsonObject, key: string): number | undefined {
  const text = textAt(node, key);
  const ns = text === undefined ? undefined : findDurationNs(text);
  return ns === undefined ? undefined : Number(ns) / 1e6;
}
