/** What a command line becomes, or why it cannot be split. */
export type ShellWords =
  | {
      readonly kind: 'words';
      readonly words: readonly string[];
      /** The operator at which reading stopped: nothing runs the rest. */
      readonly stoppedAt: string | undefined;
    }
  | { readonly kind: 'invalid' };

const OPERATORS = ';&|<>';

/**
 * Splits a command line the way compose files are read: quotes and backslashes as in a shell, but nothing is
 * expanded and no shell runs it; backquotes and `$(…)` only hold their words together. Reading stops at an
 * unquoted `;`, `&`, `|`, `<` or `>`.
 *
 * @see compose-spec 05-services.md#command
 */
export function splitShellWords(line: string): ShellWords {
  const reader = new WordReader();
  for (let i = 0; i < line.length; i += 1) {
    if (!reader.take(line.charAt(i))) break;
  }
  return reader.finish();
}

type Enclosure = 'single' | 'double' | 'backquote' | 'substitution';

class WordReader {
  private readonly words: string[] = [];
  private readonly open = new Set<Enclosure>();
  private word = '';
  private hasWord = false;
  private isEscaped = false;
  private isInvalid = false;
  private stoppedAt: string | undefined = undefined;

  /** False: nothing after `char` counts. */
  take(char: string): boolean {
    if (this.isEscaped) {
      this.isEscaped = false;
      this.append(char);
    } else if (char === '\\' && !this.open.has('single')) this.isEscaped = true;
    else if (/[ \t\r\n]/.test(char)) this.blank(char);
    else if (char === '"') this.quote('double', 'single', char);
    else if (char === "'") this.quote('single', 'double', char);
    else if (OPERATORS.includes(char) && this.open.size === 0) return this.stop(char);
    else return this.bracket(char);
    return true;
  }

  finish(): ShellWords {
    if (this.isInvalid || this.isEscaped || this.open.size > 0) return { kind: 'invalid' };
    this.flush();
    return { kind: 'words', words: this.words, stoppedAt: this.stoppedAt };
  }

  private blank(char: string): void {
    if (this.open.size > 0) this.word += char;
    else this.flush();
  }

  private quote(kind: Enclosure, other: Enclosure, char: string): void {
    if (this.open.has(other) || this.open.has('substitution')) this.append(char);
    else {
      this.hasWord = true;
      this.toggle(kind);
    }
  }

  private bracket(char: string): boolean {
    const isQuoted = this.open.has('single') || this.open.has('double');
    if (char === '`' && !isQuoted && !this.open.has('substitution')) this.toggle('backquote');
    if (char === ')' && !isQuoted && !this.open.has('backquote')) this.toggle('substitution');
    if (char === '(' && !isQuoted && !this.open.has('backquote')) {
      if (this.open.has('substitution') || !this.word.endsWith('$')) {
        this.isInvalid = true;
        return false;
      }
      this.open.add('substitution');
    }
    this.append(char);
    return true;
  }

  private stop(operator: string): false {
    // A number before `>` names the descriptor of the redirection.
    if (operator === '>' && /^[0-9]/.test(this.word)) this.hasWord = false;
    this.stoppedAt = operator;
    return false;
  }

  private toggle(kind: Enclosure): void {
    if (!this.open.delete(kind)) this.open.add(kind);
  }

  private append(char: string): void {
    this.word += char;
    this.hasWord = true;
  }

  private flush(): void {
    if (this.hasWord) this.words.push(this.word);
    this.word = '';
    this.hasWord = false;
  }
}
