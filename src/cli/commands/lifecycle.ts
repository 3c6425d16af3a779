import { OcupError } from '../../base/errors.ts';
import type { Container } from '../../model/container.ts';
import type { Plan, PlannedAction } from '../../plan/action.ts';
import { isOneOff, serviceOf } from '../../plan/names.ts';
import {
  type Change,
  changeActions,
  isAlive,
  removeActions,
  restartActions,
} from '../../plan/plan-stop.ts';
import { planStart } from '../../plan/plan-start.ts';
import { withPreStart } from '../../plan/pre-start.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import { awaitReady } from '../execute/await-ready.ts';
import { runPlan } from '../execute/run-plan.ts';
import { pickServices, type Session, type Target } from '../session.ts';

interface Picked {
  readonly target: Target;
  readonly containers: readonly Container[];
}

/** The containers of the named services, all without names; no one-off ones. */
async function pick(session: Session, names: readonly string[]): Promise<Picked> {
  const target = await session.target();
  const all = await session.containers(target.name);
  const containers = pickServices(all, names, target);
  return { target, containers: containers.filter((item) => !isOneOff(item)) };
}

async function change(
  session: Session,
  operation: string,
  { target, containers, change: wanted }: Picked & { readonly change: Change },
): Promise<void> {
  const items = containers.map((container) => ({ container, cause: operation }));
  await runActions(session, operation, target.name, changeActions(items, wanted));
}

async function runActions(
  session: Session,
  operation: string,
  project: string,
  actions: readonly PlannedAction[],
): Promise<void> {
  const plan: Plan = { project, actions, warnings: [] };
  await runPlan(session, operation, plan);
}

export const stopCommand: CommandDefinition = {
  name: 'stop',
  usage: '[SERVICE...]',
  summary: 'Stop containers',
  options: [option('-t, --timeout <seconds>', 'grace before containers are killed')],
  async run(session, { args, options }) {
    const timeoutMs = options.durationMs('timeout');
    const { target, containers } = await pick(session, args);
    const alive = containers.filter(isAlive);
    await change(session, 'stop', {
      target,
      containers: alive,
      change: { kind: 'stop', timeoutMs },
    });
    return 0;
  },
};

export const startCommand: CommandDefinition = {
  name: 'start',
  usage: '[SERVICE...]',
  summary: 'Start containers that exist',
  options: [
    option('--wait', 'return when services are running or healthy'),
    option('--wait-timeout <seconds>', 'how long to wait for that'),
  ],
  async run(session, { args, options }) {
    const { target, containers } = await pick(session, []);
    pickServices(containers, args, target);
    if (containers.length === 0) throw nothingToStart(args, target);
    const starts = planStart({ containers, names: args, project: target.project });
    await runActions(session, 'start', target.name, starts);
    if (!options.flag('wait') || session.globals.dryRun) return 0;
    await waitUntilReady(session, target, options.durationMs('wait-timeout'));
    return 0;
  },
};

function nothingToStart(names: readonly string[], { name, project }: Target): OcupError {
  const service = names[0] ?? project?.services[0]?.name;
  if (project === undefined || service === undefined) {
    return new OcupError('E_CONTAINER_NOT_FOUND', `no container found for project "${name}"`);
  }
  const hint = 'make it and start it: ocup up -d';
  const message = `service "${service}" has no container to start`;
  return new OcupError('E_CONTAINER_NOT_FOUND', message, { hint });
}

async function waitUntilReady(
  session: Session,
  target: Target,
  timeoutMs: number | undefined,
): Promise<void> {
  const project = target.project ?? (await session.loadProject({ isQuiet: true }));
  const containers = await session.containers(target.name);
  const services = new Set(containers.map(serviceOf));
  const client = await session.supervisor();
  const view = session.openView('start');
  try {
    const { signal } = session;
    await awaitReady(containers, { client, view, project, services, timeoutMs, signal });
  } finally {
    view.end();
  }
}

