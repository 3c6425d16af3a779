import { formatBytes } from '../../base/units.ts';
import { ellipsis, widthOf } from '../format/table.ts';
import { paint } from '../style.ts';
import type { ProgressEvent } from './progress.ts';

/** A resource as the picture holds it. */
export interface ProgressRow {
  readonly event: ProgressEvent;
  readonly beganMs: number;
  readonly endedMs: number | undefined;
  /** Bytes of its parts, by their id. */
  readonly parts: ReadonlyMap<string, ProgressEvent>;
}

export interface FrameOptions {
  readonly columns: number;
  readonly rows: number;
  readonly nowMs: number;
  readonly isColored: boolean;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const SPINNER_STEP_MS = 100;
const MARKS = { done: ['✔', '32'], warning: ['!', '33'], error: ['✘', '31'] } as const;
const BAR_WIDTH = 12;
const BAR_STEPS = ['⠀', '⡀', '⣀', '⣄', '⣤', '⣦', '⣶', '⣷', '⣿'];

/**
 * The picture of a command's progress: a heading with how many are done, and a line for each resource with
 * its time at the right edge. What does not fit on the screen is counted in the last line; the newest stay.
 */
export function renderFrame(
  operation: string,
  rows: readonly ProgressRow[],
  options: FrameOptions,
): string[] {
  const done = rows.filter((row) => row.event.status !== 'working').length;
  const heading = `[+] ${operation} ${done}/${rows.length}`;
  const room = Math.max(1, options.rows - 2);
  const shown = rows.length > room ? pickRows(rows, room - 1) : rows;
  const width = Math.max(0, ...shown.map((row) => widthOf(row.event.id)));
  const lines = shown.map((row) => renderRow(row, width, options));
  const hidden = rows.length - shown.length;
  return [heading, ...lines, ...(hidden > 0 ? [` ... ${hidden} more`] : [])];
}

/** What still goes on comes before what is done. */
function pickRows(rows: readonly ProgressRow[], count: number): ProgressRow[] {
  const working = rows.filter((row) => row.event.status === 'working').slice(0, count);
  const rest = rows.filter((row) => row.event.status !== 'working');
  const picked = new Set([...working, ...rest.slice(rest.length - (count - working.length))]);
  return rows.filter((row) => picked.has(row));
}

function renderRow(row: ProgressRow, width: number, options: FrameOptions): string {
  const { event } = row;
  const timer = `${(((row.endedMs ?? options.nowMs) - row.beganMs) / 1000).toFixed(1)}s`;
  const id = event.id + ' '.repeat(Math.max(0, width - widthOf(event.id)));
  const detail = event.details ?? transferText(row);
  const text = `${event.text}${detail === '' ? '' : `  ${detail}`}`;
  const room = Math.max(8, options.columns - 4 - timer.length);
  const body = ellipsis(`${id}  ${text}`, room);
  const gap = ' '.repeat(Math.max(1, room - widthOf(body) + 1));
  const [mark, color] = markOf(event, options.nowMs);
  return ` ${options.isColored ? paint(mark, color) : mark} ${body}${gap}${timer}`;
}

function markOf(event: ProgressEvent, nowMs: number): readonly [string, string] {
  if (event.status !== 'working') return MARKS[event.status];
  const step = Math.floor(nowMs / SPINNER_STEP_MS) % SPINNER.length;
  return [SPINNER[step] ?? '', '36'];
}

function transferText({ event, parts }: ProgressRow): string {
  if (event.status !== 'working') return '';
  return formatTransfer(parts.size === 0 ? [event] : [...parts.values()]);
}

/** `[⣿⣿⣀⠀]  12.3MB / 40MB`, of all `parts` together; empty where no bytes are counted. */
export function formatTransfer(parts: readonly ProgressEvent[]): string {
  const current = parts.reduce((sum, part) => sum + (part.current ?? 0), 0);
  const total = parts.reduce((sum, part) => sum + (part.total ?? 0), 0);
  if (total === 0) return '';
  return `[${bar(current / total)}]  ${formatBytes(current)} / ${formatBytes(total)}`;
}

function bar(share: number): string {
  const steps = BAR_STEPS.length - 1;
  const filled = Math.floor(Math.min(1, Math.max(0, share)) * BAR_WIDTH * steps);
  return Array.from({ length: BAR_WIDTH }, (_, index) => {
    return BAR_STEPS[Math.min(steps, Math.max(0, filled - index * steps))] ?? '';
  }).join('');
}
