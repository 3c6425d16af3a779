import type { Container } from '../model/container.ts';
import { withResolvers } from '../base/resolvers.ts';
import { OcupError } from '../base/errors.ts';
import { unreachable } from '../base/unreachable.ts';
import type { WaitCondition, WaitResult } from '../wire/protocol.ts';

/** A container that is waited for. */
export interface Awaited {
  readonly view: () => Container;
  readonly isRemoved: () => boolean;
  readonly onChange: (listener: () => void) => () => void;
}

/**
 * Resolves once `condition` is true, at once if it is, or cannot become true any more without a further
 * start. A container that has not been started is waited for.
 *
 * @throws E_CONTAINER_UNHEALTHY for `healthy` where there is no probe, E_CANCELLED
 */
export function waitFor(
  container: Awaited,
  condition: WaitCondition,
  signal: AbortSignal,
): Promise<WaitResult> {
  const { promise, resolve, reject } = withResolvers<WaitResult>();
  const check = (): void => {
    try {
      const isMet = decide(container.view(), container.isRemoved(), condition);
      if (isMet !== undefined) resolve({ isMet, container: container.view() });
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const onAbort = (): void => reject(new OcupError('E_CANCELLED', 'cancelled'));
  const stop = container.onChange(check);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  check();
  return promise.finally(() => {
    stop();
    signal.removeEventListener('abort', onAbort);
  });
}

/** Undefined: not known yet. */
function decide(
  container: Container,
  isRemoved: boolean,
  condition: WaitCondition,
): boolean | undefined {
  if (isRemoved) return condition === 'removed';
  const { state, health } = container;
  const isUp = state === 'running' || state === 'paused';
  const hasEnded = state === 'exited' || state === 'dead' || state === 'removing';
  switch (condition) {
    case 'removed':
      return undefined;
    case 'exited':
      return hasEnded ? true : undefined;
    case 'running':
      return isUp ? true : hasEnded ? false : undefined;
    case 'healthy':
      if (hasEnded) return false;
      if (!isUp) return undefined;
      if (health === 'none') throw noProbe(container);
      return health === 'starting' ? undefined : health === 'healthy';
    default:
      return unreachable(condition);
  }
}

function noProbe(container: Container): OcupError {
  const { name } = container.config;
  return new OcupError('E_CONTAINER_UNHEALTHY', `container ${name} has no healthcheck configured`, {
    hint: 'Add a healthcheck to the service, or wait for it to be started.',
  });
}
