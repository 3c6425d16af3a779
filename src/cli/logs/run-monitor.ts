import { isOcupError } from '../../base/errors.ts';
import { withResolvers } from '../../base/resolvers.ts';
import type { ContainerEvent, Event } from '../../model/event.ts';
import { LABEL } from '../../model/labels.ts';
import type { Exit } from '../../model/container.ts';
import { explainExit } from '../../model/exit-cause.ts';
import type { SupervisorClient } from '../connection.ts';
import type { LogPrinter, LogSource } from './log-printer.ts';

/** A container that has ended and is not started again by itself. */
export interface FinalExit {
  readonly service: string;
  readonly code: number;
}

export interface MonitorOptions {
  readonly client: SupervisorClient;
  readonly printer: LogPrinter;
  readonly project: string;
  /** Services whose ends count, and those whose output is shown. */
  readonly watched: ReadonlySet<string>;
  readonly shown: ReadonlySet<string>;
  /** RFC 3339: what was written before is not shown. */
  readonly since: string;
  readonly signal: AbortSignal;
  readonly onExit: (exit: FinalExit) => void;
}

/**
 * Follows what containers write and how they end, for as long as `up` is attached. The end of a container is
 * told after the last line it wrote.
 */
export class RunMonitor {
  private readonly options: MonitorOptions;
  private readonly alive = new Map<string, Promise<void>>();
  /** Starts that were told by their call, or by their event, and not yet by the other. */
  private readonly toldByCall = new Set<string>();
  private readonly toldByEvent = new Set<string>();
  /** Names of containers for which somebody has made another one: the end of the old one is none. */
  private readonly replaced = new Set<string>();
  /** Those of them whose old container has ended, and whose new one has not started. */
  private readonly awaited = new Set<string>();
  /** The times of the last lines that were shown: what a container writes when it is started again comes after. */
  private readonly lastLines = new Map<string, string>();
  private readonly end = withResolvers<undefined>();
  private areAllStarted = false;

  constructor(options: MonitorOptions) {
    this.options = options;
  }

  /** Resolves when the supervisor tells every event from now on. @throws E_WIRE_…, E_CANCELLED */
  open(): Promise<void> {
    const { client, project, signal } = this.options;
    const begun = withResolvers<undefined>();
    client
      .call(
        'events.follow',
        { labels: { [LABEL.project]: project }, since: undefined },
        {
          signal,
          onEvent: (event) => {
            if (event.kind === 'begun') begun.resolve(undefined);
            else this.onFact(event.fact);
          },
        },
      )
      .catch((error: unknown) => {
        const failure = error instanceof Error ? error : new Error(String(error));
        begun.reject(failure);
        if (isOcupError(error, 'E_CANCELLED')) this.end.resolve(undefined);
        else this.end.reject(failure);
      });
    return begun.promise.then(() => undefined);
  }

  /** Follows a container that runs already. */
  follow(source: LogSource): void {
    if (!this.alive.has(source.id)) this.begin(source);
  }

  /** A container was started by us; its event may have come before or be under way. */
  onStarted(source: LogSource): void {
    if (this.toldByEvent.delete(source.id)) return;
    this.toldByCall.add(source.id);
    this.begin(source);
  }

  /** Resolves when every container that was followed has ended. Called when all are started. */
  waitForEnd(): Promise<void> {
    this.areAllStarted = true;
    this.checkEnd();
    return this.end.promise;
  }

  private onFact(fact: Event): void {
    if (fact.kind !== 'container') return;
    this.noteReplacement(fact);
    if (fact.action === 'start') {
      if (this.toldByCall.delete(fact.id)) return;
      if (this.alive.has(fact.id)) return;
      if (!this.areAllStarted) this.toldByEvent.add(fact.id);
      this.begin(fact);
    } else if (fact.action === 'die') void this.onDie(fact);
  }

  private noteReplacement({ action, name, labels }: ContainerEvent): void {
    const old = labels[LABEL.replace];
    if (action === 'create' && old !== undefined) this.replaced.add(old);
    if (action === 'start') {
      this.replaced.delete(name);
      this.awaited.delete(name);
    }
    // It has its own name once it has replaced the other: this one never did.
    if (action !== 'destroy' || old === undefined || old === name) return;
    this.replaced.delete(old);
    if (this.awaited.delete(old)) this.checkEnd();
  }

  private begin(source: LogSource): void {
    const service = source.labels[LABEL.service] ?? '';
    if (!this.options.watched.has(service)) return;
    this.options.printer.register(source);
    const isShown = this.options.shown.has(service);
    this.alive.set(source.id, isShown ? this.followLog(source) : Promise.resolve());
  }

  private async followLog({ id }: LogSource): Promise<void> {
    const { client, printer, signal } = this.options;
    const last = this.lastLines.get(id);
    const since = last ?? this.options.since;
    const params = { containers: [id], follow: true, tail: undefined, since, until: undefined };
    try {
      await client.call('container.logs', params, {
        signal,
        onEvent: (line) => {
          if (last !== undefined && line.time <= last) return;
          this.lastLines.set(id, line.time);
          printer.print(line);
        },
      });
    } catch (error) {
      // It was removed, or we are leaving: what there was has been shown.
      if (!isOcupError(error)) throw error;
    }
    printer.endOf(id);
  }

  private async onDie(event: ContainerEvent & { readonly action: 'die' }): Promise<void> {
    const tail = this.alive.get(event.id);
    if (tail === undefined) return;
    const service = event.labels[LABEL.service] ?? '';
    const { printer, shown, onExit } = this.options;
    const code = event.exit.code ?? 255;
    const text = exitText(event.exit);
    if (event.willRestart) {
      if (shown.has(service)) printer.note(event.id, `${text} (restarting)`);
      return;
    }
    const isReplaced = this.replaced.delete(event.name);
    if (isReplaced) this.awaited.add(event.name);
    await tail;
    if (shown.has(service)) printer.note(event.id, isReplaced ? 'has been recreated' : text);
    this.alive.delete(event.id);
    if (isReplaced) return;
    onExit({ service, code });
    this.checkEnd();
  }

  private checkEnd(): void {
    if (!this.areAllStarted || this.awaited.size > 0) return;
    if (this.alive.size === 0) this.end.resolve(undefined);
  }
}

/** Docker compose's words, and behind them what else there is to know of an end that nobody asked for. */
function exitText(exit: Exit): string {
  const text = `exited with code ${exit.code ?? 'unknown'}`;
  const { isExpected, short, sentence } = explainExit(exit);
  return isExpected || short === `code ${exit.code}` ? text : `${text} (${short}: ${sentence})`;
}
