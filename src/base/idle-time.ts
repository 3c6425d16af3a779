/** Long enough that whoever takes a project down and up again finds everything warm. */
const DEFAULT_IDLE_MS = 10_000;

/**
 * How many milliseconds a process of ours stays when nothing runs and nobody calls: `OCUP_IDLE_MS`, or ten seconds where
 * that is not a number above 0.
 */
export function idleTimeMs(environment: Readonly<Record<string, string | undefined>>): number {
  const idleMs = Number(environment['OCUP_IDLE_MS'] ?? '');
  return idleMs > 0 ? idleMs : DEFAULT_IDLE_MS;
}
