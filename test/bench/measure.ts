import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** One way of doing the work that is measured. */
export interface Contender {
  readonly name: string;
  /** Made ready before each run, not measured. */
  readonly prepare?: () => Promise<void>;
  readonly run: () => Promise<void>;
  /** Cleared up after each run, not measured. */
  readonly clean?: () => Promise<void>;
}

export interface Sample {
  readonly name: string;
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

/**
 * Runs the contenders in turn, A B A B …, after one round that does not count. Each begins `settleMs` after the one before
 * has cleared up: the kernel takes network namespaces and cgroups down for a while after whoever had them has gone.
 */
export async function compare(
  contenders: readonly Contender[],
  rounds: number,
  { settleMs = 0 }: { readonly settleMs?: number } = {},
): Promise<Sample[]> {
  const times = new Map<string, number[]>(contenders.map((one) => [one.name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (const one of contenders) {
      await one.prepare?.();
      if (settleMs > 0) await delay(settleMs);
      const begun = performance.now();
      await one.run();
      const took = performance.now() - begun;
      await one.clean?.();
      if (round >= 0) times.get(one.name)?.push(took);
    }
  }
  return [...times].map(([name, values]) => summarise(name, values));
}

function summarise(name: string, values: readonly number[]): Sample {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { name, minMs: at(0), medianMs: at(0.5), maxMs: at(1) };
}

/** Prints the samples, each with its ratio to the last one: the peer or the floor. */
export function printSamples(title: string, samples: readonly Sample[]): void {
  const reference = samples.at(-1)?.medianMs ?? Number.NaN;
  const rows = samples.map((one) => [
    one.name,
    ...[one.minMs, one.medianMs, one.maxMs].map((ms) => ms.toFixed(1)),
    `${(one.medianMs / reference).toFixed(2)} ×`,
  ]);
  printTable(
    title,
    ['', 'min ms', 'median ms', 'max ms', `ratio to ${samples.at(-1)?.name ?? ''}`],
    rows,
  );
}

/** Prints a table with aligned columns. */
export function printTable(
  title: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? '').length)),
  );
  const format = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  console.log(`\n${title}\n${all.map(format).join('\n')}`);
}
