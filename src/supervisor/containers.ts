import { OcupError } from '../base/errors.ts';
import { KeyedMutex } from '../base/keyed-mutex.ts';
import type { WaitCondition, WaitResult } from '../wire/protocol.ts';
import type { ImageUser } from '../image/image-users.ts';
import type { Container, Labels } from '../model/container.ts';
import { SupervisedContainer } from './container.ts';
import type { ContainerContext } from './container-context.ts';
import { volumeMounts } from './mount-plan.ts';
import type { ContainerRecord } from './record.ts';
import type { StoredContainer } from './record-store.ts';
import { LIFE_AT_CREATION } from './life.ts';
import { inheritLog } from './log-history.ts';
import { logLimits } from './log-limits.ts';
import { parseSignal, SIGKILL } from './signals.ts';
import { endByForce, sendSignal, type Stopped, stopContainer, stopSignalOf } from './stop.ts';
import { waitFor } from './wait.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** All containers, by id and by name. What is done to one is done one after the other. */
export class Containers {
  private readonly byId = new Map<string, SupervisedContainer>();
  private readonly idsByName = new Map<string, string>();
  /** Of containers and bundles that are being made. */
  private readonly heldImages = new Set<ImageUser>();
  private readonly heldRecords = new Set<ContainerRecord>();
  private readonly locks = new KeyedMutex();
  private readonly context: Omit<ContainerContext, 'exclusively'>;

  constructor(context: Omit<ContainerContext, 'exclusively'>) {
    this.context = context;
  }

  all(): readonly SupervisedContainer[] {
    return [...this.byId.values()];
  }

  /** Those that carry all `labels`, by name. */
  list(labels: Labels): readonly Container[] {
    const wanted = Object.entries(labels);
    const found = this.all()
      .filter(({ record }) => wanted.every(([key, value]) => record.config.labels[key] === value))
      .map((container) => container.view());
    return found.sort((a, b) => (a.config.name < b.config.name ? -1 : 1));
  }

  /** By name, id, or a prefix of one id only. @throws E_CONTAINER_NOT_FOUND */
  get(key: string): SupervisedContainer {
    const known = this.byId.get(this.idsByName.get(key) ?? key);
    if (known !== undefined) return known;
    const isPrefix = /^[0-9a-f]+$/.test(key);
    const found = isPrefix ? this.all().filter(({ id }) => id.startsWith(key)) : [];
    const [first, second] = found;
    if (first !== undefined && second === undefined) return first;
    throw new OcupError(
      'E_CONTAINER_NOT_FOUND',
      first === undefined
        ? `no such container: ${key}`
        : `more than one container begins with ${key}`,
      { details: { container: key } },
    );
  }

