import { throwIfAborted } from '../base/abort.ts';
import { type ErrorCode, isOcupError } from '../base/errors.ts';
import { isMeant, type PruneFilter } from '../model/prune-filter.ts';
import type { PruneCalls } from '../wire/prune-calls.ts';
import type { Handlers } from '../wire/server.ts';
import { sizeOf } from './disk-usage.ts';
import type { Rooms } from './rooms.ts';

/** The calls that remove whatever nobody uses. Cancelling leaves what is left. */
export function pruneHandlers(rooms: Rooms): Pick<Handlers, keyof PruneCalls> {
  const tell = (
    kind: 'image' | 'network' | 'volume',
    action: 'untag' | 'destroy',
    name: string,
  ): void => rooms.events.tell({ kind, action, name });
  return {
    'image.prune': async (request) => {
      const pruned = await rooms.images.prune(request);
      for (const name of pruned.untagged) tell('image', 'untag', name);
      for (const id of pruned.deleted) tell('image', 'destroy', id);
      return pruned;
    },
    'container.prune': ({ filter }, { signal }) => pruneContainers(rooms, filter, signal),
    'network.prune': async ({ filter }) => {
      const deleted = await pruneNetworks(rooms, filter);
      for (const name of deleted) tell('network', 'destroy', name);
      return { deleted };
    },
    'volume.prune': async ({ filter }, { signal }) => {
      const pruned = await pruneVolumes(rooms, filter, signal);
      for (const name of pruned.deleted) tell('volume', 'destroy', name);
      return pruned;
    },
  };
}

type Pruned = PruneCalls['volume.prune']['result'];

const STOPPED: ReadonlySet<string> = new Set(['created', 'exited', 'dead']);

async function pruneContainers(
  { containers, launcher }: Rooms,
  filter: PruneFilter,
  signal: AbortSignal,
): Promise<Pruned> {
  const deleted: string[] = [];
  let freedBytes = 0;
  for (const { id } of containers.list({})) {
    throwIfAborted(signal);
    const { createdAt, config, state } = containers.get(id).view();
    if (!STOPPED.has(state) || !isMeant(filter, { createdAt, labels: config.labels })) continue;
    const size = await sizeOf(launcher.paths(id).upper, signal);
    const remove = (): Promise<unknown> => containers.remove(id, false);
    if (!(await isDone(remove, ['E_CONTAINER_STATE', 'E_CONTAINER_NOT_FOUND']))) continue;
    deleted.push(id);
    freedBytes += size;
  }
  return { deleted, freedBytes };
}

async function pruneNetworks(
  { networks, containers }: Rooms,
  filter: PruneFilter,
): Promise<string[]> {
  const deleted: string[] = [];
  for (const { config, createdAt } of networks.list()) {
    const { name, labels } = config;
    // Without a network that it names, a container that has stopped would not start again.
    if (containers.usersOfNetwork(name).length > 0) continue;
    if (!isMeant(filter, { createdAt, labels })) continue;
    const remove = (): Promise<void> => networks.remove(name);
    if (await isDone(remove, ['E_NETWORK_IN_USE', 'E_NETWORK_NOT_FOUND'])) deleted.push(name);
  }
  return deleted;
}

async function pruneVolumes(
  { volumes, containers }: Rooms,
  filter: PruneFilter,
  signal: AbortSignal,
): Promise<Pruned> {
  const deleted: string[] = [];
  let freedBytes = 0;
  for (const { config, path, isAnonymous } of volumes.list()) {
    throwIfAborted(signal);
    const { name, labels } = config;
    if (!isAnonymous || containers.usersOfVolume(name).length > 0) continue;
    if (!isMeant({ ...filter, createdBefore: undefined }, { createdAt: undefined, labels }))
      continue;
    const size = await sizeOf(path, signal);
    const remove = (): Promise<void> => volumes.remove(name);
    if (!(await isDone(remove, ['E_VOLUME_IN_USE', 'E_VOLUME_NOT_FOUND']))) continue;
    deleted.push(name);
    freedBytes += size;
  }
  return { deleted, freedBytes };
}

/** False: it has come into use, or is gone already. */
async function isDone(
  remove: () => Promise<unknown>,
  passed: readonly ErrorCode[],
): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (passed.some((code) => isOcupError(error, code))) return false;
    throw error;
  }
}
