import { OcupError } from '../base/errors.ts';
import type { Container } from '../model/container.ts';
import type { Project } from '../model/project.ts';
import type { Edge, PlannedAction } from './action.ts';
import { labelledDependencies } from './dependency-label.ts';
import { serviceOf } from './names.ts';
import { changeActions, startId } from './plan-stop.ts';
import { withPreStart } from './pre-start.ts';

export interface StartRequest {
  /** The project's, no one-off ones. */
  readonly containers: readonly Container[];
  /** The services that are asked for, all without names. */
  readonly names: readonly string[];
  /** Undefined where no file is at hand. */
  readonly project: Project | undefined;
}

/**
 * Starts what exists and has no process: containers of the named services and of those they depend on, as their
 * labels say, each when its conditions are met.
 *
 * @throws E_CONTAINER_DEPENDENCY where a required dependency with a condition has no container
 * @see compose-spec 05-services.md#depends_on
 */
export function planStart(request: StartRequest): readonly PlannedAction[] {
  const { containers, names, project } = request;
  const services = names.length === 0 ? undefined : withDependencies(names, containers);
  const chosen = containers.filter((item) => services?.has(serviceOf(item)) ?? true);
  const idle = chosen.filter((item) => isIdle(item) && !isDone(item, request));
  const items = idle.map((container) => ({ container, cause: 'start' }));
  const starts = changeActions(items, { kind: 'start' }).map((action) => {
    const container = idle.find((item) => startId(item) === action.id);
    if (container === undefined) return action;
    const edges = conditionEdges(container, { containers, project });
    return { ...action, dependsOn: [...action.dependsOn, ...edges] };
  });
  return withPreStart(starts, chosen);
}

function isIdle({ state }: Container): boolean {
  return state === 'created' || state === 'exited';
}

/** `x-ocup.once`: runs again only where it is asked for by name. */
function isDone(container: Container, { names, project }: StartRequest): boolean {
  const service = project?.services.find((item) => item.name === serviceOf(container));
  const hasEndedWell = container.state === 'exited' && container.exit?.code === 0;
  return hasEndedWell && service?.once !== undefined && !names.includes(service.name);
}

function withDependencies(
  names: readonly string[],
  containers: readonly Container[],
): ReadonlySet<string> {
  const all = new Set(names);
  // A set that grows while it is walked is walked to its new end.
  for (const name of all) {
    for (const container of containers.filter((item) => serviceOf(item) === name)) {
      for (const { service } of labelledDependencies(container)) all.add(service);
    }
  }
  return all;
}

function conditionEdges(
  container: Container,
  known: { readonly containers: readonly Container[]; readonly project: Project | undefined },
): Edge[] {
  const own = serviceOf(container);
  const declared = known.project?.services.find((item) => item.name === own)?.dependsOn;
  return labelledDependencies(container)
    .filter(({ condition }) => condition !== 'service_started')
    .flatMap(({ service, condition: kind }) => {
      const found = known.containers.filter((item) => serviceOf(item) === service);
      const isRequired = declared?.find((item) => item.service === service)?.isRequired ?? true;
      if (found.length === 0 && isRequired) throw missing(own, service);
      return found.map((item) => {
        const condition = { kind, service, container: item.config.name, isRequired };
        return { action: startId(item), condition };
      });
    });
}

function missing(service: string, dependency: string): OcupError {
  return new OcupError('E_CONTAINER_DEPENDENCY', `${service} is missing dependency ${dependency}`, {
    hint: `make it: ocup up -d ${dependency}`,
  });
}
