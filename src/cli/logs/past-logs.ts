import { findComparableTime } from '../../base/comparable-time.ts';
import { OcupError } from '../../base/errors.ts';
import { FRAME, type Frame } from '../../wire/frames.ts';
import type { FrameStream } from '../../wire/frame-stream.ts';
import { readLogLine } from '../../wire/log-line.ts';
import type { LogLine } from '../../wire/protocol.ts';
import { parseWireError } from '../../wire/wire-error.ts';
import type { SupervisorClient } from '../connection.ts';
import type { LogPrinter } from './log-printer.ts';

export interface PastRange {
  readonly containers: readonly string[];
  /** The last so many lines of each; undefined: all. */
  readonly tail: number | undefined;
  /** RFC 3339 in UTC. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  /** Also what earlier containers of the same name wrote. */
  readonly withHistory: boolean;
}

/**
 * Prints what containers have written until now, merged by time; the order within a container is kept. The log
 * crosses as it stands and is taken apart here, with one character a byte: a million lines are not a million messages.
 *
 * @throws E_CANCELLED
 */
export async function printPastLogs(
  range: PastRange,
  options: {
    readonly client: SupervisorClient;
    readonly printer: LogPrinter;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { client, printer, signal } = options;
  const cursors: LogCursor[] = [];
  const since = comparable(range.since);
  const until = comparable(range.until);
  try {
    for (const container of range.containers) {
      const params = { container, tail: range.tail, withHistory: range.withHistory };
      const stream = await client.stream('container.log', params, { signal });
      cursors.push(new LogCursor(container, stream, { since, until }));
    }
    await printMerged(cursors, printer);
  } finally {
    for (const cursor of cursors) cursor.close();
  }
}

function comparable(time: string | undefined): string | undefined {
  return time === undefined ? undefined : findComparableTime(time);
}

async function printMerged(all: readonly LogCursor[], printer: LogPrinter): Promise<void> {
  let cursors: readonly LogCursor[] = all;
  for (;;) {
    // Every log must show its next line before the earliest of them is known.
    for (const cursor of cursors) {
      if (cursor.line !== undefined) continue;
      await printer.flush();
      await cursor.fill();
    }
    cursors = cursors.filter(({ line }) => line !== undefined);
    if (cursors.length === 0) return;
    printUntilOneIsEmpty(cursors, printer);
  }
}

function printUntilOneIsEmpty(cursors: readonly LogCursor[], printer: LogPrinter): void {
  for (;;) {
    const earliest = earliestOf(cursors);
    if (earliest?.line === undefined) return;
    printer.print(earliest.line);
    if (earliest.advance() === undefined) return;
  }
}

function earliestOf(cursors: readonly LogCursor[]): LogCursor | undefined {
  let found: LogCursor | undefined;
  for (const cursor of cursors) {
    const isEarlier = found?.line === undefined || (cursor.line?.time ?? '') < found.line.time;
    if (isEarlier) found = cursor;
  }
  return found;
}

/** The times of lines that are wanted, as they stand in logs. */
interface LineRange {
  readonly since: string | undefined;
  readonly until: string | undefined;
}

/** A place in the log of one container. */
class LogCursor {
  /** Undefined: what was read is used up. */
  line: LogLine | undefined;
  private readonly id: string;
  private readonly stream: FrameStream;
  private readonly frames: AsyncIterator<Frame>;
  private readonly range: LineRange;
  private text = '';
  private offset = 0;

  constructor(id: string, stream: FrameStream, range: LineRange) {
    this.id = id;
    this.stream = stream;
    this.frames = stream.frames[Symbol.asyncIterator]();
    this.range = range;
  }

  /** Reads on until there is a line, or the end. @throws what the supervisor tells */
  async fill(): Promise<void> {
    while (this.line === undefined) {
      const next = await this.frames.next();
      if (next.done === true) {
        throw new OcupError('E_WIRE_CLOSED', 'the supervisor hung up within a log');
      }
      const { type, payload } = next.value;
      if (type === FRAME.error) throw parseWireError(JSON.parse(payload.toString('utf8')));
      if (type === FRAME.exit) return;
      this.text = payload.toString('latin1');
      this.offset = 0;
      this.advance();
    }
  }

  /** Goes to the next line of the range in what was read, and gives it. */
  advance(): LogLine | undefined {
    const { since, until } = this.range;
    this.line = undefined;
    while (this.offset < this.text.length) {
      const newline = this.text.indexOf('\n', this.offset);
      const end = newline < 0 ? this.text.length : newline;
      const line = readLogLine(this.id, this.text.slice(this.offset, end));
      this.offset = end + 1;
      if (since !== undefined && line.time < since) continue;
      if (until !== undefined && line.time > until) continue;
      this.line = line;
      break;
    }
    return this.line;
  }

  close(): void {
    this.stream.close();
  }
}
