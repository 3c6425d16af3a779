import { findErrno, isOcupError, messageOf, OcupError } from '../base/errors.ts';
import { unreachable } from '../base/unreachable.ts';
import { resolveHealthcheck } from '../bundle/healthcheck.ts';
import type { Container } from '../model/container.ts';
import type { ContainerEvent } from '../model/event.ts';
import type { ShimExit } from '../wire/shim.ts';
import type { ContainerContext } from './container-context.ts';
import { LastView } from './container-view.ts';
import { failedExit, seenExit, unseenExit } from './exits.ts';
import { HealthMonitor } from './health-monitor.ts';
import type { HealthState } from './health.ts';
import {
  type Life,
  type LifeEffect,
  type LifeInput,
  type LifeRules,
  reduceLife,
  stateOf,
} from './life.ts';
import type { ContainerRecord } from './record.ts';
import type { StoredContainer } from './record-store.ts';
import { readyTarget } from './ready-probe.ts';
import { readShimExit } from './shim-client.ts';
import type { SendOptions } from './signals.ts';

/** An action of an event, with what it says beside. */
type ToldAction<T = ContainerEvent> = T extends ContainerEvent
  ? Omit<T, 'kind' | 'id' | 'name' | 'image' | 'labels'>
  : never;

/**
 * One container while the supervisor runs: feeds its life with what happens, and does what that asks for.
 * Its methods are called by one caller at a time; facts (exits, probes, timers) come at any time.
 */
export class SupervisedContainer {
  private readonly context: ContainerContext;
  private readonly listeners = new Set<() => void>();
  /** Who attaches to its next process. */
  private readonly waiting = new Set<() => Promise<void>>();
  private currentRecord: ContainerRecord;
  private life: Life;
  private readonly rules: LifeRules;
  private readonly health: HealthMonitor;
  private isGone = false;
  private isReleasing = false;
  private readonly lastView = new LastView();
  /** Ends the watch and the probes of the process that runs. */
  private running: AbortController | undefined;
  private restartTimer: NodeJS.Timeout | undefined;
  private launching: Promise<void> = Promise.resolve();
  private releasing: Promise<void> = Promise.resolve();

  constructor(context: ContainerContext, stored: StoredContainer) {
    this.context = context;
    this.currentRecord = stored.record;
    this.life = stored.life;
    const { id, config, image } = stored.record;
    const check = resolveHealthcheck(config, image);
    this.rules = { restart: config.restart, health: check };
    this.health = new HealthMonitor({
      id,
      check,
      specPath: context.launcher.paths(id).spec,
      logPath: context.launcher.paths(id).log,
      target: () => readyTarget(this.runningPid, this.life.endpoints),
      shims: context.shims,
      onProbe: (isSuccess, atMs) => this.takeProbe(isSuccess, atMs),
      onError: (error) => this.complain('cannot probe it', error),
    });
  }

  get id(): string {
    return this.currentRecord.id;
  }

  get name(): string {
    return this.currentRecord.config.name;
  }

  get record(): ContainerRecord {
    return this.currentRecord;
  }

  get phase(): Life['phase'] {
    return this.life.phase;
  }

  get lifeNow(): Life {
    return this.life;
  }

  /** A process that runs, for those who need one. @throws E_CONTAINER_STATE */
  get runningPid(): number {
    if (this.life.phase.status === 'running') return this.life.phase.pid;
    throw new OcupError('E_CONTAINER_STATE', `container ${this.name} is not running`);
  }

  /** Whether something has to be done for it although nobody calls. */
  get isActive(): boolean {
    const { status } = this.life.phase;
    const isUp = status === 'starting' || status === 'running' || status === 'waiting';
    return isUp || this.isReleasing;
  }

  get isRemoved(): boolean {
    return this.isGone;
  }

  /** The same object as long as nothing has changed. */
  view(): Container {
    return this.lastView.of(this.record, this.life, this.health);
  }

  /** Calls back after each change; gives a function that ends it. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Resolves when it runs, at once if it does.
   * @throws E_CONTAINER_STATE while it is removed, and what keeps it from starting
   */
  async start(): Promise<void> {
    await this.releasing;
    if (this.life.phase.status === 'removing') throw this.wrongState('it is being removed');
    if (this.life.phase.status === 'running' && this.life.phase.isPaused) {
      throw this.wrongState('cannot start a paused container, try unpause instead');
    }
    const saved = this.apply({ kind: 'start' });
    await this.launching;
    await saved;
  }

