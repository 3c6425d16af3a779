import { OcupError } from '../base/errors.ts';
import type { AddressPool, NetworkConfig, VolumeConfig } from '../model/network.ts';
import type { Project, ProjectNetwork, Service } from '../model/project.ts';
import type { PlannedAction } from './action.ts';
import type { ObservedState } from './observed.ts';

/** The networks that `services` use and what is to be done about them. */
export interface NetworkPlan {
  readonly creates: readonly PlannedAction[];
  /** Names of networks that are there but differ from what the project says. */
  readonly diverged: readonly ProjectNetwork[];
}

/** @throws E_NETWORK_NOT_FOUND for an external network that is not there */
export function planNetworks(
  project: Project,
  services: readonly Service[],
  observed: ObservedState,
): NetworkPlan {
  const used = new Set(services.flatMap(networksOf));
  const creates: PlannedAction[] = [];
  const diverged: ProjectNetwork[] = [];
  for (const network of project.networks) {
    const { name } = network.config;
    if (!used.has(name)) continue;
    const found = observed.networks.find((item) => item.config.name === name);
    if (network.isExternal) {
      if (found === undefined) throw externalNetworkMissing(name);
    } else if (found === undefined) {
      creates.push(createNetwork(network.config, 'not there yet'));
    } else if (differs(networkEssence(found.config), networkEssence(network.config))) {
      diverged.push(network);
    }
  }
  return { creates, diverged };
}

/** The action that makes a network. */
export function createNetwork(config: NetworkConfig, cause: string): PlannedAction {
  return {
    kind: 'network.create',
    id: `network.create ${config.name}`,
    config,
    cause,
    dependsOn: [],
  };
}

/** Names of the networks that a service joins. */
export function networksOf(service: Service): string[] {
  const mode = service.container.networkMode;
  return mode.kind === 'networks' ? mode.endpoints.map((endpoint) => endpoint.network) : [];
}

export interface VolumePlan {
  readonly creates: readonly PlannedAction[];
  readonly warnings: readonly string[];
}

/** @throws E_VOLUME_NOT_FOUND for an external volume that is not there */
export function planVolumes(
  project: Project,
  services: readonly Service[],
  observed: ObservedState,
): VolumePlan {
  const used = new Set(services.flatMap(volumesOf));
  const creates: PlannedAction[] = [];
  const warnings: string[] = [];
  for (const volume of project.volumes) {
    const { name } = volume.config;
    if (!used.has(name)) continue;
    const found = observed.volumes.find((item) => item.config.name === name);
    if (volume.isExternal) {
      if (found === undefined) throw externalVolumeMissing(name);
    } else if (found === undefined) {
      creates.push(createVolume(volume.config));
    } else if (differs(volumeEssence(found.config), volumeEssence(volume.config))) {
      warnings.push(
        `volume "${name}" exists but differs from its configuration; it is used as it is, to keep its data`,
      );
    }
  }
  return { creates, warnings };
}

function createVolume(config: VolumeConfig): PlannedAction {
  const id = `volume.create ${config.name}`;
  return { kind: 'volume.create', id, config, cause: 'not there yet', dependsOn: [] };
}

/** Names of the volumes that a service mounts. */
export function volumesOf(service: Service): string[] {
  return service.container.mounts.flatMap((mount) =>
    mount.kind === 'volume' && mount.volume !== undefined ? [mount.volume] : [],
  );
}

/** What cannot be changed while a network exists. */
function networkEssence(config: NetworkConfig): unknown {
  const { driver, driverOptions, isInternal, hasIpv6, pools } = config;
  return {
    driver,
    driverOptions: sorted(driverOptions),
    isInternal,
    hasIpv6,
    pools: pools.map(poolEssence),
  };
}

function poolEssence(pool: AddressPool): unknown {
  const { subnet, gateway, ipRange, auxAddresses } = pool;
  return [subnet, gateway, ipRange, sorted(auxAddresses)];
}

function volumeEssence(config: VolumeConfig): unknown {
  return { driver: config.driver, driverOptions: sorted(config.driverOptions) };
}

function sorted(options: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
}

function differs(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

function externalNetworkMissing(name: string): OcupError {
  return new OcupError(
    'E_NETWORK_NOT_FOUND',
    `network ${name} declared as external, but could not be found`,
    { hint: 'start the project that makes it, or remove "external: true"' },
  );
}

function externalVolumeMissing(name: string): OcupError {
  return new OcupError('E_VOLUME_NOT_FOUND', `external volume "${name}" not found`, {
    hint: 'start the project that makes it, or remove "external: true"',
  });
}
