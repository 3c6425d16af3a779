import type { Terminal } from '../context.ts';
import { paint } from '../style.ts';
import { type ProgressRow, renderFrame } from './frame.ts';
import type { ProgressEvent, ProgressView, WriteText } from './progress.ts';

const REFRESH_MS = 100;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const ERASE_BELOW = '\u001b[J';

export interface TerminalViewOptions {
  readonly operation: string;
  readonly write: WriteText;
  readonly terminal: Terminal;
  readonly isColored: boolean;
  readonly now: () => number;
}

/**
 * A picture that is drawn anew in its place ten times a second, from the first event until `end`. It
 * touches nothing but the text it writes.
 */
export function terminalView(options: TerminalViewOptions): ProgressView {
  const rows = new Map<string, ProgressRow>();
  let drawnLines = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = (): string => (drawnLines === 0 ? '' : `\u001b[${drawnLines}A\r${ERASE_BELOW}`);
  const draw = (above = ''): void => {
    const size = options.terminal.size();
    const lines = renderFrame(options.operation, [...rows.values()], {
      ...size,
      nowMs: options.now(),
      isColored: options.isColored,
    });
    options.write(`${erase()}${above}${lines.join('\n')}\n`);
    drawnLines = lines.length;
  };
  return {
    show(event) {
      addEvent(rows, event, options.now());
      if (timer !== undefined) return;
      options.write(HIDE_CURSOR);
      draw();
      timer = setInterval(draw, REFRESH_MS);
    },
    warn(message) {
      const line = `${options.isColored ? paint('Warning:', '33') : 'Warning:'} ${message}\n`;
      if (timer === undefined) options.write(line);
      else draw(line);
    },
    end() {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      draw();
      options.write(SHOW_CURSOR);
      rows.clear();
      drawnLines = 0;
    },
  };
}

/** Why a container is replaced, or how it ended, is still to be read once the next step is done. */
function detailsOf(event: ProgressEvent, old: ProgressEvent | undefined): string | undefined {
  const { details, id, status } = event;
  const before = id.startsWith('Container ') ? old?.details : undefined;
  if (details === undefined) return before;
  return status === 'done' && before !== undefined ? `${before}; ${details}` : details;
}

function addEvent(rows: Map<string, ProgressRow>, event: ProgressEvent, nowMs: number): void {
  if (event.parentId !== undefined) {
    const parent = rows.get(event.parentId);
    if (parent === undefined) return;
    const parts = new Map(parent.parts).set(event.id, event);
    rows.set(event.parentId, { ...parent, parts });
    return;
  }
  const old = rows.get(event.id);
  rows.set(event.id, {
    event: { ...event, details: detailsOf(event, old?.event) },
    beganMs: old === undefined ? nowMs : old.beganMs,
    endedMs: event.status === 'working' ? undefined : nowMs,
    parts: old?.parts ?? new Map<string, ProgressEvent>(),
  });
}
