import { rename, rm } from 'node:fs/promises';
import { listLogFiles } from './log-files.ts';

/** Where the log of a container is, and what the containers it has taken the place of have written. */
export interface LogPlace {
  readonly log: string;
  /** As `log`: with `.1` and so on for what is older. */
  readonly history: string;
}

/**
 * Makes what `from` has written the history of `to`, behind what it has already; of all that, the newest `maxFiles` files
 * stay. Neither of them may be written meanwhile. Broken off, it can be done again.
 */
export async function inheritLog(from: LogPlace, to: LogPlace, maxFiles: number): Promise<void> {
  const lists = await Promise.all([to.history, from.history, from.log].map(listLogFiles));
  const files = lists.flat();
  const kept = files.slice(-maxFiles);
  for (const { path } of files.slice(0, -kept.length)) await rm(path, { force: true });
  // The oldest first: its number is the highest one, and no later one's.
  for (const [index, { path }] of kept.entries()) {
    const number = kept.length - 1 - index;
    const target = number === 0 ? to.history : `${to.history}.${number}`;
    if (path !== target) await rename(path, target);
  }
}
