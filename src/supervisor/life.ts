import type {
  ContainerState,
  EndpointState,
  Exit,
  Health,
  PublishedPort,
  RestartPolicy,
  SentSignal,
} from '../model/container.ts';
import { unreachable } from '../base/unreachable.ts';
import { HEALTH_AT_START, type HealthState, type HealthTimes, reduceHealth } from './health.ts';
import { findRestartPause } from './restart.ts';

/**
 * Where a container stands. A process may exist in `starting`, `running` and nowhere else:
 *
 *     created ─start─▶ starting ─launched─▶ running ─exited─▶ exited ─start─▶ starting
 *                          │                   │                ▲
 *                          └── failed ─────────┴─▶ waiting ─stop┘
 *                                                    └─ restart-due ─▶ starting
 *     created, exited ─remove─▶ removing
 */
export type Phase =
  | { readonly status: 'created' }
  | { readonly status: 'starting'; readonly isRestart: boolean }
  | {
      readonly status: 'running';
      readonly pid: number;
      readonly isPaused: boolean;
      readonly ending: SentSignal | undefined;
    }
  | { readonly status: 'waiting'; readonly restartAt: string }
  | { readonly status: 'exited' }
  | { readonly status: 'removing' };

/** What became of a container. */
export interface Life {
  /** What was asked for last. INVARIANT: `stopped` is never started but by a `start`. */
  readonly desired: 'running' | 'stopped';
  readonly phase: Phase;
  /** RFC 3339. */
  readonly startedAt: string | undefined;
  /** The last one. */
  readonly exit: Exit | undefined;
  readonly restartCount: number;
  readonly lastPauseMs: number;
  /** Undefined where there is no probe, and before the first start. */
  readonly health: HealthState | undefined;
  /** Kept after the exit, so that it gets the same again. */
  readonly endpoints: readonly EndpointState[];
  readonly ports: readonly PublishedPort[];
}

export const LIFE_AT_CREATION: Life = {
  desired: 'stopped',
  phase: { status: 'created' },
  startedAt: undefined,
  exit: undefined,
  restartCount: 0,
  lastPauseMs: 0,
  health: undefined,
  endpoints: [],
  ports: [],
};

/** What the declaration says that matters here. */
export interface LifeRules {
  readonly restart: RestartPolicy;
  readonly health: HealthTimes | undefined;
}

export type LifeInput =
  | { readonly kind: 'start' }
  /** The networks are joined; the process is about to run. */
  | {
      readonly kind: 'connected';
      readonly endpoints: readonly EndpointState[];
      readonly ports: readonly PublishedPort[];
    }
  | { readonly kind: 'launched'; readonly pid: number }
  | { readonly kind: 'launch-failed'; readonly exit: Exit }
  | { readonly kind: 'stop' }
  | { readonly kind: 'ending'; readonly ending: SentSignal }
  | { readonly kind: 'exited'; readonly exit: Exit }
  | { readonly kind: 'restart-due' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'unpaused' }
  | { readonly kind: 'probed'; readonly isSuccess: boolean; readonly atMs: number }
  | { readonly kind: 'remove' };

export type LifeEffect =
  /** Make the process. */
  | { readonly kind: 'launch' }
  /** Free what the ended process leaves: shim, runtime state, network. */
  | { readonly kind: 'release' }
  | { readonly kind: 'schedule-restart'; readonly delayMs: number }
  | { readonly kind: 'cancel-restart' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'stop-probing' }
  | { readonly kind: 'tell'; readonly fact: LifeFact };

/** What others are told of. */
export type LifeFact =
  | { readonly action: 'start' | 'pause' | 'unpause' | 'oom' }
  | { readonly action: 'die'; readonly exit: Exit; readonly willRestart: boolean }
  | { readonly action: 'health'; readonly health: Health };

export interface Step {
  readonly life: Life;
  readonly effects: readonly LifeEffect[];
}

/**
 * Decides what an input means at the time `now` (milliseconds since the epoch). Total: what does not fit
 * the phase changes nothing, so that late and doubled messages do no harm.
 *
 * INVARIANT: never two live processes for one record.
 * INVARIANT: an exit is recorded once.
 */
export function reduceLife(
  life: Life,
  input: LifeInput,
  at: { rules: LifeRules; now: number },
): Step {
  switch (input.kind) {
    case 'start':
      return start(life);
    case 'connected':
      if (life.phase.status !== 'starting') return unchanged(life);
      return { life: { ...life, endpoints: input.endpoints, ports: input.ports }, effects: [] };
    case 'launched':
      return launched(life, input.pid, at);
    case 'launch-failed':
      return life.phase.status === 'starting' ? ended(life, input.exit, at) : unchanged(life);
    case 'stop':
      return stop(life);
    case 'ending':
      if (life.phase.status !== 'running') return unchanged(life);
      return { life: { ...life, phase: { ...life.phase, ending: input.ending } }, effects: [] };
    case 'exited':
      return exited(life, input.exit, at);
    case 'restart-due':
      return restart(life);
    case 'paused':
    case 'unpaused':
      return pause(life, input.kind === 'paused');
    case 'probed':
      return probed(life, input, at.rules);
    case 'remove':
      return remove(life);
    default:
      return unreachable(input);
  }
}

