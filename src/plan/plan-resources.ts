import { OcupError } from '../base/errors.ts';
import type { NetworkConfig, VolumeConfig } from '../model/network.ts';
import type { Project, Service } from '../model/project.ts';
import type { PlannedAction } from './action.ts';
import type { ObservedState } from './observed.ts';
import { changedNetworkKeys, changedVolumeKeys } from './resource-changes.ts';

/** The networks that `services` use and what is to be done about them. */
export interface NetworkPlan {
  readonly creates: readonly PlannedAction[];
  /** Networks that are there but differ from what the project says. */
  readonly diverged: readonly DivergedNetwork[];
}

export interface DivergedNetwork {
  readonly config: NetworkConfig;
  /** What has changed of it: at least one. */
  readonly keys: readonly string[];
}

/** @throws E_NETWORK_NOT_FOUND for an external network that is not there */
export function planNetworks(
  project: Project,
  services: readonly Service[],
  observed: ObservedState,
): NetworkPlan {
  const used = new Set(services.flatMap(networksOf));
  const creates: PlannedAction[] = [];
  const diverged: DivergedNetwork[] = [];
  for (const network of project.networks) {
    const { name } = network.config;
    if (!used.has(name)) continue;
    const found = observed.networks.find((item) => item.config.name === name);
    if (network.isExternal) {
      if (found === undefined) throw externalNetworkMissing(name);
    } else if (found === undefined) {
      creates.push(createNetwork(network.config, 'not there yet'));
    } else {
      const keys = changedNetworkKeys(found.config, network.config);
      if (keys.length > 0) diverged.push({ config: network.config, keys });
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
    } else {
      const keys = changedVolumeKeys(found.config, volume.config);
      if (keys.length === 0) continue;
      warnings.push(
        `volume "${name}" exists but differs from its configuration (${keys.join(', ')}); it is used as it is, to keep its data`,
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
