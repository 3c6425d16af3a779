import { isOcupError, OcupError } from '../../base/errors.ts';
import type { Container } from '../../model/container.ts';
import type { PlannedAction } from '../../plan/action.ts';
import { isOfHook } from '../../plan/names.ts';
import { toPreStartConfig } from '../../plan/pre-start.ts';
import { isAlive } from '../../plan/plan-stop.ts';
import { endOfHook } from './hooks.ts';
import type { SupervisorClient } from '../connection.ts';
import type { StepContext } from './steps.ts';

type PrepareAction = Extract<PlannedAction, { readonly kind: 'container.prepare' }>;

/**
 * Runs `pre_start` hooks, one after the other, each in a container of its own. That is removed when it has
 * ended well or was cancelled; one that failed is kept to be looked into.
 * @throws E_CONTAINER_HOOK for the first one that fails, with the last that it wrote, E_CANCELLED
 */
export async function runPreStart(action: PrepareAction, context: StepContext): Promise<void> {
  const { client, view } = context;
  const id = `Container ${action.name}`;
  const owner = await client.call('container.inspect', { container: action.container });
  for (const index of action.hooks) {
    view.show({ id, status: 'working', text: 'Preparing', details: `pre_start[${index}]` });
    await runOne(owner, index, context);
  }
  view.show({ id, status: 'done', text: 'Prepared' });
}

async function runOne(owner: Container, index: number, context: StepContext): Promise<void> {
  const { client, interrupt: signal, onHookLine } = context;
  const config = toPreStartConfig(owner, index);
  if (config === undefined) return;
  await endLeftover(config.name, context);
  const { id } = await client.call('container.create', { config, inheritVolumesOf: undefined });
  const remove = (): Promise<unknown> =>
    client.call('container.remove', { container: id, force: true, volumes: true });
  try {
    // Attached before it starts: not a byte of what it writes is missed.
    const stream = await client.stream(
      'container.attach',
      { container: id, hasStdin: false },
      { signal },
    );
    try {
      await client.call('container.start', { container: id });
    } catch (error) {
      stream.close();
      throw error;
    }
    await endOfHook(stream, { kind: 'pre_start', name: owner.config.name, owner }, onHookLine);
  } catch (error) {
    if (isOcupError(error, 'E_CONTAINER_HOOK')) throw kept(error, config.name);
    await remove();
    throw error;
  }
  await remove();
}

function kept(error: OcupError, name: string): OcupError {
  const hint = `container ${name} is kept to be looked into, until the next up or down`;
  return new OcupError(error.code, error.message, { hint, cause: error });
}

/** What an `up` that was broken off left: one that still runs is not disturbed in its work. */
async function endLeftover(name: string, { client, interrupt }: StepContext): Promise<void> {
  const found = await findContainer(name, client);
  if (found === undefined || !isOfHook(found)) return;
  const { id } = found;
  if (isAlive(found)) {
    const params = { container: id, condition: 'exited' } as const;
    await client.call('container.wait', params, { signal: interrupt });
  }
  await client.call('container.remove', { container: id, force: true, volumes: true });
}

async function findContainer(
  name: string,
  client: SupervisorClient,
): Promise<Container | undefined> {
  try {
    return await client.call('container.inspect', { container: name });
  } catch (error) {
    if (isOcupError(error, 'E_CONTAINER_NOT_FOUND')) return undefined;
    throw error;
  }
}