/** Docker's name for where it stands. */
export function stateOf(life: Life): ContainerState {
  switch (life.phase.status) {
    case 'running':
      return life.phase.isPaused ? 'paused' : 'running';
    case 'starting':
      return life.phase.isRestart ? 'restarting' : 'created';
    case 'waiting':
      return 'restarting';
    case 'created':
    case 'exited':
    case 'removing':
      return life.phase.status;
    default:
      return unreachable(life.phase);
  }
}

function start(life: Life): Step {
  const { status } = life.phase;
  if (status !== 'created' && status !== 'exited' && status !== 'waiting') return unchanged(life);
  const effects: LifeEffect[] = status === 'waiting' ? [{ kind: 'cancel-restart' }] : [];
  return {
    life: {
      ...life,
      desired: 'running',
      restartCount: 0,
      lastPauseMs: 0,
      phase: { status: 'starting', isRestart: false },
    },
    effects: [...effects, { kind: 'launch' }],
  };
}

function launched(life: Life, pid: number, at: { rules: LifeRules; now: number }): Step {
  if (life.phase.status !== 'starting') return unchanged(life);
  const hasProbe = at.rules.health !== undefined;
  const effects: LifeEffect[] = [{ kind: 'tell', fact: { action: 'start' } }];
  if (hasProbe) effects.push({ kind: 'probe' });
  return {
    life: {
      ...life,
      startedAt: new Date(at.now).toISOString(),
      health: hasProbe ? HEALTH_AT_START : undefined,
      phase: { status: 'running', pid, isPaused: false, ending: undefined },
    },
    effects,
  };
}

function exited(life: Life, exit: Exit, at: { rules: LifeRules; now: number }): Step {
  const { phase } = life;
  if (phase.status === 'starting') return ended(life, exit, at);
  if (phase.status !== 'running') return unchanged(life);
  const reason = exit.reason ?? phase.ending?.reason;
  return ended(life, { ...exit, reason, sent: phase.ending }, at);
}

/** The process is gone, or could not be made. */
function ended(life: Life, exit: Exit, at: { rules: LifeRules; now: number }): Step {
  const wasStarted = life.phase.status === 'running';
  const startedMs = wasStarted ? Date.parse(life.startedAt ?? '') : at.now;
  const { restartCount, lastPauseMs } = life;
  const upMs = Math.max(0, at.now - startedMs);
  // A start by hand that fails is answered with its error; only running containers are kept running.
  const isKept = life.desired === 'running' && (wasStarted || isRestarting(life));
  const pauseMs = isKept
    ? findRestartPause(at.rules.restart, exit, { restartCount, lastPauseMs, upMs })
    : undefined;
  const effects: LifeEffect[] = [{ kind: 'stop-probing' }];
  if (exit.isOomKilled) effects.push({ kind: 'tell', fact: { action: 'oom' } });
  const willRestart = pauseMs !== undefined;
  effects.push({ kind: 'tell', fact: { action: 'die', exit, willRestart } }, { kind: 'release' });
  if (!willRestart)
    return { life: { ...life, desired: 'stopped', exit, phase: { status: 'exited' } }, effects };
  const restartAt = new Date(at.now + pauseMs).toISOString();
  return {
    life: { ...life, exit, lastPauseMs: pauseMs, phase: { status: 'waiting', restartAt } },
    effects: [...effects, { kind: 'schedule-restart', delayMs: pauseMs }],
  };
}

function isRestarting(life: Life): boolean {
  return life.phase.status === 'starting' && life.phase.isRestart;
}

function stop(life: Life): Step {
  if (life.phase.status === 'waiting') {
    return {
      life: { ...life, desired: 'stopped', phase: { status: 'exited' } },
      effects: [{ kind: 'cancel-restart' }],
    };
  }
  return { life: { ...life, desired: 'stopped' }, effects: [] };
}

function restart(life: Life): Step {
  if (life.phase.status !== 'waiting' || life.desired === 'stopped') return unchanged(life);
  return {
    life: {
      ...life,
      restartCount: life.restartCount + 1,
      phase: { status: 'starting', isRestart: true },
    },
    effects: [{ kind: 'launch' }],
  };
}

function pause(life: Life, isPaused: boolean): Step {
  if (life.phase.status !== 'running' || life.phase.isPaused === isPaused) return unchanged(life);
  const effects: LifeEffect[] = [
    { kind: 'tell', fact: { action: isPaused ? 'pause' : 'unpause' } },
  ];
  if (life.health !== undefined) effects.push({ kind: isPaused ? 'stop-probing' : 'probe' });
  return { life: { ...life, phase: { ...life.phase, isPaused } }, effects };
}

function probed(
  life: Life,
  probe: { readonly isSuccess: boolean; readonly atMs: number },
  rules: LifeRules,
): Step {
  if (life.phase.status !== 'running' || life.health === undefined) return unchanged(life);
  if (rules.health === undefined) return unchanged(life);
  const health = reduceHealth(rules.health, life.health, probe);
  const hasChanged = health.status !== life.health.status;
  const fact: LifeFact = { action: 'health', health: health.status };
  return { life: { ...life, health }, effects: hasChanged ? [{ kind: 'tell', fact }] : [] };
}

function remove(life: Life): Step {
  const { status } = life.phase;
  if (status !== 'created' && status !== 'exited') return unchanged(life);
  return { life: { ...life, desired: 'stopped', phase: { status: 'removing' } }, effects: [] };
}

function unchanged(life: Life): Step {
  return { life, effects: [] };
}
