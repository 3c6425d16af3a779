import type { ContainerConfig } from '../model/container.ts';
import type { Namespace, NamespaceType } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';

/** A new namespace, the host's, or the one that a file stands for (`/proc/<pid>/ns/net`). */
export type NamespaceChoice = 'private' | 'host' | { readonly path: string };

export interface NamespaceChoices {
  readonly network: NamespaceChoice;
  readonly pid: NamespaceChoice;
  readonly ipc: NamespaceChoice;
  readonly uts: NamespaceChoice;
}

/** A container that shares nothing. */
export const PRIVATE_NAMESPACES: NamespaceChoices = {
  network: 'private',
  pid: 'private',
  ipc: 'private',
  uts: 'private',
};

/**
 * The namespaces of a container in Docker's order. The control groups' is private only where they are
 * cgroup v2, as in Docker: in v1 the mounts already show only the container's own.
 */
export function buildNamespaces(
  config: Pick<ContainerConfig, 'cgroupMode'>,
  choices: NamespaceChoices,
  host: Pick<SpecHost, 'cgroupVersion'>,
): Namespace[] {
  const hasCgroup = host.cgroupVersion === 2 && config.cgroupMode.kind === 'private';
  return [
    ...namespace('mount', 'private'),
    ...namespace('network', choices.network),
    ...namespace('uts', choices.uts),
    ...namespace('pid', choices.pid),
    ...namespace('ipc', choices.ipc),
    ...namespace('cgroup', hasCgroup ? 'private' : 'host'),
  ];
}

function namespace(type: NamespaceType, choice: NamespaceChoice): Namespace[] {
  if (choice === 'host') return [];
  return [choice === 'private' ? { type } : { type, path: choice.path }];
}
