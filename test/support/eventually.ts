import { setTimeout as sleep } from 'node:timers/promises';

/** Asks `check` again and again, with growing pauses up to 100 ms, until it holds. @throws after `timeoutMs` */
export async function eventually(
  check: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what = 'condition',
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (let pauseMs = 2; !(await check()); pauseMs = Math.min(pauseMs * 1.5, 100)) {
    if (Date.now() > end) throw new Error(`${what} did not come true within ${timeoutMs} ms`);
    await sleep(pauseMs);
  }
}
