import type {
  Service,
  Dependency,
  JsonObject,
  Project,
  ProjectNetwork,
  ProjectVolume,
  PullPolicy,
} from '../model/project.ts';
import type { AddressPool } from '../model/network.ts';
import { LABEL } from '../model/labels.ts';
import { configHash } from './config-hash.ts';
import { type Conversion, refuse, refuseUnsupported } from './conversion.ts';
import { findDurationNs } from './duration.ts';
import {
  booleanAt,
  isObject,
  mappingAt,
  numberAt,
  objectAt,
  objectsAt,
  textAt,
  textsAt,
} from './fields.ts';
import type { Model } from './load-model.ts';
import { locate } from './raw-tree.ts';
import { toContainer } from './to-container.ts';
import { toOnce } from './to-once.ts';
import { BRIDGE_KEY } from './to-network-mode.ts';

/** The services, networks and volumes of a loaded model. What cannot be run goes to the problems. */
export function toProject(model: Model, conversion: Conversion): Omit<Project, 'diagnostics'> {
  const services: Service[] = [];
  for (const [name, value] of Object.entries(objectAt(model.canonical, 'services') ?? {})) {
    if (!isObject(value)) continue;
    if (objectAt(value, 'provider') !== undefined) {
      const path = ['services', name, 'provider'];
      refuseUnsupported(conversion, path, 'services of a provider are not supported yet');
      continue;
    }
    services.push(toService(value, name, conversion));
  }
  services.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    name: model.name,
    workingDir: model.workingDir,
    configFiles: model.configFiles,
    environmentFiles: model.environmentFiles,
    services,
    disabledServices: model.disabledServices,
    networks: [
      ...toNetworks(model.canonical, conversion),
      ...impliedNetworks(services, conversion),
    ],
    volumes: toVolumes(model.canonical, conversion),
    labels: { [LABEL.project]: model.name },
    canonical: model.canonical,
  };
}

function toService(service: JsonObject, name: string, conversion: Conversion): Service {
  const container = toContainer(service, name, conversion);
  const deploy = objectAt(service, 'deploy');
  const once = toOnce(service, name, conversion);
  const { position } = locate(conversion.root, ['services', name]);
  return {
    name,
    container,
    containerName: textAt(service, 'container_name'),
    hasBuild: objectAt(service, 'build') !== undefined,
    scale: numberAt(service, 'scale') ?? numberAt(deploy, 'replicas') ?? 1,
    profiles: textsAt(service, 'profiles'),
    dependsOn: toDependencies(service),
    pullPolicy: toPullPolicy(service, name, conversion),
    healthcheck: container.healthcheck,
    restart: container.restart,
    attach: service['attach'] !== false,
    once,
    configHash: configHash(service, container.mounts, once?.inputs),
    canonical: service,
    position,
  };
}

function toDependencies(service: JsonObject): readonly Dependency[] {
  return Object.entries(objectAt(service, 'depends_on') ?? {}).map(([name, value]): Dependency => {
    const dependency = isObject(value) ? value : {};
    const condition = textAt(dependency, 'condition');
    return {
      service: name,
      condition:
        condition === 'service_healthy' || condition === 'service_completed_successfully'
          ? condition
          : 'service_started',
      isRequired: booleanAt(dependency, 'required'),
      restart: booleanAt(dependency, 'restart'),
    };
  });
}

const DAY_MS = 86_400_000;