export const restartCommand: CommandDefinition = {
  name: 'restart',
  usage: '[SERVICE...]',
  summary: 'Stop and start containers',
  options: [
    option('-t, --timeout <seconds>', 'grace before containers are killed'),
    option('--no-deps', 'leave alone services that ask to be restarted along'),
  ],
  async run(session, { args, options }) {
    const timeoutMs = options.durationMs('timeout');
    const { target } = await pick(session, args);
    const names = options.flag('no-deps') ? args : withFollowers(args, target);
    const { containers } = await pick(session, names);
    const items = containers.map((container) => ({ container, cause: 'restart' }));
    const actions = withPreStart(restartActions(items, { timeoutMs }), containers);
    await runActions(session, 'restart', target.name, actions);
    return 0;
  },
};

/** With services that depend on a named one by `restart: true`. @see compose-spec 05-services.md#depends_on */
function withFollowers(names: readonly string[], target: Target): readonly string[] {
  if (names.length === 0) return names;
  const all = new Set(names);
  const services = target.project?.services ?? [];
  for (let size = 0; size !== all.size;) {
    size = all.size;
    for (const service of services) {
      if (service.dependsOn.some((item) => item.restart && all.has(item.service))) {
        all.add(service.name);
      }
    }
  }
  return [...all];
}

export const killCommand: CommandDefinition = {
  name: 'kill',
  usage: '[SERVICE...]',
  summary: 'Send a signal to containers',
  options: [
    option('-s, --signal <signal>', 'name or number, SIGKILL without'),
    hiddenOption('--remove-orphans', 'accepted, without effect'),
  ],
  async run(session, { args, options }) {
    const signal = options.text('signal') ?? 'SIGKILL';
    const { target, containers } = await pick(session, args);
    const alive = containers.filter(isAlive);
    await change(session, 'kill', { target, containers: alive, change: { kind: 'kill', signal } });
    return 0;
  },
};

export const pauseCommand: CommandDefinition = {
  name: 'pause',
  usage: '[SERVICE...]',
  summary: 'Freeze the processes of containers',
  options: [],
  async run(session, { args }) {
    const { target, containers } = await pick(session, args);
    const running = containers.filter((item) => item.state === 'running');
    await change(session, 'pause', { target, containers: running, change: { kind: 'pause' } });
    return 0;
  },
};

export const unpauseCommand: CommandDefinition = {
  name: 'unpause',
  usage: '[SERVICE...]',
  summary: 'Let frozen processes go on',
  options: [],
  async run(session, { args }) {
    const { target, containers } = await pick(session, args);
    const paused = containers.filter((item) => item.state === 'paused');
    await change(session, 'unpause', { target, containers: paused, change: { kind: 'unpause' } });
    return 0;
  },
};

export const rmCommand: CommandDefinition = {
  name: 'rm',
  usage: '[SERVICE...]',
  summary: 'Remove stopped containers',
  options: [
    option('-f, --force', 'do not ask'),
    option('-s, --stop', 'stop containers that run, first'),
    option('-v, --volumes', 'remove their anonymous volumes, too'),
  ],
  async run(session, { args, options }) {
    const { target, containers } = await pick(session, args);
    const leaving = containers.filter((item) => options.flag('stop') || !isAlive(item));
    if (leaving.length === 0) {
      session.say('No stopped containers');
      return 0;
    }
    if (!session.globals.dryRun) {
      const names = [...leaving].sort(newestFirst).map((item) => item.config.name);
      await session.print(`Going to remove ${names.join(', ')}\n`);
      if (!options.flag('force') && !(await confirm(session))) return 0;
    }
    const items = leaving.map((container) => ({ container, cause: 'rm' }));
    const volumes = options.flag('volumes');
    const actions = removeActions(items, { timeoutMs: undefined, volumes });
    await runActions(session, 'rm', target.name, actions);
    return 0;
  },
};

function newestFirst(a: Container, b: Container): number {
  return a.createdAt < b.createdAt ? 1 : -1;
}

/** Asks on standard error; without an answer on standard input nothing is removed. */
async function confirm(session: Session): Promise<boolean> {
  session.say('Are you sure? [yN] ');
  for await (const chunk of session.context.stdin.stream) {
    return /^\s*y(?:es)?\s*$/im.test(String(chunk));
  }
  return false;
}
