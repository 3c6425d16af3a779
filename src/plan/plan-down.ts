import type { Container } from '../model/container.ts';
import { LABEL } from '../model/labels.ts';
import type { Project } from '../model/project.ts';
import { after, type Plan, type PlannedAction } from './action.ts';
import { serviceOf } from './names.ts';
import type { ObservedState } from './observed.ts';
import { findOrphans } from './plan-up.ts';
import { removeActions } from './plan-stop.ts';

export interface DownOptions {
  /** Only these; empty: all, with networks. */
  readonly services: readonly string[];
  /** Named volumes of the project and anonymous ones of its containers. */
  readonly volumes: boolean;
  readonly removeOrphans: boolean;
  readonly timeoutMs: number | undefined;
  /** `local`: images without a name of their own, `all`: every image a service uses. */
  readonly images: 'none' | 'local' | 'all';
}

/**
 * What must be done so that nothing of a project is left but what it shall keep. Without `project` (no
 * compose file at hand) labels alone say what belongs to it, and there are no orphans.
 */
export function planDown(
  name: string,
  project: Project | undefined,
  known: { readonly observed: ObservedState; readonly options: DownOptions },
): Plan {
  const { observed, options } = known;
  const orphans = project === undefined ? [] : findOrphans(project, observed.containers);
  const leaving = observed.containers.filter((container) => {
    if (options.services.length > 0) return options.services.includes(serviceOf(container));
    return options.removeOrphans || !orphans.includes(container);
  });
  const removals = removeActions(
    leaving.map((container) => ({ container, cause: 'down' })),
    { timeoutMs: options.timeoutMs, volumes: options.volumes },
  );
  const isWhole = options.services.length === 0;
  const before = removals
    .filter((action) => action.kind === 'container.remove')
    .map((action) => after(action.id));
  const rest: PlannedAction[] = [
    ...(isWhole ? networkRemovals(name, observed) : []),
    ...(isWhole && options.volumes ? volumeRemovals(name, observed) : []),
    ...(options.images === 'none' ? [] : imageRemovals(project, options, leaving)),
  ].map((action) => ({ ...action, dependsOn: before }));
  const actions = [...removals, ...rest];
  const isEmpty = actions.length === 0;
  return {
    project: name,
    actions,
    warnings: [
      ...(isEmpty ? [`No resource found to remove for project "${name}".`] : []),
      ...orphanWarning(orphans.filter((item) => !leaving.includes(item))),
    ],
  };
}

function networkRemovals(name: string, observed: ObservedState): PlannedAction[] {
  return observed.networks
    .filter((network) => network.config.labels[LABEL.project] === name)
    .map((network) => ({
      kind: 'network.remove',
      id: `network.remove ${network.config.name}`,
      name: network.config.name,
      cause: 'down',
      dependsOn: [],
    }));
}

function volumeRemovals(name: string, observed: ObservedState): PlannedAction[] {
  return observed.volumes
    .filter((volume) => volume.config.labels[LABEL.project] === name)
    .map((volume) => ({
      kind: 'volume.remove',
      id: `volume.remove ${volume.config.name}`,
      name: volume.config.name,
      cause: '--volumes',
      dependsOn: [],
    }));
}

function imageRemovals(
  project: Project | undefined,
  options: DownOptions,
  leaving: readonly Container[],
): PlannedAction[] {
  const built = new Set(
    (project?.services ?? [])
      .filter((service) => service.hasBuild && service.canonical['image'] === undefined)
      .map((service) => service.container.image),
  );
  const images = leaving
    .map((container) => container.config.image)
    .filter((image) => options.images === 'all' || built.has(image));
  return [...new Set(images)].sort().map((image) => ({
    kind: 'image.remove',
    id: `image.remove ${image}`,
    image,
    cause: `--rmi ${options.images}`,
    dependsOn: [],
  }));
}

function orphanWarning(orphans: readonly Container[]): string[] {
  if (orphans.length === 0) return [];
  const names = orphans.map((item) => item.config.name).join(', ');
  return [
    `Found orphan containers (${names}) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
  ];
}