/** @see compose-spec 05-services.md#pull_policy */
function toPullPolicy(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): PullPolicy | undefined {
  const text = textAt(service, 'pull_policy');
  switch (text) {
    case undefined:
      return undefined;
    case 'always':
    case 'never':
    case 'build':
    case 'missing':
      return { kind: text };
    case 'if_not_present':
      return { kind: 'missing' };
    case 'daily':
      return { kind: 'every', periodMs: DAY_MS };
    case 'weekly':
      return { kind: 'every', periodMs: 7 * DAY_MS };
  }
  const period =
    text === 'refresh' ? textAt(service, 'pull_refresh_after') : text.replace(/^every_/, '');
  const ns = period === undefined ? undefined : findDurationNs(period);
  if (ns !== undefined) return { kind: 'every', periodMs: Number(ns) / 1e6 };
  const hint = 'use always, never, missing, build, daily, weekly or every_ with a duration';
  refuse(conversion, ['services', name, 'pull_policy'], `invalid pull policy: ${text}`, hint);
  return undefined;
}

function toNetworks(canonical: JsonObject, conversion: Conversion): readonly ProjectNetwork[] {
  const networks: ProjectNetwork[] = [];
  for (const [key, value] of Object.entries(objectAt(canonical, 'networks') ?? {})) {
    const config = isObject(value) ? value : {};
    const isExternal = booleanAt(config, 'external');
    const driver = textAt(config, 'driver') ?? 'bridge';
    if (driver !== 'bridge' && driver !== 'default' && !isExternal) {
      const path = ['networks', key, 'driver'];
      refuseUnsupported(
        conversion,
        path,
        `network driver ${driver} is not supported yet`,
        'use `driver: bridge`',
      );
      continue;
    }
    networks.push({
      key,
      isExternal,
      config: {
        name: textAt(config, 'name') ?? key,
        driver: 'bridge',
        driverOptions: mappingAt(config, 'driver_opts'),
        isInternal: booleanAt(config, 'internal'),
        isAttachable: booleanAt(config, 'attachable'),
        hasIpv6: booleanAt(config, 'enable_ipv6'),
        pools: objectsAt(objectAt(config, 'ipam'), 'config').map(toPool),
        labels: {
          ...mappingAt(config, 'labels'),
          [LABEL.project]: conversion.projectName,
          [LABEL.network]: key,
        },
      },
    });
  }
  return networks;
}

function toPool(pool: JsonObject): AddressPool {
  return {
    subnet: textAt(pool, 'subnet'),
    gateway: textAt(pool, 'gateway'),
    ipRange: textAt(pool, 'ip_range'),
    auxAddresses: mappingAt(pool, 'aux_addresses'),
  };
}

/** Networks that are not declared but named in `network_mode`: `bridge`, or one that exists. */
function impliedNetworks(
  services: readonly Service[],
  conversion: Conversion,
): readonly ProjectNetwork[] {
  const names = new Set<string>();
  for (const { container, canonical } of services) {
    const { networkMode } = container;
    if (networkMode.kind !== 'networks' || textAt(canonical, 'network_mode') === undefined)
      continue;
    for (const { network } of networkMode.endpoints) names.add(network);
  }
  const bridge = `${conversion.projectName}_${BRIDGE_KEY}`;
  return [...names].sort().map((name) => {
    const key = name === bridge ? BRIDGE_KEY : name;
    return {
      key,
      isExternal: name !== bridge,
      config: {
        name,
        driver: 'bridge',
        driverOptions: {},
        isInternal: false,
        isAttachable: false,
        hasIpv6: false,
        pools: [],
        labels: { [LABEL.project]: conversion.projectName, [LABEL.network]: key },
      },
    };
  });
}

function toVolumes(canonical: JsonObject, conversion: Conversion): readonly ProjectVolume[] {
  return Object.entries(objectAt(canonical, 'volumes') ?? {}).map(([key, value]) => {
    const config = isObject(value) ? value : {};
    return {
      key,
      isExternal: booleanAt(config, 'external'),
      config: {
        name: textAt(config, 'name') ?? key,
        driver: textAt(config, 'driver') ?? 'local',
        driverOptions: mappingAt(config, 'driver_opts'),
        labels: {
          ...mappingAt(config, 'labels'),
          [LABEL.project]: conversion.projectName,
          [LABEL.volume]: key,
        },
      },
    };
  });
}
