import { type Lookup, substitute } from './template.ts';

/** Something that is wrong in a file of variables. */
export interface DotenvFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** A variable that a file sets. */
export interface DotenvEntry {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

export interface DotenvFile {
  /** In the order of the file; a name may come again, and the last one holds. */
  readonly entries: readonly DotenvEntry[];
  readonly fault: DotenvFault | undefined;
}

/**
 * Reads the variables of an `.env` file: `K=v`, `K: v`, `export K=v`; a bare `K` is taken from `lookup`;
 * single quotes are literal, double quotes know escapes and variables, unquoted values end at ` #`. Quoted
 * values may span lines. Variables in values are looked up in `lookup`, then in the lines above.
 *
 * @see compose-spec 05-services.md#env_file-format
 */
export function parseDotenv(text: string, lookup: Lookup): DotenvFile {
  return new DotenvParser(text, lookup).parse();
}

/** Reads `format: raw`: what follows `=` is the value, to the end of the line. */
export function parseRawEnv(text: string, lookup: Lookup): DotenvFile {
  const entries: DotenvEntry[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const trimmed = line.trimStart();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const equals = trimmed.indexOf('=');
    const name = equals < 0 ? trimmed.trim() : trimmed.slice(0, equals);
    if (name === '' || /\s/.test(name)) {
      const message =
        name === ''
          ? `no variable name on line ${JSON.stringify(line)}`
          : `variable ${JSON.stringify(name)} contains whitespaces`;
      return { entries, fault: { line: index + 1, column: 1, message } };
    }
    const value = equals < 0 ? lookup(name) : trimmed.slice(equals + 1);
    if (value !== undefined) entries.push({ name, value, line: index + 1 });
  }
  return { entries, fault: undefined };
}

const BLANK = /[\t\v\f\r \x85\xA0]*/y;
const NAME = /[\p{L}\p{N}_.\-[\]]/u;
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  $: '$$',
};

class Fault extends Error {}

class DotenvParser {
  private readonly text: string;
  private readonly lookup: Lookup;
  private readonly entries: DotenvEntry[] = [];
  private readonly values = new Map<string, string>();
  private at = 0;

  constructor(text: string, lookup: Lookup) {
    this.text = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
    this.lookup = lookup;
  }

  parse(): DotenvFile {
    let start = 0;
    try {
      for (;;) {
        this.skipToStatement();
        if (this.at >= this.text.length) break;
        start = this.at;
        this.statement();
      }
      return { entries: this.entries, fault: undefined };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { entries: this.entries, fault: { ...this.place(start), message: error.message } };
    }
  }

  private statement(): void {
    const { line } = this.place(this.at);
    const { name, isInherited } = this.name();
    if (isInherited) {
      const value = this.lookup(name);
      if (value !== undefined) this.set(name, value, line);
      return;
    }
    this.set(name, this.value(), line);
  }

  private set(name: string, value: string, line: number): void {
    this.entries.push({ name, value, line });
    this.values.set(name, value);
  }

  private skipToStatement(): void {
    for (;;) {
      while (this.at < this.text.length && /\s/.test(this.text.charAt(this.at))) this.at += 1;
      if (this.text[this.at] !== '#') return;
      this.at = this.endOfLine();
    }
  }

  private name(): { name: string; isInherited: boolean } {
    const exported = /^export(?=[\t\v\f\r \n])/.exec(this.text.slice(this.at, this.at + 7));
    if (exported !== null) {
      this.at += 6;
      this.skipBlank();
    }
    const start = this.at;
    for (; this.at < this.text.length; this.at += 1) {
      const char = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0);
      if (char === '=' || char === ':' || char === '\n') break;
      if (char.length === 2) this.at += 1;
      if (/[\t\v\f\r \x85\xA0]/.test(char) || NAME.test(char)) continue;
      const near = JSON.stringify(this.text.slice(start, this.endOfLine()));
      throw new Fault(`unexpected character ${JSON.stringify(char)} in variable name ${near}`);
    }
    const end = this.text[this.at];
    const name = this.text.slice(start, this.at).trimEnd();
    if (/\s/.test(name)) throw new Fault('key cannot contain a space');
    this.at += 1;
    return { name, isInherited: end === '\n' || end === undefined };
  }

  private value(): string {
    this.skipBlank();
    const quote = this.text[this.at];
    if (quote === '"' || quote === "'") return this.quoted(quote);
    const end = this.endOfLine();
    const raw = this.text.slice(this.at, end);
    this.at = end;
    return this.expand(raw.replace(/\s#[^]*$/, '').trim());
  }

  private quoted(quote: '"' | "'"): string {
    const start = this.at + 1;
    let end = start;
    while (end < this.text.length && this.text[end] !== quote)
      end += this.text[end] === '\\' ? 2 : 1;
    if (end >= this.text.length) {
      throw new Fault(`unterminated quoted value ${this.text.slice(start - 1, this.endOfLine())}`);
    }
    // What follows the closing quote on its line is not part of anything.
    const raw = this.text.slice(start, end);
    this.at = end + 1;
    this.at = this.endOfLine();
    if (quote === "'") return raw.replaceAll("\\'", "'");
    return this.expand(unescape(raw));
  }

  private expand(text: string): string {
    const { text: expanded, fault } = substitute(
      text,
      (name) => this.lookup(name) ?? this.values.get(name),
    );
    if (fault?.kind === 'syntax')
      throw new Fault(`invalid template: ${JSON.stringify(fault.text)}`);
    if (fault !== undefined) throw new Fault(fault.text);
    return expanded;
  }

  private endOfLine(): number {
    const newline = this.text.indexOf('\n', this.at);
    return newline < 0 ? this.text.length : newline;
  }

  private skipBlank(): void {
    BLANK.lastIndex = this.at;
    BLANK.exec(this.text);
    this.at = BLANK.lastIndex;
  }

  private place(offset: number): { line: number; column: number } {
    const before = this.text.slice(0, offset);
    return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
  }
}

function unescape(text: string): string {
  return text.replace(/\\([abfnrtv$"\\])/g, (_, char: string) => ESCAPES[char] ?? char);
}
