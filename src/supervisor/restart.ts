import type { Exit, RestartPolicy } from '../model/container.ts';

/** What decides whether and when an ended container is started again. */
export interface RestartHistory {
  /** How often it was started again since it was started by hand. */
  readonly restartCount: number;
  /** The pause before the last restart, 0 before the first. */
  readonly lastPauseMs: number;
  /** How long it ran. */
  readonly upMs: number;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;
/** Having run this long, it starts anew with the shortest pause. */
const GOOD_RUN_MS = 10_000;

/**
 * The pause until the next start in milliseconds; undefined: it stays ended. Whether somebody stopped it by
 * hand is the caller's to ask.
 * @see compose-spec 05-services.md#restart
 */
export function findRestartPause(
  policy: RestartPolicy,
  exit: Exit,
  history: RestartHistory,
): number | undefined {
  if (!wantsRestart(policy, exit, history.restartCount)) return undefined;
  if (history.lastPauseMs === 0 || history.upMs >= GOOD_RUN_MS) return FIRST_PAUSE_MS;
  return Math.min(history.lastPauseMs * 2, LONGEST_PAUSE_MS);
}

function wantsRestart(policy: RestartPolicy, exit: Exit, restartCount: number): boolean {
  switch (policy.kind) {
    case 'no':
      return false;
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      // An exit nobody saw counts as a failure.
      return exit.code !== 0 && restartCount < (policy.maxAttempts ?? Number.POSITIVE_INFINITY);
  }
}
