import { isOcupError } from '../../base/errors.ts';
import { withResolvers } from '../../base/resolvers.ts';
import type { Container } from '../../model/container.ts';
import type { Project } from '../../model/project.ts';
import type { Plan, PlannedAction } from '../../plan/action.ts';
import { isOneOff, serviceOf } from '../../plan/names.ts';
import { changeActions, isAlive } from '../../plan/plan-stop.ts';
import { executeActions } from '../execute/executor.ts';
import { observe } from '../execute/observe.ts';
import type { TimelineRecorder } from '../execute/timeline-recorder.ts';
import type { SupervisorClient } from '../connection.ts';
import { LogPrinter, prefixName, toLogSource } from '../logs/log-printer.ts';
import { type FinalExit, RunMonitor } from '../logs/run-monitor.ts';
import { openMenu } from '../menu.ts';
import { quietView } from '../progress/plain.ts';
import type { Session } from '../session.ts';
import { isColored } from '../style.ts';
import { WatchSwitch } from '../watch/watch-switch.ts';

/** The exit code after Ctrl-C. */
const INTERRUPTED = 130;

export interface AttachOptions {
  readonly project: Project;
  readonly client: SupervisorClient;
  readonly timeline: TimelineRecorder;
  /** Services that are stopped in the end, those whose ends count, and those whose output is shown. */
  readonly services: ReadonlySet<string>;
  readonly watched: ReadonlySet<string>;
  readonly shown: ReadonlySet<string>;
  readonly abortOn: 'never' | 'exit' | 'failure';
  readonly exitCodeFrom: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly hasPrefix: boolean;
  readonly hasColor: boolean;
  readonly hasTimestamps: boolean;
  /** Acts on changes of files until its signal aborts. @throws E_USAGE when none are to be watched */
  readonly watch: (signal: AbortSignal) => Promise<void>;
  /** Whether it does so from the starts on, or when the user says so. */
  readonly isWatching: boolean;
  readonly hasMenu: boolean;
}

const STARTS: readonly PlannedAction['kind'][] = [
  'container.prepare',
  'container.start',
  'container.unpause',
];

/** Actions that make processes: what an attached `up` carries out with its logs in view. */
export function isStart(action: PlannedAction): boolean {
  return STARTS.includes(action.kind);
}

/**
 * Starts what `plan` starts, shows what the containers write, and stays until all have ended or are stopped, at the
 * first Ctrl-C in order, at the second one at once; while files are watched until they are stopped. With a menu the user
 * may leave before. Gives the exit code of the command.
 *
 * @throws the first failure of a start; what runs by then runs on
 */
export async function runAttached(
  session: Session,
  plan: Plan,
  options: AttachOptions,
): Promise<number> {
  const { context, globals } = session;
  const leave = new AbortController();
  const colored = options.hasColor && isColored(context.stdout, globals, context.environment);
  const printer = new LogPrinter(context, {
    hasPrefix: options.hasPrefix,
    hasTimestamps: options.hasTimestamps,
    hasErrorStream: true,
    isColored: colored,
  });
  const ending = new Ending(session, options);
  const watching = new WatchSwitch(session, { watch: options.watch, signal: ending.signal });
  const detached = withResolvers<'detached'>();
  const monitor = new RunMonitor({
    client: options.client,
    printer,
    project: options.project.name,
    watched: options.watched,
    shown: options.shown,
    since: new Date(context.now()).toISOString(),
    signal: leave.signal,
    onExit: (exit) => ending.onExit(exit),
  });
  const unsubscribe = context.onSignal(() => ending.onInterrupt());
  const menu = options.hasMenu
    ? openMenu(context, {
        isColored: colored,
        onInterrupt: () => ending.onInterrupt(),
        items: [
          {
            key: 'w',
            label: () => `${watching.isOn ? 'Disable' : 'Enable'} Watch`,
            act: () => watching.turn(),
          },
          { key: 'd', label: () => 'Detach', act: () => detached.resolve('detached') },
        ],
      })
    : undefined;
  if (menu !== undefined) watching.onChange = (problem) => menu.draw(problem);
  // What stops is shown where the line was, and a second Ctrl-C is a signal again.
  ending.signal.addEventListener('abort', () => menu?.close(), { once: true });
  try {
    await monitor.open();
    const { signal } = ending;
    await ending.during(attach(session, plan, { ...options, monitor, printer, signal }));
    if (options.isWatching) watching.turn();
    const end = await Promise.race([whileAnyRuns(monitor, watching), detached.promise]);
    if (end === 'detached') {
      menu?.close();
      session.say('Detached: the containers run on');
      return 0;
    }
    await ending.stopped();
    return ending.exitCode();
  } catch (error) {
    // What was still to be started was broken off by the end.
    if (!ending.hasBegun || !isOcupError(error, 'E_CANCELLED')) throw error;
    await ending.stopped();
    return ending.exitCode();
  } finally {
    menu?.close();
    unsubscribe();
    leave.abort();
    await watching.end();
    await printer.flush();
  }
}

/** Until the last container has ended, and no change of a file can start one again. */
async function whileAnyRuns(monitor: RunMonitor, watching: WatchSwitch): Promise<void> {
  do {
    await watching.whileOn();
    await monitor.waitForEnd();
  } while (watching.isOn);
}

