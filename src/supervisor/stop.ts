import { OcupError } from '../base/errors.ts';
import type { SentSignal } from '../model/container.ts';
import type { SupervisedContainer } from './container.ts';
import { examineHearing } from './first-process.ts';
import { parseSignal, type SendOptions, SIGKILL, type Signal, SIGTERM } from './signals.ts';

export interface Stopped {
  readonly wasRunning: boolean;
  /** Why it was ended before its grace was over, or by force after it. */
  readonly reason: string | undefined;
}

const DEFAULT_GRACE_MS = 10_000;
/** The kernel ends a process that gets SIGKILL at once, but for one that waits for a device. */
const KILL_TIMEOUT_MS = 10_000;

/**
 * Asks the first process to end, gives it its grace, and ends it by force. A process 1 that would not hear
 * the signal is not waited for in vain: if it has children they get the signal and the grace, else it is
 * ended at once.
 *
 * @throws E_CONTAINER_STATE when it does not even end by force
 */
export async function stopContainer(
  container: SupervisedContainer,
  timeoutMs: number | undefined,
): Promise<Stopped> {
  await container.askToStop();
  if (container.phase.status !== 'running') {
    await container.untilEnded(); // what it used may still be on its way out
    return { wasRunning: false, reason: undefined };
  }
  const signal = stopSignalOf(container);
  const graceMs = timeoutMs ?? container.record.config.stopGraceMs ?? DEFAULT_GRACE_MS;
  const reason = await sendStopSignal(container, signal);
  let forced: string | undefined;
  if (!(await container.untilEnded(graceMs < 0 ? undefined : graceMs))) {
    const hasGrace = graceMs > 0;
    forced = hasGrace
      ? `it did not end within ${graceMs / 1000} s after ${signal.name}`
      : `it was given no time after ${signal.name}`;
    await endByForce(container, forced, hasGrace ? 'force' : 'stop');
  }
  container.tell({ action: 'stop', signal: signal.name, reason: reason ?? forced });
  return { wasRunning: true, reason: reason ?? forced };
}

/** Sends SIGKILL and waits until nothing is left. @throws E_CONTAINER_STATE */
export async function endByForce(
  container: SupervisedContainer,
  reason: string | undefined,
  by: SentSignal['by'] = 'force',
): Promise<void> {
  await sendSignal(container, SIGKILL, { by, reason });
  if (await container.untilEnded(KILL_TIMEOUT_MS)) return;
  throw new OcupError(
    'E_CONTAINER_STATE',
    `container ${container.name} did not end within ${KILL_TIMEOUT_MS / 1000} s after SIGKILL`,
    { hint: 'Look for a process in state D: it waits for a device or a network file system.' },
  );
}

/** Sends a signal; a frozen process is thawed, or it could not act on it. */
export async function sendSignal(
  container: SupervisedContainer,
  signal: Signal,
  options: SendOptions = {},
): Promise<void> {
  const { phase } = container;
  if (phase.status !== 'running') return;
  await container.signal(signal, options);
  container.tell({ action: 'kill', signal: signal.name, reason: options.reason });
  if (phase.isPaused) await container.unpause();
}

/** The signal that asks it to end: of its config, else of its image. @throws E_USAGE */
export function stopSignalOf({ record }: Pick<SupervisedContainer, 'record'>): Signal {
  const written = record.config.stopSignal ?? record.image.stopSignal;
  return written === undefined || written === '' ? SIGTERM : parseSignal(written);
}

/** Gives the reason when the signal was not simply sent to process 1. */
async function sendStopSignal(
  container: SupervisedContainer,
  signal: Signal,
): Promise<string | undefined> {
  const hearing = await examineHearing(container.runningPid, signal);
  if (hearing.kind !== 'deaf') {
    await sendSignal(container, signal);
    return undefined;
  }
  const deaf = `process 1 (${hearing.name}) has no handler for ${signal.name}`;
  if (hearing.children.length > 0) {
    const reason = `${deaf}: its children got it`;
    await sendSignal(container, signal, { isAll: true, reason });
    return reason;
  }
  const reason = `${deaf}, so it was ended at once`;
  await sendSignal(container, SIGKILL, { reason });
  return reason;
}
