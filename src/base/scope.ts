/** Undoes something; may be called once. */
export type Undo = () => void | Promise<void>;

/**
 * Holds what must be undone while several steps are made: `await using scope = new Scope()`,
 * `scope.defer(undo)` after each step, `scope.release()` when all have succeeded.
 * Undo runs in reverse order; each runs although others failed, and the failures are thrown together.
 */
export class Scope implements AsyncDisposable {
  private undos: Undo[] = [];

  /** Has `undo` run at the end of the scope, unless it is released before. */
  defer(undo: Undo): void {
    this.undos.push(undo);
  }

  /** Keeps everything: nothing deferred so far is undone. */
  release(): void {
    this.undos = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1)
      throw new AggregateError(failures, 'several steps could not be undone');
  }
}