async function attach(
  session: Session,
  plan: Plan,
  options: AttachOptions & {
    readonly monitor: RunMonitor;
    readonly printer: LogPrinter;
    /** What has not been started by then is not started any more. */
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { client, monitor, printer, project, signal } = options;
  const { containers } = await observe(client, project.name, { signal });
  const attached = containers.filter(
    (item) => options.watched.has(serviceOf(item)) && !isOneOff(item),
  );
  const shown = attached.filter((item) => options.shown.has(serviceOf(item))).map(toLogSource);
  for (const source of shown) printer.register(source);
  if (shown.length > 0) await session.print(`Attaching to ${shown.map(prefixName).join(', ')}\n`);
  for (const item of attached.filter(isAlive)) monitor.follow(toLogSource(item));
  const write = (text: string): void => session.say(text.trimEnd());
  await executeActions(plan.actions.filter(isStart), {
    client,
    view: quietView(write),
    signal,
    parallel: session.globals.parallel,
    timeline: options.timeline,
    onHookLine: (container, line) => printer.printHook(toLogSource(container), line),
    onDone(action, result) {
      if (action.kind === 'container.start' && result !== undefined) {
        monitor.onStarted(toLogSource(result));
      }
    },
  }).finally(() => options.timeline.keep(client, plan));
}

/** How an attached `up` comes to its end, and with which exit code. */
class Ending {
  private isInterrupted = false;
  /** Breaks off what is still to be started. */
  private readonly halt = new AbortController();
  /** Resolves when nothing is being started any more. */
  private started: Promise<void> = Promise.resolve();
  private isStarting = false;
  private readonly session: Session;
  private readonly options: AttachOptions;
  private stopping: Promise<void> | undefined;
  /** Breaks off an orderly stop when the user will not wait for it. */
  private readonly impatience = new AbortController();
  private firstExit: FinalExit | undefined;
  private codeFrom: number | undefined;

  constructor(session: Session, options: AttachOptions) {
    this.session = session;
    this.options = options;
  }

  /** Aborts when nothing more is to be started. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.session.signal, this.halt.signal]);
  }

  get hasBegun(): boolean {
    return this.stopping !== undefined;
  }

  /** A stop waits for these starts: what is begun is seen to its end, and stopped then. */
  during(starts: Promise<void>): Promise<void> {
    this.isStarting = true;
    this.started = starts
      .catch(() => undefined)
      .then(() => {
        this.isStarting = false;
      });
    return starts;
  }

  onExit(exit: FinalExit): void {
    const { abortOn, exitCodeFrom } = this.options;
    if (exit.service === exitCodeFrom) this.codeFrom ??= exit.code;
    const isCause = abortOn === 'exit' || (abortOn === 'failure' && exit.code !== 0);
    if (!isCause || this.stopping !== undefined) return;
    this.firstExit = exit;
    this.session.say('Aborting on container exit...');
    this.stop();
  }

  onInterrupt(): void {
    if (!this.isInterrupted) {
      this.isInterrupted = true;
      this.session.say('Gracefully Stopping... press Ctrl+C again to force');
      this.stop();
    } else if (!this.impatience.signal.aborted) {
      const ends = [this.stopped()];
      this.impatience.abort();
      const { signal } = new AbortController();
      const kill = (): Promise<void> =>
        this.carryOut('kill', signal, (items) =>
          changeActions(items, { kind: 'kill', signal: 'SIGKILL' }),
        );
      ends.push(kill());
      // Again for what was being started at that moment.
      if (this.isStarting) ends.push(this.started.then(kill));
      this.stopping = Promise.all(ends).then(() => undefined);
    }
  }

  /** Resolves when whatever stops has stopped. */
  async stopped(): Promise<void> {
    await this.stopping;
  }

  exitCode(): number {
    if (this.isInterrupted) return INTERRUPTED;
    if (this.options.exitCodeFrom !== undefined) return this.codeFrom ?? 0;
    return this.firstExit?.code ?? 0;
  }

  private stop(): void {
    const { timeoutMs } = this.options;
    this.halt.abort();
    this.stopping ??= this.started.then(() =>
      this.carryOut('stop', this.impatience.signal, (items) =>
        changeActions(items, { kind: 'stop', timeoutMs }),
      ),
    );
  }

  private async carryOut(
    operation: string,
    signal: AbortSignal,
    plan: (items: { container: Container; cause: string }[]) => PlannedAction[],
  ): Promise<void> {
    const { client, project, services } = this.options;
    const view = this.session.openView(operation, { isShared: true });
    try {
      const { containers } = await observe(client, project.name, { signal });
      const alive = containers.filter(
        (item) => isAlive(item) && !isOneOff(item) && services.has(serviceOf(item)),
      );
      const items = alive.map((container) => ({ container, cause: operation }));
      const parallel = this.session.globals.parallel;
      await executeActions(plan(items), { client, view, signal, parallel });
    } catch (error) {
      // A container that ended by itself meanwhile is what we want, and a stop may give way to a kill.
      const isFine = isOcupError(error, 'E_CONTAINER_STATE') || isOcupError(error, 'E_CANCELLED');
      if (!isFine) throw error;
    } finally {
      view.end();
    }
  }
}
