import type { Container } from '../model/container.ts';
import type { Project, Service } from '../model/project.ts';
import { type ActionId, after, type Plan, type PlannedAction } from './action.ts';
import { decideContainers } from './decide.ts';
import { isOfHook, isOneOff, serviceOf } from './names.ts';
import { imageKey, type ObservedState } from './observed.ts';
import { containerActions } from './plan-containers.ts';
import { inEdgeOrder } from './order.ts';
import { planPulls } from './plan-images.ts';
import {
  createNetwork,
  type DivergedNetwork,
  planNetworks,
  planVolumes,
} from './plan-resources.ts';
import { selectServices } from './selection.ts';
import { isAlive, removeActions } from './plan-stop.ts';
import type { UpOptions } from './up-options.ts';

/**
 * What must be done so that the containers of a project are as the project says. Planning again after it
 * was carried out gives a plan without changes.
 *
 * @throws E_USAGE_NO_SUCH_SERVICE, E_NETWORK_NOT_FOUND and E_VOLUME_NOT_FOUND for external ones that are
 * missing, E_IMAGE_NOT_FOUND, E_COMPOSE_UNSUPPORTED for a service that must be built
 */
export function planUp(project: Project, observed: ObservedState, options: UpOptions): Plan {
  const services = selectServices(project, options.services, options.withDependencies);
  const active = services.filter((service) => (options.scale[service.name] ?? service.scale) > 0);
  const pulls = planPulls(active, observed, options);
  const networks = planNetworks(project, active, observed);
  const volumes = planVolumes(project, active, observed);
  const orphans = findOrphans(project, observed.containers);
  const removed = options.orphans === 'remove' ? orphans : [];
  const diverged = options.recreate === 'never' ? [] : networks.diverged;
  const changed = changeableNetworks(
    diverged.map((item) => item.config.name),
    {
      observed,
      leaving: new Set([...services.map((service) => service.name), ...removed.map(serviceOf)]),
    },
  );
  const remade = diverged.filter((item) => changed.networks.includes(item.config.name));
  const changedNetworks = new Map(remade.map(({ config, keys }) => [config.name, keys]));
  const decisions = decideContainers({
    project,
    observed,
    options,
    services,
    changedNetworks,
    pulling: new Set(pulls.flatMap(pullKey)),
  });
  const removals = [
    ...removed.map((container) => ({ container, cause: 'orphaned container' })),
    ...endedHooks(services, observed.containers).map((container) => ({
      container,
      cause: 'left over from a hook',
    })),
    ...decisions.flatMap((decision) => decision.surplus),
  ];
  const removal = removeActions(removals, { timeoutMs: options.timeoutMs, volumes: false });
  const containers = containerActions(decisions, {
    options,
    changedNetworks,
    made: new Set([...networks.creates, ...volumes.creates, ...pulls].map((item) => item.id)),
    removals: removal,
  });
  return {
    project: project.name,
    actions: inEdgeOrder([
      ...pulls,
      ...networks.creates,
      ...volumes.creates,
      ...removal,
      ...containers.creates,
      ...containers.replaces,
      ...remade.flatMap((network) =>
        remakeNetwork(network, [
          ...removal.map((item) => item.id),
          ...containers.replaces.map((item) => item.id),
        ]),
      ),
      ...containers.starts,
    ]),
    warnings: [
      ...volumes.warnings,
      ...changed.warnings,
      ...(options.orphans === 'warn' ? orphanWarnings(orphans) : []),
    ],
  };
}

/**
 * Those pulls of a plan whose outcome decides whether an existing container is replaced. Whoever carries out
 * the plan makes them first, looks again and plans anew with `pulled`.
 */
export function decisivePulls(
  plan: Plan,
  project: Project,
  containers: readonly Container[],
): PlannedAction[] {
  const existing = new Set(containers.filter((item) => !isOneOff(item)).map(serviceOf));
  const keys = new Set(
    project.services
      .filter((service) => existing.has(service.name))
      .map((service) => imageKey(service.container.image, service.container.platform)),
  );
  return plan.actions.filter((action) => pullKey(action).some((key) => keys.has(key)));
}

/**
 * Containers of the project that no service of it has, and one-off containers that have ended; one that was
 * made for a hook belongs to its service.
 */
export function findOrphans(project: Project, containers: readonly Container[]): Container[] {
  const known = new Set([
    ...project.services.map((service) => service.name),
    ...project.disabledServices,
  ]);
  return containers.filter((item) =>
    isOneOff(item) && !isOfHook(item)
      ? item.state === 'exited' || item.state === 'dead'
      : !known.has(serviceOf(item)),
  );
}

/** Kept to be looked into, until now. */
function endedHooks(services: readonly Service[], containers: readonly Container[]): Container[] {
  const names = new Set(services.map((service) => service.name));
  return containers.filter(
    (item) => isOfHook(item) && names.has(serviceOf(item)) && !isAlive(item),
  );
}

function orphanWarnings(orphans: readonly Container[]): string[] {
  if (orphans.length === 0) return [];
  const names = orphans.map((item) => item.config.name).join(', ');
  return [
    `Found orphan containers (${names}) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
  ];
}

function pullKey(action: PlannedAction): string[] {
  return action.kind === 'image.pull' ? [imageKey(action.image, action.platform)] : [];
}

/** A network can be made anew only when all that is attached to it is replaced or removed. */
function changeableNetworks(
  names: readonly string[],
  known: { readonly observed: ObservedState; readonly leaving: ReadonlySet<string> },
): { readonly networks: readonly string[]; readonly warnings: readonly string[] } {
  const networks: string[] = [];
  const warnings: string[] = [];
  for (const name of names) {
    const holder = known.observed.containers.find(
      (item) => isAttached(item, name) && (isOneOff(item) || !known.leaving.has(serviceOf(item))),
    );
    if (holder === undefined) networks.push(name);
    else {
      warnings.push(
        `network ${name} has changed in the compose file, but ${holder.config.name} uses it and is not part of this command; it stays as it is`,
      );
    }
  }
  return { networks, warnings };
}

function isAttached(container: Container, network: string): boolean {
  const mode = container.config.networkMode;
  return mode.kind === 'networks' && mode.endpoints.some((item) => item.network === network);
}

function remakeNetwork(
  { config, keys }: DivergedNetwork,
  before: readonly ActionId[],
): PlannedAction[] {
  const { name } = config;
  const cause = `config changed: ${keys.join(', ')}`;
  const removeId = `network.remove ${name}`;
  return [
    { kind: 'network.remove', id: removeId, name, cause, dependsOn: before.map(after) },
    { ...createNetwork(config, cause), dependsOn: [after(removeId)] },
  ];
}