  /**
   * Holds the name for a container that is being made; gives a function that frees it again.
   * @throws E_CONTAINER_CREATE for a name of a wrong form, E_CONTAINER_EXISTS
   */
  reserveName(name: string, id: string): () => void {
    if (!NAME.test(name)) {
      throw new OcupError(
        'E_CONTAINER_CREATE',
        `invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
    }
    const holder = this.idsByName.get(name);
    if (holder !== undefined) throw nameTaken(name, holder);
    this.idsByName.set(name, id);
    return () => {
      if (this.idsByName.get(name) === id) this.idsByName.delete(name);
    };
  }

  /** Takes in a container that has just been made, or was read from disk. Its name must be reserved. */
  add(
    record: ContainerRecord,
    life: StoredContainer['life'] = LIFE_AT_CREATION,
  ): SupervisedContainer {
    const context: ContainerContext = {
      ...this.context,
      exclusively: (id, work) => this.locks.run(id, work),
    };
    const container = new SupervisedContainer(context, { record, life });
    this.byId.set(record.id, container);
    this.context.onChange();
    return container;
  }

  start(key: string): Promise<SupervisedContainer> {
    return this.exclusively(key, (container) => container.start());
  }

  async stop(
    key: string,
    timeoutMs: number | undefined,
  ): Promise<Stopped & { readonly container: SupervisedContainer }> {
    let stopped: Stopped = { wasRunning: false, reason: undefined };
    const container = await this.exclusively(key, async (held) => {
      stopped = await stopContainer(held, timeoutMs);
    });
    return { ...stopped, container };
  }

  /** Does not wait for a stop that is under way. @throws E_CONTAINER_STATE when it does not run */
  async kill(key: string, text: string): Promise<SupervisedContainer> {
    const signal = parseSignal(text);
    const container = this.get(key);
    if (container.phase.status === 'waiting') await container.askToStop();
    else {
      const isEnd = signal.number === SIGKILL.number;
      if (container.phase.status !== 'running')
        throw notRunning(container, 'cannot kill container');
      if (isEnd || signal.number === stopSignalOf(container).number) await container.askToStop();
      if (isEnd) await endByForce(container, 'it was killed', 'kill');
      else await sendSignal(container, signal, { by: 'kill' });
    }
    return container;
  }

  pause(key: string): Promise<SupervisedContainer> {
    return this.exclusively(key, async (container) => {
      const { phase } = container;
      if (phase.status !== 'running') throw notRunning(container, 'cannot pause container');
      if (phase.isPaused) throw wrongState(container, 'is already paused');
      await container.pause();
    });
  }

  unpause(key: string): Promise<SupervisedContainer> {
    return this.exclusively(key, async (container) => {
      const { phase } = container;
      if (phase.status !== 'running' || !phase.isPaused) {
        throw wrongState(container, 'is not paused');
      }
      await container.unpause();
    });
  }

  rename(key: string, name: string): Promise<SupervisedContainer> {
    return this.exclusively(key, async (container) => {
      const before = container.name;
      if (before === name) return;
      const release = this.reserveName(name, container.id);
      try {
        await container.rename(name);
      } catch (error) {
        release();
        throw error;
      }
      if (this.idsByName.get(before) === container.id) this.idsByName.delete(before);
    });
  }

  /**
   * Keeps what `from` has written as the history of a container that takes its place and has not written yet.
   * @throws E_CONTAINER_STATE when `from` may still write, or the other one has begun to
   */
  inheritLog(key: string, from: string): Promise<SupervisedContainer> {
    const container = this.get(key);
    const earlier = this.get(from);
    return this.exclusively(container.id, async () => {
      if (earlier.isActive || container.phase.status !== 'created') {
        const message = `cannot hand the log of ${earlier.name} on to ${container.name}`;
        throw new OcupError('E_CONTAINER_STATE', message, {
          hint: 'One must have ended, the other must not have been started.',
        });
      }
      const { launcher } = this.context;
      const limits = logLimits(container.record.config.logging);
      if (limits === undefined) return;
      await inheritLog(launcher.paths(earlier.id), launcher.paths(container.id), limits.maxFiles);
    });
  }

  /**
   * Removes one that does not run, or ends it first with `force`.
   * @throws E_CONTAINER_STATE when it runs and there is no `force`
   */
  remove(key: string, force: boolean): Promise<SupervisedContainer> {
    const container = this.get(key);
    // A stop that is under way would hold this up for its grace.
    if (force && container.phase.status === 'running') {
      void endByForce(container, 'it was removed').catch(() => undefined); // seen by the next one
    }
    return this.exclusively(container.id, async () => {
      if (container.phase.status === 'running' && !force) {
        throw new OcupError(
          'E_CONTAINER_STATE',
          `cannot remove container ${container.name}: container is running`,
          { hint: 'Stop the container before removing it, or remove it by force.' },
        );
      }
      await container.askToStop();
      if (container.phase.status === 'running') await endByForce(container, 'it was removed');
      await container.remove();
      this.forget(container);
    });
  }

  wait(key: string, condition: WaitCondition, signal: AbortSignal): Promise<WaitResult> {
    const container = this.get(key);
    return waitFor(
      {
        view: () => container.view(),
        isRemoved: () => container.isRemoved,
        onChange: (listener) => container.onChange(listener),
      },
      condition,
      signal,
    );
  }

  /** The containers that mount a volume, or are being made to. */
  usersOfVolume(volume: string): readonly string[] {
    return this.records()
      .filter(({ mounts }) => volumeMounts(mounts).some((mount) => mount.volume === volume))
      .map(({ id }) => id);
  }

  /** The containers that name a network, whether they run or not. */
  usersOfNetwork(network: string): readonly string[] {
    return this.records()
      .filter(({ config: { networkMode } }) =>
        networkMode.kind === 'networks'
          ? networkMode.endpoints.some((endpoint) => endpoint.network === network)
          : false,
      )
      .map(({ id }) => id);
  }

  /** Counts a container that is being made as a user of volumes and networks; gives a function that ends it. */
  holdRecord(record: ContainerRecord): () => void {
    this.heldRecords.add(record);
    return () => void this.heldRecords.delete(record);
  }

  /** The containers that were or are being made from images, and whatever else holds one. */
  usersOfImages(): readonly ImageUser[] {
    const made = this.all().map(({ name, record: { imageId, layers } }) => ({
      name,
      imageId,
      layers,
    }));
    return [...made, ...this.heldImages];
  }

  /** Counts what is being made from an image as its user; gives a function that ends it. */
  holdImage(user: ImageUser): () => void {
    this.heldImages.add(user);
    return () => void this.heldImages.delete(user);
  }

  /** Whether something has to be done for one of them although nobody calls. */
  get hasActive(): boolean {
    return this.all().some(({ isActive }) => isActive);
  }

  /** Does `work` while nothing else is done to the container: it does not start, stop or go meanwhile. */
  whileHeld(
    key: string,
    work: (container: SupervisedContainer) => Promise<void>,
  ): Promise<SupervisedContainer> {
    return this.exclusively(key, work);
  }

  private records(): readonly ContainerRecord[] {
    return [...this.all().map(({ record }) => record), ...this.heldRecords];
  }

  private forget(container: SupervisedContainer): void {
    this.byId.delete(container.id);
    if (this.idsByName.get(container.name) === container.id) this.idsByName.delete(container.name);
    this.context.onChange();
  }

  private async exclusively(
    key: string,
    work: (container: SupervisedContainer) => Promise<void>,
  ): Promise<SupervisedContainer> {
    const container = this.get(key);
    await this.locks.run(container.id, async () => {
      if (container.isRemoved) this.get(key); // it was removed meanwhile
      await work(container);
    });
    return container;
  }
}

function nameTaken(name: string, holder: string): OcupError {
  return new OcupError(
    'E_CONTAINER_EXISTS',
    `Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
      'You have to remove (or rename) that container to be able to reuse that name.',
    { details: { name, id: holder } },
  );
}

function notRunning(container: SupervisedContainer, what: string): OcupError {
  return new OcupError('E_CONTAINER_STATE', `${what} ${container.name}: container is not running`);
}

function wrongState(container: SupervisedContainer, problem: string): OcupError {
  return new OcupError('E_CONTAINER_STATE', `container ${container.name} ${problem}`);
}
