import { OcupError } from '../../base/errors.ts';
import { unreachable } from '../../base/unreachable.ts';
import type { Container } from '../../model/container.ts';
import type { EdgeCondition } from '../../plan/action.ts';
import type { SupervisorClient } from '../connection.ts';
import type { ProgressView } from '../progress/progress.ts';

export type ConditionWaiter = (condition: EdgeCondition) => Promise<void>;

/**
 * Waits for conditions of containers, each once however many dependants it has. Nothing is polled: the
 * supervisor answers when it is so.
 *
 * The waiter throws E_CONTAINER_DEPENDENCY when a container ended or became unhealthy instead.
 */
export function conditionWaiter(
  client: SupervisorClient,
  view: ProgressView,
  signal: AbortSignal,
): ConditionWaiter {
  const waits = new Map<string, Promise<void>>();
  return (condition) => {
    const key = `${condition.kind} ${condition.container} ${condition.isRequired}`;
    const known = waits.get(key);
    if (known !== undefined) return known;
    const wait = waitFor(client, condition, { view, signal });
    waits.set(key, wait);
    return wait;
  };
}

async function waitFor(
  client: SupervisorClient,
  condition: EdgeCondition,
  { view, signal }: { readonly view: ProgressView; readonly signal: AbortSignal },
): Promise<void> {
  if (condition.kind === 'service_started') return;
  const id = `Container ${condition.container}`;
  view.show({ id, status: 'working', text: 'Waiting' });
  const wanted = condition.kind === 'service_healthy' ? 'healthy' : 'exited';
  const params = { container: condition.container, condition: wanted } as const;
  const { isMet, container } = await client.call('container.wait', params, { signal });
  const problem = problemOf(condition, container, isMet);
  if (problem !== undefined) {
    if (condition.isRequired) view.show({ id, status: 'error', text: 'Error', details: problem });
    else view.show({ id, status: 'warning', text: skippedText(condition.service) });
    throw new OcupError('E_CONTAINER_DEPENDENCY', problem, {
      hint: `see what it wrote: ocup logs ${condition.service}`,
    });
  }
  view.show({ id, status: 'done', text: wanted === 'healthy' ? 'Healthy' : 'Exited' });
}

function skippedText(service: string): string {
  return `Skipped: optional dependency ${JSON.stringify(service)} failed to start`;
}

function problemOf(
  condition: EdgeCondition,
  container: Container,
  isMet: boolean,
): string | undefined {
  switch (condition.kind) {
    case 'service_started':
      return undefined;
    case 'service_healthy':
      if (isMet) return undefined;
      // Whoever can do without it says in words of his own that it failed.
      return `${condition.isRequired ? 'dependency failed to start: ' : ''}${unhealthyText(container)}`;
    case 'service_completed_successfully': {
      const code = container.exit?.code;
      if (isMet && code === 0) return undefined;
      return `service "${condition.service}" didn't complete successfully: exit ${code ?? 'unknown'}`;
    }
    default:
      return unreachable(condition.kind);
  }
}

/** Why a container is not what one waited for, in docker compose's words. */
export function unhealthyText(container: Container): string {
  const { name } = container.config;
  if (container.state !== 'running' && container.state !== 'paused') {
    return `container ${name} exited (${container.exit?.code ?? 'unknown'})`;
  }
  if (container.health === 'none') return `container ${name} has no healthcheck configured`;
  return `container ${name} is unhealthy`;
}
