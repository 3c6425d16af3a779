import { expect, test } from '@jest/globals';

import { coalesce } from '../../../src/network/coalesce.ts';

test('those who come while work runs share one more run', async () => {
  const ends: ((error?: Error) => void)[] = [];
  const run = coalesce(
    () =>
      new Promise<void>((resolve, reject) => {
        ends.push((error) => (error === undefined ? resolve() : reject(error)));
      }),
  );
  const first = run();
  const others = [run(), run(), run()];
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await first;
  await Promise.resolve();
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await Promise.all(others);
  expect(ends).toHaveLength(2);
});

test('a run that failed does not fail those who came during it', async () => {
  let isFailing = true;
  const run = coalesce(() => (isFailing ? Promise.reject(new Error('x')) : Promise.resolve()));
  const first = run();
  const second = run();
  isFailing = false;
  await expect(first).rejects.toThrow('x');
  await expect(second).resolves.toBeUndefined();
});
