// Complete values of the model with short names, for tests of pure code.
import { createHash } from 'node:crypto';
import {
  type Container,
  type ContainerConfig,
  type Endpoint,
  plainContainerConfig,
} from '../../src/model/container.ts';
import type { NetworkConfig, VolumeConfig } from '../../src/model/network.ts';
import type { Dependency, JsonObject, Project, Service } from '../../src/model/project.ts';

export const NO_RESOURCES = plainContainerConfig('', '').resources;

export function containerConfig(changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    ...plainContainerConfig('app-web-1', 'nginx:1.27'),
    networkMode: { kind: 'networks', endpoints: [endpoint('app_default')] },
    ...changes,
  };
}

export function endpoint(network: string, changes: Partial<Endpoint> = {}): Endpoint {
  return {
    network,
    aliases: [],
    ipv4Address: undefined,
    ipv6Address: undefined,
    macAddress: undefined,
    gatewayPriority: 0,
    priority: 0,
    ...changes,
  };
}

export interface ServiceChanges extends Partial<Omit<Service, 'container' | 'dependsOn'>> {
  readonly container?: Partial<ContainerConfig>;
  readonly dependsOn?: readonly (string | Partial<Dependency>)[];
}

export function service(name: string, changes: ServiceChanges = {}): Service {
  const { container = {}, dependsOn = [], ...rest } = changes;
  const { name: _name, ...config } = containerConfig(container);
  const canonical: JsonObject = rest.canonical ?? {
    image: config.image,
    environment: config.environment,
  };
  return {
    name,
    container: config,
    containerName: undefined,
    hasBuild: false,
    scale: 1,
    profiles: [],
    dependsOn: dependsOn.map(dependency),
    pullPolicy: undefined,
    healthcheck: undefined,
    restart: { kind: 'no' },
    attach: true,
    once: undefined,
    configHash: hashOf(JSON.stringify(canonical)),
    position: undefined,
    ...rest,
    canonical,
  };
}

function dependency(item: string | Partial<Dependency>): Dependency {
  const changes = typeof item === 'string' ? { service: item } : item;
  return {
    service: '',
    condition: 'service_started',
    isRequired: true,
    restart: false,
    ...changes,
  };
}

export function networkConfig(name: string, changes: Partial<NetworkConfig> = {}): NetworkConfig {
  return {
    name,
    driver: 'bridge',
    driverOptions: {},
    isInternal: false,
    isAttachable: false,
    hasIpv6: false,
    pools: [],
    labels: { 'com.docker.compose.project': 'app' },
    ...changes,
  };
}

export function volumeConfig(name: string, changes: Partial<VolumeConfig> = {}): VolumeConfig {
  return {
    name,
    driver: 'local',
    driverOptions: {},
    labels: { 'com.docker.compose.project': 'app' },
    ...changes,
  };
}

export function project(
  services: readonly Service[],
  changes: Partial<Omit<Project, 'services'>> = {},
): Project {
  return {
    name: 'app',
    workingDir: '/home/me/app',
    configFiles: ['/home/me/app/compose.yaml'],
    environmentFiles: [],
    services,
    disabledServices: [],
    networks: [{ key: 'default', isExternal: false, config: networkConfig('app_default') }],
    volumes: [],
    labels: {},
    canonical: {},
    diagnostics: [],
    ...changes,
  };
}

export function container(changes: Partial<Container> = {}): Container {
  const config = changes.config ?? containerConfig();
  return {
    id: hashOf(config.name),
    config,
    imageId: `sha256:${hashOf(config.image)}`,
    state: 'running',
    health: 'none',
    probes: [],
    firstProbe: undefined,
    firstSuccess: undefined,
    pid: 4242,
    createdAt: '2026-01-01T00:00:00.000000000Z',
    startedAt: '2026-01-01T00:00:01.000000000Z',
    exit: undefined,
    restartCount: 0,
    endpoints: [],
    ports: [],
    mounts: [],
    args: ['nginx', '-g', 'daemon off;'],
    exposedPorts: [],
    ...changes,
  };
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
