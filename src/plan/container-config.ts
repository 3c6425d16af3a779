import type { ContainerConfig, Endpoint, NetworkMode } from '../model/container.ts';
import { LABEL } from '../model/labels.ts';
import type { Project, Service } from '../model/project.ts';
import { formatFingerprint, serviceFingerprint } from './fingerprint.ts';
import { containerName } from './names.ts';

export interface ConfigOptions {
  readonly number: number;
  /** Of ocup, for the label. */
  readonly version: string;
  /** The digest of the image's configuration, where it is known. */
  readonly imageId: string | undefined;
}

/**
 * What the container `number` of a service is made from: the service's own configuration with its name,
 * the labels that find it again, and the service's name as an alias on each network.
 */
export function toContainerConfig(
  project: Project,
  service: Service,
  options: ConfigOptions,
): ContainerConfig {
  const { container } = service;
  return {
    ...container,
    name: containerName(project.name, service, options.number),
    labels: { ...container.labels, ...identityLabels(project, service, options) },
    networkMode: withAlias(container.networkMode, service.name),
  };
}

/** A one-off container of `ocup run`, with its own name and changes. */
export interface OneOffOptions {
  readonly version: string;
  readonly imageId: string | undefined;
  /** Twelve hex digits, different for each. */
  readonly slug: string;
  readonly name: string | undefined;
  /** Whether it goes when it has ended. */
  readonly isRemovedAtEnd: boolean;
  /** Whether other services reach it by the service's name. */
  readonly hasAliases: boolean;
  /** What replaces the service's own settings. */
  readonly changes: Partial<ContainerConfig>;
}

/** What a one-off container is made from: never restarted, without the service's alias unless asked for. */
export function toOneOffConfig(
  project: Project,
  service: Service,
  options: OneOffOptions,
): ContainerConfig {
  const { container } = service;
  const labels = identityLabels(project, service, { ...options, number: 1 });
  return {
    ...container,
    networkMode: options.hasAliases
      ? withAlias(container.networkMode, service.name)
      : withoutAliases(container.networkMode),
    restart: { kind: 'no' },
    hooks: undefined,
    ...options.changes,
    name: options.name ?? `${project.name}-${service.name}-run-${options.slug}`,
    labels: {
      ...(options.changes.labels ?? container.labels),
      ...labels,
      [LABEL.oneOff]: 'True',
      [LABEL.slug]: options.slug,
      ...(options.isRemovedAtEnd && { [LABEL.autoRemove]: 'True' }),
    },
  };
}

function identityLabels(
  project: Project,
  service: Service,
  options: ConfigOptions,
): Record<string, string> {
  const dependencies = service.dependsOn.map(
    (item) => `${item.service}:${item.condition}:${item.restart}`,
  );
  return {
    ...project.labels,
    [LABEL.project]: project.name,
    [LABEL.service]: service.name,
    [LABEL.containerNumber]: String(options.number),
    [LABEL.oneOff]: 'False',
    [LABEL.configHash]: service.configHash,
    [LABEL.fingerprint]: formatFingerprint(serviceFingerprint(service)),
    [LABEL.dependsOn]: dependencies.join(','),
    [LABEL.version]: options.version,
    [LABEL.workingDir]: project.workingDir,
    [LABEL.configFiles]: project.configFiles.join(','),
    ...(project.environmentFiles.length > 0 && {
      [LABEL.environmentFile]: project.environmentFiles.join(','),
    }),
    ...(options.imageId !== undefined && { [LABEL.image]: options.imageId }),
  };
}

function withAlias(mode: NetworkMode, alias: string): NetworkMode {
  return mapEndpoints(mode, (endpoint) =>
    endpoint.aliases.includes(alias)
      ? endpoint
      : { ...endpoint, aliases: [alias, ...endpoint.aliases] },
  );
}

/** The networks without what belongs to the container of a service alone: its names and fixed addresses. */
export function withoutAliases(mode: NetworkMode): NetworkMode {
  // A fixed address belongs to the service's own container.
  return mapEndpoints(mode, (endpoint) => ({
    ...endpoint,
    aliases: [],
    ipv4Address: undefined,
    ipv6Address: undefined,
    macAddress: undefined,
  }));
}

function mapEndpoints(mode: NetworkMode, change: (endpoint: Endpoint) => Endpoint): NetworkMode {
  return mode.kind === 'networks' ? { ...mode, endpoints: mode.endpoints.map(change) } : mode;
}
