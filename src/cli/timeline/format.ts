import type { TimelineSpan } from '../../model/timeline.ts';
import { formatTable, widthOf } from '../format/table.ts';
import { paint } from '../style.ts';
import type { PathStep } from './critical-path.ts';

export interface TimelineLayout {
  /** Of a line, in characters. */
  readonly width: number;
  readonly isColored: boolean;
}

const LEAST_BAR = 10;
const CRITICAL_COLOR = '33';

/** A line a span with a bar, those of the critical path marked; and the path by itself. */
export function formatTimeline(
  spans: readonly TimelineSpan[],
  path: readonly PathStep[],
  layout: TimelineLayout,
): string {
  const critical = new Set(path.map(({ span }) => span.id));
  const startMs = Math.min(...spans.map((span) => span.startMs));
  const wholeMs = Math.max(...spans.map((span) => span.endMs)) - startMs;
  const rows = spans.map((span) => [
    critical.has(span.id) ? '*' : ' ',
    span.service ?? '-',
    nameOf(span),
    seconds(span.startMs - startMs),
    seconds(span.endMs - span.startMs),
    '',
  ]);
  const table = formatTable([['', 'SERVICE', 'STEP', 'FROM', 'TOOK', ''], ...rows], {
    minWidth: 2,
    padding: 1,
  });
  const [header = '', ...lines] = table.trimEnd().split('\n');
  const left = Math.max(widthOf(header), ...lines.map(widthOf));
  const barWidth = Math.max(LEAST_BAR, layout.width - left - 1);
  const drawn = lines.map((line, index) => {
    const span = spans[index];
    if (span === undefined) return line;
    const text = `${line.padEnd(left)} ${bar(span, { startMs, wholeMs }, barWidth)}`.trimEnd();
    return layout.isColored && critical.has(span.id) ? paint(text, CRITICAL_COLOR) : text;
  });
  const steps = path.map(({ span, ownMs }) => {
    return `  ${seconds(ownMs)}  ${[span.service, nameOf(span)].filter((part) => part !== undefined).join(': ')}`;
  });
  const sum = path.reduce((total, { ownMs }) => total + ownMs, 0);
  return [
    header.trimEnd(),
    ...drawn,
    '',
    `* critical path, ${seconds(sum).trim()} s:`,
    ...steps,
    '',
  ].join('\n');
}

function bar(
  span: TimelineSpan,
  { startMs, wholeMs }: { readonly startMs: number; readonly wholeMs: number },
  width: number,
): string {
  const scale = width / Math.max(wholeMs, 1);
  const from = Math.min(width - 1, Math.floor((span.startMs - startMs) * scale));
  const length = Math.max(1, Math.round((span.endMs - span.startMs) * scale));
  return `${' '.repeat(from)}${'█'.repeat(Math.min(length, width - from))}`;
}

function nameOf({ step, subject }: TimelineSpan): string {
  return subject === '' ? step : `${step} ${subject}`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3).padStart(7);
}

/**
 * The Trace Event Format that chrome://tracing and Perfetto read: a track for each service, complete events in
 * microseconds since the begin.
 */
export function formatChromeTrace(
  project: string,
  spans: readonly TimelineSpan[],
  path: readonly PathStep[],
): string {
  const startMs = Math.min(...spans.map((span) => span.startMs));
  const critical = new Set(path.map(({ span }) => span.id));
  const tracks = [...new Set(spans.map(trackOf))];
  const names = [
    { ph: 'M', name: 'process_name', pid: 1, tid: 0, args: { name: `ocup up ${project}` } },
    ...tracks.map((name, index) => ({
      ph: 'M',
      name: 'thread_name',
      pid: 1,
      tid: index + 1,
      args: { name },
    })),
  ];
  const events = spans.map((span) => ({
    ph: 'X',
    name: nameOf(span),
    cat: span.step,
    pid: 1,
    tid: tracks.indexOf(trackOf(span)) + 1,
    ts: Math.round((span.startMs - startMs) * 1000),
    dur: Math.round((span.endMs - span.startMs) * 1000),
    args: { after: span.after, isCritical: critical.has(span.id) },
  }));
  return `${JSON.stringify({ traceEvents: [...names, ...events], displayTimeUnit: 'ms' })}\n`;
}

/** Spans of one track may overlap only where one holds the other; images and networks are made side by side. */
function trackOf(span: TimelineSpan): string {
  return span.service ?? (span.subject === '' ? 'project' : span.subject);
}
