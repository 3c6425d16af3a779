import { SIGKILL } from './signals.ts';

/** What of `/proc/PID/status` decides whether a signal reaches the process. @see proc_pid_status(5) */
export interface SignalState {
  readonly name: string;
  /** Whether it is process 1 of its pid namespace. */
  readonly isInit: boolean;
  /** Whether it waits for something that a signal may interrupt. */
  readonly isAsleep: boolean;
  readonly blocked: bigint;
  readonly ignored: bigint;
  readonly caught: bigint;
}

/** Undefined when the text is not that of a live process. */
export function findSignalState(status: string): SignalState | undefined {
  const fields = new Map<string, string>();
  for (const line of status.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const name = fields.get('Name');
  const blocked = fields.get('SigBlk');
  const ignored = fields.get('SigIgn');
  const caught = fields.get('SigCgt');
  if (name === undefined || blocked === undefined) return undefined;
  if (ignored === undefined || caught === undefined) return undefined;
  return {
    name,
    isAsleep: fields.get('State')?.startsWith('S') ?? false,
    isInit: fields.get('NSpid')?.split(/\s+/).at(-1) === '1',
    blocked: BigInt(`0x${blocked}`),
    ignored: BigInt(`0x${ignored}`),
    caught: BigInt(`0x${caught}`),
  };
}

/** `unclear`: it is to be asked again in a moment. */
export type Verdict = 'hears' | 'deaf' | 'unclear';

/**
 * Whether the kernel delivers `signal` to the process. It drops what is ignored, and for process 1 of a
 * pid namespace also what has no handler. A signal that is blocked for good waits for `sigwait` or a signalfd
 * and is heard; but programs also block all signals for the moment in which they make another process, and
 * nobody sleeps in that moment.
 * @see kill(2) NOTES, pid_namespaces(7)
 */
export function judgeHearing(state: SignalState, signal: number): Verdict {
  if (signal === SIGKILL.number) return 'hears';
  const bit = 1n << BigInt(signal - 1);
  if ((state.caught & bit) !== 0n) return 'hears';
  if ((state.blocked & bit) !== 0n) return state.isAsleep ? 'hears' : 'unclear';
  return !state.isInit && (state.ignored & bit) === 0n ? 'hears' : 'deaf';
}
