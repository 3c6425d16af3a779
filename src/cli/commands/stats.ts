import { totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { delay } from '../../base/abort.ts';
import { isOcupError } from '../../base/errors.ts';
import { formatBinaryBytes, formatBytes } from '../../base/units.ts';
import { type ContainerUsage, readContainerUsage } from '../../host/container-usage.ts';
import type { Container } from '../../model/container.ts';
import { type Call, type CommandDefinition, option } from '../command.ts';
import { formatRows, type ListFormat, type Row } from '../format/template.ts';
import { pickServices, type Session } from '../session.ts';

const REFRESH_MS = 1000;
/** Enough for a share of processor time, which is counted in nanoseconds. */
const SAMPLE_MS = 250;
const ERASE_LINE = '\u001b[K';
const ERASE_BELOW = '\u001b[J';
const HOME = '\u001b[H';

/** The columns of docker's `stats`. */
const STATS_FORMAT: ListFormat = {
  columns: [
    { header: 'CONTAINER ID', field: 'ID' },
    { header: 'NAME', field: 'Name' },
    { header: 'CPU %', field: 'CPUPerc' },
    { header: 'MEM USAGE / LIMIT', field: 'MemUsage' },
    { header: 'MEM %', field: 'MemPerc' },
    { header: 'NET I/O', field: 'NetIO' },
    { header: 'BLOCK I/O', field: 'BlockIO' },
    { header: 'PIDS', field: 'PIDs' },
  ],
  headers: { Container: 'CONTAINER' },
};

export const statsCommand: CommandDefinition = {
  name: 'stats',
  usage: '[SERVICE...]',
  summary: 'Show what containers use of the machine',
  options: [
    option('-a, --all', 'those that do not run, too'),
    option('--format <format>', 'table, json, or a template such as {{.Name}}'),
    option('--no-stream', 'once, and end'),
    option('--no-trunc', 'whole ids'),
  ],
  examples: [
    ['ocup stats', 'look at all containers, once a second'],
    ["ocup stats --no-stream --format '{{.Name}} {{.MemUsage}}'", 'print two fields once'],
  ],
  run: runStats,
};

async function runStats(session: Session, call: Call): Promise<number> {
  const { signal } = session;
  const isOnce = call.options.flag('no-stream');
  let samples: Samples = new Map();
  try {
    samples = await takeSamples(session, call);
    for (;;) {
      await delay(isOnce ? SAMPLE_MS : Math.min(REFRESH_MS, SAMPLE_MS * 2), signal);
      const next = await takeSamples(session, call);
      await show(session, call, { before: samples, now: next, isOnce });
      if (isOnce) return 0;
      samples = next;
      await delay(REFRESH_MS - SAMPLE_MS * 2, signal);
    }
  } catch (error) {
    if (isOcupError(error, 'E_CANCELLED')) return isOnce ? 130 : 0;
    throw error;
  }
}

interface Sample {
  readonly container: Container;
  readonly usage: ContainerUsage | undefined;
  readonly atMs: number;
}

type Samples = ReadonlyMap<string, Sample>;

async function takeSamples(session: Session, { args, options }: Call): Promise<Samples> {
  const target = await session.target();
  const picked = pickServices(await session.containers(target.name), args, target);
  const shown = picked.filter((item) => options.flag('all') || item.pid !== undefined);
  const samples = await Promise.all(
    shown.map(async (container): Promise<[string, Sample]> => {
      const { pid } = container;
      const usage = pid === undefined ? undefined : await readContainerUsage(pid);
      return [container.id, { container, usage, atMs: performance.now() }];
    }),
  );
  return new Map(samples);
}

async function show(
  session: Session,
  { options }: Call,
  known: { readonly before: Samples; readonly now: Samples; readonly isOnce: boolean },
): Promise<void> {
  const isTruncated = !options.flag('no-trunc');
  const rows = [...known.now.values()].map((sample) =>
    statsRow(sample, known.before.get(sample.container.id), isTruncated),
  );
  const text = formatRows(rows, options.text('format'), STATS_FORMAT);
  const isPicture = !known.isOnce && session.context.stdout.terminal !== undefined;
  if (!isPicture) await session.print(text);
  else await session.print(`${HOME}${text.replaceAll('\n', `${ERASE_LINE}\n`)}${ERASE_BELOW}`);
}

function statsRow(
  { container, usage, atMs }: Sample,
  before: Sample | undefined,
  isTruncated: boolean,
): Row {
  const id = isTruncated ? container.id.slice(0, 12) : container.id;
  const names = { Container: id, ID: id, Name: container.config.name };
  const limit = usage?.memoryLimitBytes ?? (usage === undefined ? 0 : totalmem());
  const memory = usage?.memoryBytes ?? 0;
  return {
    BlockIO: pair(usage?.blockReadBytes, usage?.blockWrittenBytes),
    CPUPerc: percent(cpuShare(usage, atMs, before)),
    ...names,
    MemPerc: percent(limit === 0 ? 0 : memory / limit),
    MemUsage: `${formatBinaryBytes(memory)} / ${formatBinaryBytes(limit)}`,
    NetIO: pair(usage?.receivedBytes, usage?.sentBytes),
    PIDs: String(usage?.pids ?? 0),
  };
}

/** Of one processor: two that are busy are 2. */
function cpuShare(
  usage: ContainerUsage | undefined,
  atMs: number,
  before: Sample | undefined,
): number {
  if (usage === undefined || before?.usage === undefined) return 0;
  const elapsedNs = (atMs - before.atMs) * 1e6;
  return elapsedNs <= 0 ? 0 : Math.max(0, usage.cpuNs - before.usage.cpuNs) / elapsedNs;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}

function pair(first = 0, second = 0): string {
  return `${formatBytes(first)} / ${formatBytes(second)}`;
}
