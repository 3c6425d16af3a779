import { isOcupError, OcupError } from '../base/errors.ts';
import { LABEL } from '../model/labels.ts';
import type { Container } from '../model/container.ts';
import type { Project } from '../model/project.ts';
import { isOneOff, serviceOf } from '../plan/names.ts';
import { noSuchService } from '../plan/selection.ts';
import { connectSupervisor, findSupervisor, type SupervisorClient } from './connection.ts';
import type { CommandContext } from './context.ts';
import type { GlobalOptions } from './globals.ts';
import { findScreen, openView, type Screen, type ViewChanges } from './progress/open-view.ts';
import type { ProgressView } from './progress/progress.ts';
import { writeText } from './write-text.ts';

/** The project a command is about: its file, or its name alone where no file is at hand. */
export interface Target {
  readonly name: string;
  readonly project: Project | undefined;
}

/** How a compose file is to be read, where it is not as usual. */
export interface LoadChanges {
  /** Named services: their profiles are enabled. */
  readonly services?: readonly string[];
  readonly allProfiles?: boolean;
  readonly isQuiet?: boolean;
  /** Images stay as they are written, whatever the lock says. */
  readonly isUnlocked?: boolean;
}

/** One run of a command: its context and options, and what it asks for again and again. */
export class Session {
  readonly context: CommandContext;
  readonly globals: GlobalOptions;
  /** Aborts at the first Ctrl-C, unless the command handles signals itself. */
  readonly signal: AbortSignal;
  private client: Promise<SupervisorClient> | undefined;

  constructor(context: CommandContext, globals: GlobalOptions, signal: AbortSignal) {
    this.context = context;
    this.globals = globals;
    this.signal = signal;
  }

  /** Data: to standard output. Resolves when there is room for more. */
  print(text: string | Uint8Array): Promise<void> {
    return writeText(this.context.stdout.stream, text);
  }

  /** A message: to standard error. */
  say(text: string): void {
    void writeText(this.context.stderr.stream, `${text}\n`);
  }

  warn(message: string): void {
    this.say(`Warning: ${message}`);
  }

  /** The supervisor, started if none runs. @throws E_WIRE_CONNECT */
  supervisor(): Promise<SupervisorClient> {
    this.client ??= connectSupervisor(this.context, this.signal);
    return this.client;
  }

  /** Begins to connect for a command that will need it, side by side with what is read first. */
  expectSupervisor(): void {
    if (this.globals.dryRun) return;
    this.supervisor().catch(() => undefined); // whoever asks for it sees the failure
  }

  /** The supervisor, undefined where there is nothing that it could tell about. */
  async existingSupervisor(): Promise<SupervisorClient | undefined> {
    if (this.client !== undefined) return this.client;
    const found = await findSupervisor(this.context, this.signal);
    if (found !== undefined) this.client = Promise.resolve(found);
    return found;
  }

  /** Opens the view that `--progress` asks for. Whoever opens it ends it. */
  openView(operation: string, options: ViewChanges = {}): ProgressView {
    return openView(operation, this.context, { ...this.globals, ...options });
  }

  /** The terminal that a picture of progress goes to; undefined where lines are asked for. */
  findScreen(options: ViewChanges = {}): Screen | undefined {
    return findScreen(this.context, { ...this.globals, ...options });
  }

  /** Loads the project and prints its warnings. @throws E_COMPOSE_… */
  async loadProject(changes: LoadChanges = {}): Promise<Project> {
    // Parsing is loaded only by commands that read a file: it costs a fifth of the start.
    const [{ loadProject, warningsOf }, { applyLock }] = await Promise.all([
      import('./load.ts'),
      import('./apply-lock.ts'),
    ]);
    const loaded = await loadProject(this.context, this.globals, changes);
    const isQuiet = changes.isQuiet === true;
    const project =
      changes.isUnlocked === true ? loaded : await applyLock(this, loaded, { isQuiet });
    if (changes.isQuiet !== true) {
      for (const warning of warningsOf(project, this.context)) this.warn(warning);
    }
    return project;
  }

  /**
   * The project of the compose file, or, without a file, of the name that was given.
   * @throws E_COMPOSE_NOT_FOUND where there is neither
   */
  async target(changes: LoadChanges = {}): Promise<Target> {
    try {
      const project = await this.loadProject({ isQuiet: true, ...changes });
      return { name: project.name, project };
    } catch (error) {
      const { globals, context } = this;
      const name = globals.projectName ?? context.environment['COMPOSE_PROJECT_NAME'];
      const isNamed = name !== undefined && globals.files.length === 0;
      if (isNamed && isOcupError(error, 'E_COMPOSE_NOT_FOUND')) return { name, project: undefined };
      throw error;
    }
  }

  /** The containers of a project, sorted by name; none where there is no supervisor and nothing on disk. */
  async containers(name: string): Promise<readonly Container[]> {
    const client = await this.existingSupervisor();
    if (client === undefined) return [];
    const labels = { [LABEL.project]: name };
    const { containers } = await client.call('container.list', { labels }, { signal: this.signal });
    return containers;
  }
}

/** Containers of the named services, all without names. @throws E_USAGE_NO_SUCH_SERVICE */
export function pickServices(
  containers: readonly Container[],
  names: readonly string[],
  target: Target,
): Container[] {
  if (names.length === 0) return [...containers];
  const known = new Set([
    ...containers.map(serviceOf),
    ...(target.project?.services.map((service) => service.name) ?? []),
    ...(target.project?.disabledServices ?? []),
  ]);
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw noSuchService(unknown, [...known]);
  return containers.filter((item) => names.includes(serviceOf(item)));
}

/** The running container of a service with that replica number, the first one without a number. */
export function getRunning(
  containers: readonly Container[],
  service: string,
  index: number | undefined,
): Container {
  const own = containers.filter(
    (item) =>
      serviceOf(item) === service &&
      !isOneOff(item) &&
      (index === undefined || item.config.labels[LABEL.containerNumber] === String(index)),
  );
  const found = own.find((item) => item.state === 'running');
  if (found !== undefined) return found;
  const paused = own.find((item) => item.state === 'paused');
  if (paused !== undefined) {
    throw new OcupError('E_CONTAINER_STATE', `container ${paused.config.name} is paused`, {
      hint: `let it go on: ocup unpause ${service}`,
    });
  }
  const which = index === undefined ? '' : ` container #${index}`;
  throw new OcupError('E_CONTAINER_STATE', `service "${service}" is not running${which}`, {
    hint: `start it: ocup up -d ${service}`,
  });
}
