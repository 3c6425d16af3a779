import type { Writable } from 'node:stream';
import type { Container, Labels } from '../../model/container.ts';
import { LABEL } from '../../model/labels.ts';
import type { LogLine } from '../../wire/protocol.ts';
import type { CommandContext } from '../context.ts';
import { paint } from '../style.ts';
import { writeText } from '../write-text.ts';

/** In the order in which containers are registered, then again in bold. */
const COLORS = ['36', '33', '32', '35', '34', '36;1', '33;1', '32;1', '35;1', '34;1'];

export interface LogPrinterOptions {
  readonly hasPrefix: boolean;
  readonly isColored: boolean;
  readonly hasTimestamps: boolean;
  /** Whether standard error of containers goes to ours, and not with the rest to standard output. */
  readonly hasErrorStream: boolean;
  /** Lines as they are, or an object of JSON for each: ocup's own, or as Docker's json-file driver keeps it. */
  readonly format?: 'text' | 'json' | 'json-file';
  /** Only lines that it is found in. */
  readonly pattern?: RegExp | undefined;
  /** Texts have one character a byte, so that whatever was written is printed as it is. */
  readonly isBinary?: boolean;
}

/** A container as far as its lines need it. */
export interface LogSource {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
}

export function toLogSource({ id, config }: Pick<Container, 'id' | 'config'>): LogSource {
  return { id, name: config.name, labels: config.labels };
}

/** The name in front of a container's lines: without the project, unless it was chosen by hand. */
export function prefixName({ name, labels }: LogSource): string {
  const project = labels[LABEL.project] ?? '';
  const usual = `${project}-${labels[LABEL.service] ?? ''}-${labels[LABEL.containerNumber] ?? ''}`;
  return name === usual ? name.slice(project.length + 1) : name;
}

interface PrintedSource {
  readonly name: string;
  readonly service: string;
  readonly color: string;
}

/** Prints what containers write, a line at a time. */
export class LogPrinter {
  private readonly context: CommandContext;
  private readonly options: LogPrinterOptions;
  private readonly sources = new Map<string, PrintedSource>();
  /** By name: what replaces a container looks as it did. */
  private readonly colors = new Map<string, string>();
  /** Lines that have begun, by container and stream. */
  private readonly begun = new Map<string, { readonly line: LogLine; readonly text: string }>();
  private width = 0;
  /** What is written at the end of this turn of the event loop: one write for many lines. */
  private pending: { readonly stream: Writable; readonly parts: string[] } | undefined;

  constructor(context: CommandContext, options: LogPrinterOptions) {
    this.context = context;
    this.options = options;
  }

  /** Makes a container's name and colour known; all prefixes are as wide as the longest name so far. */
  register(source: LogSource): void {
    if (this.sources.has(source.id)) return;
    const name = prefixName(source);
    const color = this.colors.get(name) ?? COLORS[this.colors.size % COLORS.length] ?? '';
    this.colors.set(name, color);
    this.sources.set(source.id, { name, service: source.labels[LABEL.service] ?? '', color });
    this.width = Math.max(this.width, name.length + 1);
  }

  /** Prints what a hook of a container writes, behind the container's name and `->`, in its colour. */
  printHook(source: LogSource, line: Pick<LogLine, 'stream' | 'text'>): void {
    this.register(source);
    const id = `${source.id} hook`;
    const parent = this.sources.get(source.id);
    if (parent !== undefined && !this.sources.has(id)) {
      const name = `${parent.name} ->`;
      this.sources.set(id, { ...parent, name });
      this.width = Math.max(this.width, name.length + 1);
    }
    const time = `${new Date(this.context.now()).toISOString().slice(0, -1)}000000Z`;
    this.print({ id, time, isComplete: true, ...line });
  }

  /** Prints a line, once it is complete. */
  print(line: LogLine): void {
    if (line.isComplete && this.begun.size === 0) {
      this.writeLine(line);
      return;
    }
    const key = `${line.id} ${line.stream}`;
    const before = this.begun.get(key);
    const text = `${before?.text ?? ''}${line.text}`;
    if (!line.isComplete) {
      this.begun.set(key, { line: before?.line ?? line, text });
      return;
    }
    this.begun.delete(key);
    this.writeLine({ ...line, time: before?.line.time ?? line.time, text });
  }

  /** Prints what a container left without a newline. */
  endOf(id: string): void {
    for (const [key, { line, text }] of this.begun) {
      if (line.id !== id) continue;
      this.begun.delete(key);
      this.writeLine({ ...line, text });
    }
  }

  /** Says something about a container, in its colour. */
  note(id: string, text: string): void {
    const source = this.sources.get(id);
    const message = `${source?.name ?? id.slice(0, 12)} ${text}`;
    const isPainted = this.options.isColored && source !== undefined;
    const line = isPainted ? paint(message, source.color) : message;
    this.write(this.context.stdout.stream, `${line}\n`);
  }

  /** Writes out what is pending. Resolves when there is room for more. */
  async flush(): Promise<void> {
    const { pending } = this;
    this.pending = undefined;
    if (pending === undefined) return;
    const text = pending.parts.join('');
    await writeText(
      pending.stream,
      this.options.isBinary === true ? Buffer.from(text, 'latin1') : text,
    );
  }

  private writeLine(line: LogLine): void {
    const { pattern, format = 'text', hasTimestamps, hasErrorStream } = this.options;
    if (pattern !== undefined && !pattern.test(this.decode(line.text))) return;
    const { stdout, stderr } = this.context;
    if (format !== 'text') {
      this.write(stdout.stream, `${this.encode(JSON.stringify(this.toRecord(line, format)))}\n`);
      return;
    }
    const { stream } = hasErrorStream && line.stream === 'stderr' ? stderr : stdout;
    const time = hasTimestamps ? `${line.time} ` : '';
    this.write(stream, `${this.prefix(line.id)}${time}${line.text}\n`);
  }

  private toRecord(
    { id, stream, time, text }: LogLine,
    format: 'json' | 'json-file',
  ): Readonly<Record<string, string>> {
    const decoded = this.decode(text);
    if (format === 'json-file') return { log: `${decoded}\n`, stream, time };
    const { name = '', service = '' } = this.sources.get(id) ?? {};
    return { time, service, container: name, stream, text: decoded };
  }

  private decode(text: string): string {
    return this.options.isBinary === true ? Buffer.from(text, 'latin1').toString('utf8') : text;
  }

  private encode(text: string): string {
    return this.options.isBinary === true ? Buffer.from(text, 'utf8').toString('latin1') : text;
  }

  private write(stream: Writable, text: string): void {
    // Two streams may be one terminal: their order holds.
    if (this.pending !== undefined && this.pending.stream !== stream) void this.flush();
    if (this.pending === undefined) {
      this.pending = { stream, parts: [] };
      setImmediate(() => void this.flush());
    }
    this.pending.parts.push(text);
  }

  private prefix(id: string): string {
    if (!this.options.hasPrefix) return '';
    const { name, color } = this.sources.get(id) ?? { name: id.slice(0, 12), color: '' };
    const text = `${name.padEnd(this.width)} | `;
    return this.options.isColored && color !== '' ? paint(text, color) : text;
  }
}
