import { expect, test } from '@jest/globals';
import { findComparableTime } from '../../../src/base/comparable-time.ts';
import { timestamp } from '../../../src/supervisor/clock.ts';

test('a timestamp has nine digits and never goes back', () => {
  const times = Array.from({ length: 1000 }, timestamp);
  for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  expect(times).toEqual([...times].sort());
  expect(Math.abs(Date.parse(times[0]!) - Date.now())).toBeLessThan(1000);
});

test.each([
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000000000Z'],
  ['2026-01-02T03:04:05.5Z', '2026-01-02T03:04:05.500000000Z'],
  ['2026-01-02T03:04:05.123456789+02:00', '2026-01-02T01:04:05.123456789Z'],
  ['2026-01-02T03:04:05-00:30', '2026-01-02T03:34:05.000000000Z'],
  ['yesterday', undefined],
  ['2026-13-02T03:04:05Z', undefined],
  ['2026-01-02', undefined],
])('%s compares as %s', (text, expected) => {
  expect(findComparableTime(text)).toBe(expected);
});
