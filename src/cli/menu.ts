import type { CommandContext, Terminal, Unsubscribe } from './context.ts';
import { ellipsis } from './format/table.ts';
import { writeText } from './write-text.ts';

const INTERRUPT = '\u0003';
/** Fewer lines are for the output alone. */
const LEAST_ROWS = 4;

export interface MenuItem {
  readonly key: string;
  /** Asked each time the line is drawn. */
  readonly label: () => string;
  readonly act: () => void;
}

export interface MenuOptions {
  readonly items: readonly MenuItem[];
  readonly isColored: boolean;
  /** Ctrl-C: while keys go through as they are, it is no signal. */
  readonly onInterrupt: () => void;
}

/**
 * The last line of the terminal names keys, which act at once; all else scrolls above it. Undefined where there is no
 * terminal for both.
 */
export function openMenu(context: CommandContext, options: MenuOptions): Menu | undefined {
  const input = context.stdin.terminal;
  const output = context.stdout.terminal;
  if (input === undefined || output === undefined) return undefined;
  return new Menu(context, input, output, options);
}

export class Menu {
  private readonly context: CommandContext;
  private readonly input: Terminal;
  private readonly output: Terminal;
  private readonly options: MenuOptions;
  private readonly unsubscribe: Unsubscribe;
  /** Where the line is drawn, from 1; 0: nowhere. */
  private row = 0;
  private note = '';
  private isClosed = false;

  constructor(context: CommandContext, input: Terminal, output: Terminal, options: MenuOptions) {
    this.context = context;
    this.input = input;
    this.output = output;
    this.options = options;
    void input.setMode('keys');
    context.stdin.stream.on('data', this.onKeys);
    this.unsubscribe = output.onResize(() => this.place());
    this.write('\n\u001b[1A'); // room for the line, where the cursor is in the last one
    this.place();
  }

  /** Draws the line again, with a word on what a key did not do. */
  draw(note = this.note): void {
    this.note = note;
    if (this.row === 0 || this.isClosed) return;
    const { items, isColored } = this.options;
    const parts = items.map(({ key, label }) => `${key} ${label()}`);
    const text = ellipsis([...parts, ...(note === '' ? [] : [note])].join('   '), this.columns());
    this.write(this.aside(this.row, isColored ? `\u001b[7m${text}\u001b[0m` : text));
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { stream } = this.context.stdin;
    this.unsubscribe();
    stream.off('data', this.onKeys);
    stream.pause();
    void this.input.setMode('lines');
    if (this.row > 0) this.write(`\u001b7\u001b[r\u001b8${this.aside(this.row, '')}`);
  }

  private columns(): number {
    return Math.max(1, this.output.size().columns - 1);
  }

  /** Lines above scroll, the last one stays. */
  private place(): void {
    const { rows } = this.output.size();
    const old = this.row;
    this.row = rows < LEAST_ROWS ? 0 : rows;
    const clear = old > 0 && old < rows ? this.aside(old, '') : '';
    const region = this.row > 0 ? `1;${this.row - 1}` : '';
    this.write(`${clear}\u001b7\u001b[${region}r\u001b8`);
    this.draw();
  }

  /** Written in a line of its own; the cursor is where it was. */
  private aside(row: number, text: string): string {
    return `\u001b7\u001b[${row};1H\u001b[2K${text}\u001b8`;
  }

  private write(text: string): void {
    void writeText(this.context.stdout.stream, text);
  }

  private readonly onKeys = (typed: Buffer): void => {
    for (const key of typed.toString('latin1')) {
      if (this.isClosed) return;
      if (key === INTERRUPT) this.options.onInterrupt();
      else this.options.items.find((item) => item.key === key.toLowerCase())?.act();
    }
  };
}
