import { messageOf, isOcupError } from '../base/errors.ts';
import { type Exit, UNKNOWN_EXIT } from '../model/container.ts';
import type { ShimExit } from '../wire/shim.ts';
import { timestamp } from './clock.ts';
import { signalName } from './signals.ts';

/** What a shim saw. */
export function seenExit(exit: ShimExit): Exit {
  return {
    ...UNKNOWN_EXIT,
    pid: exit.pid,
    code: exit.exitCode,
    signal: exit.signal === 0 ? undefined : signalName(exit.signal),
    isOomKilled: exit.isOomKilled,
    memoryLimitBytes: exit.memoryLimitBytes,
    memoryPeakBytes: exit.memoryPeakBytes,
    at: exit.exitedAt,
  };
}

/** The exit of a process that nobody saw end. */
export function unseenExit(reason: string): Exit {
  return { ...UNKNOWN_EXIT, at: timestamp(), reason };
}

/** A shell's codes for a command that could not be run; Docker's for all else. */
const EXIT_CODES: Readonly<Record<string, number>> = { 'not-found': 127, 'not-executable': 126 };
const OTHER_EXIT_CODE = 128;

/** The exit that a failed launch counts as. */
export function failedExit(error: unknown): Exit {
  const kind = isOcupError(error) ? String(error.details['kind']) : '';
  const code = EXIT_CODES[kind] ?? OTHER_EXIT_CODE;
  return { ...UNKNOWN_EXIT, code, at: timestamp(), reason: messageOf(error) };
}
