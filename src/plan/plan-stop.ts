import { unreachable } from '../base/unreachable.ts';
import type { Container, Hook } from '../model/container.ts';
import { type ActionId, after, type PlannedAction } from './action.ts';
import { labelledDependencies } from './dependency-label.ts';
import { serviceOf } from './names.ts';

/** Containers with the cause for what is done to them. */
export type Causes = readonly { readonly container: Container; readonly cause: string }[];

export type Change =
  | { readonly kind: 'stop'; readonly timeoutMs: number | undefined }
  | { readonly kind: 'kill'; readonly signal: string }
  | { readonly kind: 'remove'; readonly force: boolean; readonly volumes: boolean }
  | { readonly kind: 'start' | 'pause' | 'unpause' };

/**
 * The same change for many containers, ordered by what their labels say they depend on: dependants first
 * where something ends, last where something begins. Edges to services that are not among them do not count.
 */
export function changeActions(items: Causes, change: Change): PlannedAction[] {
  const begins = change.kind === 'start' || change.kind === 'unpause';
  const isOrdered = change.kind === 'start' || change.kind === 'stop';
  const ordered = inOrder(items, begins);
  return ordered.map(({ container, cause }, index) => {
    // Only what comes earlier: labels of several versions of a project may form a cycle.
    const before = ordered
      .slice(0, isOrdered ? index : 0)
      .filter(({ container: other }) =>
        begins ? dependsOn(container, other) : dependsOn(other, container),
      );
    const edges = before.map((item) => after(actionId(change, item.container)));
    return makeAction(change, { container, cause, edges });
  });
}

/** Stops what runs and starts all, each service after those that it depends on. */
export function restartActions(
  items: Causes,
  options: { readonly timeoutMs: number | undefined },
): PlannedAction[] {
  const stops = changeActions(
    items.filter(({ container }) => isAlive(container)),
    { kind: 'stop', timeoutMs: options.timeoutMs },
  );
  const stopped = stops.map((action) => after(action.id));
  const starts = changeActions(items, { kind: 'start' }).map((action) => ({
    ...action,
    dependsOn: [...stopped, ...action.dependsOn],
  }));
  return [...stops, ...starts];
}

/** Stops, in order, what runs, and removes all. */
export function removeActions(
  items: Causes,
  options: { readonly timeoutMs: number | undefined; readonly volumes: boolean },
): PlannedAction[] {
  const stops = changeActions(
    items.filter(({ container }) => isAlive(container)),
    { kind: 'stop', timeoutMs: options.timeoutMs },
  );
  const stopIds = new Set(stops.map((item) => item.id));
  const change: Change = { kind: 'remove', force: true, volumes: options.volumes };
  const removes = inOrder(items, false).map(({ container, cause }) => {
    const stopId = actionId({ kind: 'stop', timeoutMs: undefined }, container);
    const edges = stopIds.has(stopId) ? [after(stopId)] : [];
    return makeAction(change, { container, cause, edges });
  });
  return [...stops, ...removes];
}

/** Whether it has a process, or will have one again by itself. */
export function isAlive(container: Container): boolean {
  return ['running', 'paused', 'restarting'].includes(container.state);
}

/** The hooks that a stop runs first: in a process that can run them. */
export function preStopOf({ state, config }: Container): { readonly preStop?: readonly Hook[] } {
  const preStop = config.hooks?.preStop ?? [];
  return state === 'running' && preStop.length > 0 ? { preStop } : {};
}

function makeAction(
  change: Change,
  about: {
    readonly container: Container;
    readonly cause: string;
    readonly edges: PlannedAction['dependsOn'];
  },
): PlannedAction {
  const { container, cause, edges } = about;
  const common = {
    id: actionId(change, container),
    container: container.id,
    name: container.config.name,
    service: serviceOf(container),
    cause,
    dependsOn: edges,
  };
  switch (change.kind) {
    case 'stop':
      return {
        kind: 'container.stop',
        timeoutMs: change.timeoutMs,
        ...preStopOf(container),
        ...common,
      };
    case 'kill':
      return { kind: 'container.kill', signal: change.signal, ...common };
    case 'remove':
      return {
        kind: 'container.remove',
        force: change.force,
        volumes: change.volumes,
        ...common,
      };
    case 'start':
      return { kind: 'container.start', ...common };
    case 'pause':
      return { kind: 'container.pause', ...common };
    case 'unpause':
      return { kind: 'container.unpause', ...common };
    default:
      return unreachable(change);
  }
}

/** The start of that container in what this file plans. */
export function startId(container: Container): ActionId {
  return actionId({ kind: 'start' }, container);
}

function actionId(change: Change, container: Container): ActionId {
  return `container.${change.kind} ${container.config.name}`;
}

function dependsOn(container: Container, other: Container): boolean {
  return (
    serviceOf(other) !== serviceOf(container) &&
    labelledDependencies(container).some(({ service }) => service === serviceOf(other))
  );
}

/** Depth first, so that every edge points backwards; a cycle between old labels is cut where it closes. */
function inOrder(items: Causes, dependenciesFirst: boolean): Causes {
  const ordered: Causes[number][] = [];
  const seen = new Set<Container>();
  const byName = [...items].sort((a, b) =>
    a.container.config.name < b.container.config.name ? -1 : 1,
  );
  const visit = (item: Causes[number]): void => {
    if (seen.has(item.container)) return;
    seen.add(item.container);
    for (const other of byName) if (dependsOn(item.container, other.container)) visit(other);
    ordered.push(item);
  };
  for (const item of byName) visit(item);
  return dependenciesFirst ? ordered : ordered.reverse();
}
