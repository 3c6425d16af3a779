import { Semaphore } from './semaphore.ts';

/** One holder per key at a time; different keys never wait for each other. */
export class KeyedMutex {
  private readonly locks = new Map<string, { readonly lock: Semaphore; users: number }>();

  /** Runs `work` as the only holder of `key`. @throws E_CANCELLED if `signal` aborts while waiting. */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const entry = this.locks.get(key) ?? { lock: new Semaphore(1), users: 0 };
    this.locks.set(key, entry);
    entry.users += 1;
    try {
      return await entry.lock.run(work, signal);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.locks.delete(key);
    }
  }
}
