/** A collection costs some 20 ms of processor time: only once nothing has gone on for a while. */
const CALM_MS = 1_000;

/** Gives memory back to the machine when a process has become calm. Needs `--expose-gc`; without it does nothing. */
export class Calm {
  private timer: NodeJS.Timeout | undefined;

  /** To be called whenever something goes on, or has ended. */
  stir(): void {
    if (this.timer !== undefined) {
      this.timer.refresh();
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // What survives the first one has been moved, and leaves whole pages free for the second.
      for (let round = 0; round < 2; round += 1) globalThis.gc?.();
    }, CALM_MS);
    this.timer.unref();
  }
}
