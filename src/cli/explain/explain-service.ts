import type { Container } from '../../model/container.ts';
import type { Dependency, Project, Service } from '../../model/project.ts';
import { isOneOff, serviceOf } from '../../plan/names.ts';
import { explainContainer, type Explanation } from './explain-container.ts';

/** A dependency that keeps a service from starting, and what is the matter with it. */
export interface Obstacle {
  readonly service: string;
  readonly condition: Dependency['condition'];
  /** What of it is not as it should be: a sentence. */
  readonly problem: string;
}

/**
 * What a service waits for, followed down to where it begins: the first obstacle is its own dependency, the last
 * one is the cause. Empty when nothing keeps it from starting.
 */
export function findObstacles(
  service: Service,
  context: {
    readonly project: Project;
    readonly containers: readonly Container[];
    readonly nowMs: number;
  },
): readonly Obstacle[] {
  const found: Obstacle[] = [];
  const seen = new Set<string>([service.name]);
  let current: Service | undefined = service;
  while (current !== undefined) {
    const next = firstObstacle(current, context);
    if (next === undefined || seen.has(next.service)) return found;
    found.push(next);
    seen.add(next.service);
    current = context.project.services.find(({ name }) => name === next.service);
  }
  return found;
}

function firstObstacle(
  service: Service,
  context: { readonly containers: readonly Container[]; readonly nowMs: number },
): Obstacle | undefined {
  for (const { service: name, condition, isRequired } of service.dependsOn) {
    if (!isRequired) continue;
    const own = context.containers.filter((item) => serviceOf(item) === name && !isOneOff(item));
    const problem = problemOf(condition, own, context.nowMs);
    if (problem !== undefined) return { service: name, condition, problem };
  }
  return undefined;
}

function problemOf(
  condition: Dependency['condition'],
  containers: readonly Container[],
  nowMs: number,
): string | undefined {
  if (containers.length === 0) return 'it has no container';
  const bad = containers.find((container) => !isMet(condition, container));
  if (bad === undefined) return undefined;
  const { headline, details }: Explanation = explainContainer(bad, nowMs);
  const [detail] = details;
  return detail === undefined ? headline : `${headline} (${detail})`;
}

function isMet(condition: Dependency['condition'], container: Container): boolean {
  switch (condition) {
    case 'service_started':
      return container.startedAt !== undefined;
    case 'service_healthy':
      return container.state === 'running' && container.health === 'healthy';
    case 'service_completed_successfully':
      return container.state === 'exited' && container.exit?.code === 0;
  }
}
