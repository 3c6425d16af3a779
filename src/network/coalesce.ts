/**
 * A function that runs `work` for many callers at once: each call resolves, or rejects, with a run that began
 * after the call. While one runs, all who come share the next.
 */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let waiting: Promise<void> | undefined;
  const run = (): Promise<void> => {
    if (running === undefined) {
      running = work().finally(() => (running = undefined));
      return running;
    }
    const next = (): Promise<void> => {
      waiting = undefined;
      return run();
    };
    waiting ??= running.then(next, next);
    return waiting;
  };
  return run;
}
