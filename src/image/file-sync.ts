import { syncFileSystem } from '../native/trees.ts';

/**
 * Syncs the file systems of a few folders for many callers: one sync at a time, and all who ask while it runs share the
 * next.
 */
export class FileSync {
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  private readonly folders: readonly string[];

  constructor(folders: readonly string[]) {
    this.folders = folders;
  }

  /** Resolves when everything that was written before the call is on disk. */
  sync(): Promise<void> {
    if (this.running === undefined) {
      this.running = this.start();
      return this.running;
    }
    this.next ??= this.running
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        this.running = this.start();
        return this.running;
      });
    return this.next;
  }

  private async start(): Promise<void> {
    try {
      for (const folder of this.folders) await syncFileSystem(folder);
    } finally {
      this.running = undefined;
    }
  }
}
