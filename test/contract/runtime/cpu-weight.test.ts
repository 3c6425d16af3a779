import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const PROBE = resolve(import.meta.dirname, '../../../build/Release/ocup-probe');

function weightOf(shares: number): number {
  const facts = execFileSync(PROBE, [`weight=${shares}`], { encoding: 'utf8' });
  return Number((JSON.parse(facts) as Record<string, string>)['weight']);
}

describe('CPU shares as a weight of cgroup version 2', () => {
  test.each([
    ['nothing stays nothing', 0, 0],
    ['below the least', 1, 1],
    ['the least', 2, 1],
    ['the default', 1024, 100],
    ['the most', 262_144, 10_000],
    ['beyond the most', 1_000_000, 10_000],
  ])('%s', (_name, shares, weight) => {
    expect(weightOf(shares)).toBe(weight);
  });

  test('between them it is the curve of opencontainers/cgroups', () => {
    let before = 1;
    for (const shares of [3, 10, 100, 256, 512, 1000, 1025, 2048, 10_000, 100_000, 262_143]) {
      const power = Math.log2(shares);
      const wanted = Math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34));
      const weight = weightOf(shares);
      expect([shares, weight]).toEqual([shares, wanted]);
      expect(weight).toBeGreaterThanOrEqual(before);
      before = weight;
    }
  });
});
