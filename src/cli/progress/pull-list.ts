import { Writable } from 'node:stream';
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from 'listr2';
import { isOcupError, messageOf, toError } from '../../base/errors.ts';
import { ellipsis } from '../format/table.ts';
import { paint } from '../style.ts';
import { writeText } from '../write-text.ts';
import { formatTransfer } from './frame.ts';
import type { Screen } from './open-view.ts';
import type { ProgressEvent, ProgressView } from './progress.ts';

/** The pull of one image, a row of the list. */
export interface ListedPull<T> {
  readonly image: string;
  /** Shows in `view` how far it is. */
  run(view: ProgressView): Promise<T>;
}

export interface PullListResult<T> {
  /** In the order of the pulls. */
  readonly pulled: readonly T[];
  /** The first one to fail is the first. */
  readonly failures: readonly Error[];
}

/**
 * Runs all pulls side by side as a task list on `screen`, with a bar of the bytes of each. A pull that fails
 * stays as a failed row and stops no other. Warnings are written below the list. Never throws.
 */
export async function runPullList<T>(
  pulls: readonly ListedPull<T>[],
  screen: Screen,
): Promise<PullListResult<T>> {
  const output = new ScreenOutput(screen);
  const results = new Map<number, T>();
  const failures: Error[] = [];
  const list = new Listr<unknown, typeof ScreenRenderer, 'silent'>(
    pulls.map((pull, index) => ({
      title: `Image ${pull.image}`,
      async task(_context, task): Promise<void> {
        const view = rowView(task, screen, (line) => output.writeBelow(line));
        try {
          results.set(index, await pull.run(view));
        } catch (error) {
          failures.push(toError(error));
          view.show(failureEvent(pull.image, error));
          throw error;
        } finally {
          view.end();
        }
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      // Ctrl-C is the command's: it cancels the pulls, and they end the list.
      registerSignalListeners: false,
      renderer: ScreenRenderer,
      fallbackRenderer: 'silent',
      rendererOptions: {
        logger: new ListrLogger({ processOutput: output }),
        // The row's title says what went wrong.
        showErrorMessage: false,
        color: colors(screen.isColored),
      },
    },
  );
  await list.run();
  const pulled = pulls.flatMap((_pull, index) => {
    const result = results.get(index);
    return result === undefined ? [] : [result];
  });
  return { pulled, failures };
}

function failureEvent(image: string, error: unknown): ProgressEvent {
  const id = `Image ${image}`;
  if (isOcupError(error, 'E_CANCELLED')) return { id, status: 'error', text: 'Cancelled' };
  return { id, status: 'error', text: 'Error', details: messageOf(error) };
}

/** What a row of the list can be told. */
interface Row {
  title: string | undefined;
  output: string | undefined;
}

/** Marks before the title and before what stands below it. */
const INDENT = 4;
const REFRESH_MS = 100;

/** Text goes into the row's title, bytes below it. */
function rowView(row: Row, screen: Screen, writeBelow: (line: string) => void): ProgressView {
  const parts = new Map<string, ProgressEvent>();
  let shown = '';
  const showBytes = (): void => {
    const text = fit(formatTransfer([...parts.values()]), screen);
    if (text === shown) return;
    shown = text;
    row.output = text;
  };
  // The list draws itself anew at every change, and layers change far more often than anybody can see.
  const timer = setInterval(showBytes, REFRESH_MS);
  return {
    show(event) {
      if (event.parentId !== undefined) {
        const isFirst = parts.size === 0;
        parts.set(event.id, event);
        if (isFirst) showBytes();
        return;
      }
      const details = event.details === undefined ? '' : `  ${event.details}`;
      const title = `${event.id}  ${event.text}${details}`;
      // What went wrong is told in full, on as many lines as it takes.
      row.title = event.status === 'error' ? title : fit(title, screen);
    },
    warn: (message) =>
      writeBelow(`${screen.isColored ? paint('Warning:', '33') : 'Warning:'} ${message}\n`),
    end: () => clearInterval(timer),
  };
}

function fit(text: string, { terminal }: Screen): string {
  return ellipsis(text, Math.max(8, terminal.size().columns - INDENT));
}

/** listr2 colours by the environment of the process; here it is the command's. */
function colors(isColored: boolean): Record<string, (text?: string) => string> {
  const color = (code: string) => (text?: string) =>
    isColored ? paint(text ?? '', code) : (text ?? '');
  return {
    PENDING: color('36'),
    COMPLETED: color('32'),
    FAILED: color('31'),
    WAITING: color('2'),
    COMPLETED_WITH_SISTER_TASKS_FAILED: color('31'),
  };
}

/** Draws wherever it is told to: whether `process.stdout` is a terminal says nothing about the screen. */
class ScreenRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** Keeps listr2 on the screen; without streams it would take those of the process. */
class ScreenOutput extends ProcessOutput {
  private readonly direct: NodeJS.WriteStream;
  private readonly held: NodeJS.WriteStream;

  constructor(screen: Screen) {
    const held = asTerminalStream(new ScreenStream(screen));
    super(held, held, { leaveEmptyLine: false });
    this.held = held;
    this.direct = asTerminalStream(new ScreenStream(screen));
  }

  /** The base gives a copy, whose size stays what it was. */
  override get stdout(): NodeJS.WriteStream {
    return this.direct;
  }

  override get stderr(): NodeJS.WriteStream {
    return this.direct;
  }

  /** Held back while the list is drawn. */
  writeBelow(line: string): void {
    this.held.write(line);
  }
}

/** What listr2 uses of a terminal's stream. */
class ScreenStream extends Writable {
  private readonly screen: Screen;

  constructor(screen: Screen) {
    super({ decodeStrings: false });
    this.screen = screen;
  }

  get columns(): number {
    return this.screen.terminal.size().columns;
  }

  get rows(): number {
    return this.screen.terminal.size().rows;
  }

  override _write(chunk: string | Uint8Array, _encoding: string, done: () => void): void {
    void writeText(this.screen.stream, chunk).then(done);
  }
}

/** listr2 asks for a stream of the process but uses no more of it than `ScreenStream` has. */
function asTerminalStream(stream: ScreenStream): NodeJS.WriteStream {
  return stream as unknown as NodeJS.WriteStream;
}