  /** Notes that it is to be stopped, so that nothing starts it again. */
  askToStop(): Promise<void> {
    return this.apply({ kind: 'stop' });
  }

  /** Sends a signal to its first process or to all, and notes why it ends if it does. */
  async signal(
    signal: { readonly number: number; readonly name: string },
    { isAll = false, by = 'stop', reason }: SendOptions = {},
  ): Promise<void> {
    await this.apply({ kind: 'ending', ending: { signal: signal.name, by, reason } });
    try {
      await this.context.shims.call(this.id, 'signal', { signal: signal.number, all: isAll });
    } catch (error) {
      // Nobody is left to get it; the exit is about to be told.
      if (!isOcupError(error) || !(await this.hasEnded())) throw error;
    }
  }

  async pause(): Promise<void> {
    await this.context.shims.call(this.id, 'pause', {});
    await this.apply({ kind: 'paused' });
  }

  /** One that is not paused any more, since it was killed say, is fine. */
  async unpause(): Promise<void> {
    try {
      await this.context.shims.call(this.id, 'resume', {});
    } catch (error) {
      if (!isOcupError(error) || (await this.context.shims.findStatus(this.id)) === 'paused')
        throw error;
    }
    await this.apply({ kind: 'unpaused' });
  }

  /** Resolves when its process has ended and nothing of it is left, or when `timeoutMs` are over. */
  async untilEnded(timeoutMs?: number): Promise<boolean> {
    const isEnded = await new Promise<boolean>((resolve) => {
      const isUp = (): boolean => this.life.phase.status === 'running';
      const finish = (result: boolean): void => {
        clearTimeout(timer);
        stop();
        resolve(result);
      };
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => finish(false), timeoutMs);
      const stop = this.onChange(() => {
        if (!isUp()) finish(true);
      });
      if (!isUp()) finish(true);
    });
    if (isEnded) await this.releasing;
    return isEnded;
  }

  async rename(name: string): Promise<void> {
    const { record } = this;
    const renamed = { ...record, config: { ...record.config, name } };
    await this.context.store.writeRecord(renamed);
    this.currentRecord = renamed;
    this.tell({ action: 'rename' });
    this.notify();
  }

  /** Removes record, log and writable layer of one that has ended. */
  async remove(): Promise<void> {
    await this.releasing;
    await this.apply({ kind: 'remove' });
    if (this.life.phase.status !== 'removing') throw this.wrongState('it is running');
    await this.context.store.remove(this.id);
    this.isGone = true;
    this.tell({ action: 'destroy' });
    this.notify();
  }

  /**
   * Has `attach` run when its next process is made and has not run yet. Gives a function that
   * takes it back.
   */
  whenCreated(attach: () => Promise<void>): () => void {
    this.waiting.add(attach);
    return () => this.waiting.delete(attach);
  }

  /** Goes on with a process that an earlier supervisor started. */
  adopt(ended: Promise<ShimExit | undefined>, running: AbortController): void {
    this.running = running;
    this.follow(ended);
    if (stateOf(this.life) === 'running') this.health.start(Date.parse(this.life.startedAt ?? ''));
    this.notify();
  }

  /** Notes a fact that an earlier supervisor did not see. */
  recover(input: LifeInput): Promise<void> {
    return this.apply(input);
  }

  /** Goes on with the restart that was due when the earlier supervisor ended. */
  resumeRestart(): void {
    if (this.life.phase.status !== 'waiting') return;
    const delayMs = Date.parse(this.life.phase.restartAt) - Date.now();
    this.scheduleRestart(Math.min(Math.max(0, delayMs), this.life.lastPauseMs));
  }

  /** Ends watching, probing and timers; the container runs on. */
  detach(): void {
    this.running?.abort();
    this.health.stop();
    clearTimeout(this.restartTimer);
  }

  /** Tells a fact about it. */
  tell(fact: ToldAction): void {
    const { id, name } = this;
    const { image, labels } = this.record.config;
    this.context.events.tell({ kind: 'container', id, name, image, labels, ...fact });
  }

  /** Whether its process has ended, be it that nobody was told yet. */
  private async hasEnded(): Promise<boolean> {
    if (this.life.phase.status !== 'running') return true;
    const status = await this.context.shims.findStatus(this.id);
    return status === 'exited' || status === undefined;
  }

  /** Resolves once what follows from the input is on disk. */
  private apply(input: LifeInput): Promise<void> {
    const { life, effects } = reduceLife(this.life, input, { rules: this.rules, now: Date.now() });
    if (life === this.life) return Promise.resolve();
    this.life = life;
    const saved = this.context.store.writeLife(this.id, life);
    saved.catch((error: unknown) => this.complain('cannot write its state', error));
    for (const effect of effects) this.perform(effect, saved);
    this.notify();
    return saved;
  }

  private perform(effect: LifeEffect, saved: Promise<void>): void {
    switch (effect.kind) {
      case 'launch':
        this.launching = this.launch(saved);
        this.launching.catch(() => undefined); // whoever asked for it sees it
        return;
      case 'release':
        this.running?.abort();
        this.releasing = this.release(saved);
        return;
      case 'schedule-restart':
        this.scheduleRestart(effect.delayMs);
        return;
      case 'cancel-restart':
        clearTimeout(this.restartTimer);
        return;
      case 'probe':
        this.health.start(Date.parse(this.life.startedAt ?? ''));
        return;
      case 'stop-probing':
        this.health.stop();
        return;
      case 'tell':
        this.tell(effect.fact);
        return;
      default:
        unreachable(effect);
    }
  }

  private async attachWaiting(): Promise<void> {
    const waiting = [...this.waiting];
    this.waiting.clear();
    await Promise.all(waiting.map((attach) => attach()));
  }

  private async launch(intended: Promise<void>): Promise<void> {
    const running = new AbortController();
    try {
      await intended;
      this.running = running;
      this.health.forget();
      const { pid, ended } = await this.context.launcher.launch({
        record: this.record,
        previous: this.life,
        onConnected: (endpoints, ports) => this.apply({ kind: 'connected', endpoints, ports }),
        onCreated: () => this.attachWaiting(),
        signal: running.signal,
      });
      const saved = this.apply({ kind: 'launched', pid });
      this.follow(ended);
      await saved;
    } catch (error) {
      running.abort();
      await this.apply({ kind: 'launch-failed', exit: failedExit(error) }).catch(() => undefined);
      if (findErrno(error) === undefined) throw error;
      const message = `cannot start container ${this.name}: ${messageOf(error)}`;
      throw new OcupError('E_CONTAINER_START', message, { cause: error });
    }
  }

  /** Waits for the exit of the process that runs. */
  private follow(ended: Promise<ShimExit | undefined>): void {
    ended
      .then((exit) =>
        exit === undefined ? this.loseShim() : this.apply({ kind: 'exited', exit: seenExit(exit) }),
      )
      .catch((error: unknown) => {
        if (!isOcupError(error, 'E_CANCELLED')) this.complain('lost sight of it', error);
      });
  }

  /** The shim was killed. If it did not note an exit nobody saw one, and the process must not run on unseen. */
  private async loseShim(): Promise<void> {
    this.context.logger.warn(`the shim of container ${this.name} is gone`);
    const noted = await readShimExit(this.context.launcher.paths(this.id).shimExit);
    if (noted !== undefined) return this.apply({ kind: 'exited', exit: seenExit(noted) });
    await this.context.launcher.release(this.record).catch((error: unknown) => {
      this.complain('cannot end it', error);
    });
    await this.apply({ kind: 'exited', exit: unseenExit('its shim was killed') });
  }

  private async release(saved: Promise<void>): Promise<void> {
    this.isReleasing = true;
    try {
      // With a full disk the exit is in memory only; keeping what the process used would not help.
      await saved.catch(() => undefined);
      await this.context.launcher.release(this.record);
    } catch (error) {
      this.complain('cannot free what it used', error);
    }
    this.isReleasing = false;
    this.notify();
  }

  private scheduleRestart(delayMs: number): void {
    clearTimeout(this.restartTimer);
    this.restartTimer = setTimeout(() => {
      this.context
        .exclusively(this.id, async () => {
          await this.releasing;
          await this.apply({ kind: 'restart-due' });
          await this.launching;
        })
        .catch((error: unknown) => this.complain('cannot restart it', error));
    }, delayMs);
  }

  private takeProbe(isSuccess: boolean, atMs: number): HealthState | undefined {
    void this.apply({ kind: 'probed', isSuccess, atMs }).catch(() => undefined); // it was complained of
    return this.life.health;
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
    this.context.onChange();
  }

  private wrongState(problem: string): OcupError {
    return new OcupError('E_CONTAINER_STATE', `container ${this.name}: ${problem}`);
  }

  private complain(what: string, error: unknown): void {
    this.context.logger.error(`container ${this.name}: ${what}: ${messageOf(error)}`);
  }
}
