import { messageOf } from '../base/errors.ts';
import { LABEL } from '../model/labels.ts';
import type { SupervisedContainer } from './container.ts';
import { volumeMounts } from './mount-plan.ts';
import type { Rooms } from './rooms.ts';

export interface RemoveOptions {
  /** Ends it first where it runs. */
  readonly force: boolean;
  /** Its anonymous volumes go along. */
  readonly volumes: boolean;
}

/** @throws E_CONTAINER_NOT_FOUND, E_CONTAINER_STATE when it runs and there is no `force` */
export async function removeContainer(
  rooms: Rooms,
  key: string,
  { force, volumes }: RemoveOptions,
): Promise<void> {
  const removed = await rooms.containers.remove(key, force);
  if (volumes) await removeAnonymous(rooms, removed);
}

/**
 * Removes containers that are to be gone when they have ended, as their label says: those that ended while nobody was
 * there, and from now on each at its end. Whoever else removes one meanwhile is not disturbed.
 */
export function removeEnded(rooms: Rooms): void {
  const remove = (container: SupervisedContainer): void => {
    removeContainer(rooms, container.id, { force: false, volumes: true }).catch(
      (error: unknown) => {
        if (container.isRemoved) return;
        rooms.logger.error(`container ${container.name}: cannot remove it: ${messageOf(error)}`);
      },
    );
  };
  const isDoomed = ({ record }: SupervisedContainer): boolean =>
    record.config.labels[LABEL.autoRemove] === 'True';
  for (const container of rooms.containers.all()) {
    if (isDoomed(container) && container.phase.status === 'exited') remove(container);
  }
  rooms.events.follow((event) => {
    if (event.kind !== 'container' || event.action !== 'die' || event.willRestart) return;
    const container = rooms.containers.all().find(({ id }) => id === event.id);
    if (container !== undefined && isDoomed(container)) remove(container);
  });
}

/** Its anonymous volumes, but for those that another container has taken over. */
async function removeAnonymous(rooms: Rooms, removed: SupervisedContainer): Promise<void> {
  const { volumes, containers } = rooms;
  for (const { volume } of volumeMounts(removed.record.mounts)) {
    const isOwn = volumes.find(volume)?.isAnonymous === true;
    if (!isOwn || containers.usersOfVolume(volume).length > 0) continue;
    await volumes.remove(volume);
    rooms.events.tell({ kind: 'volume', action: 'destroy', name: volume });
  }
}
