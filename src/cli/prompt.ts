import { cancelled, throwIfAborted } from '../base/abort.ts';
import type { CommandContext } from './context.ts';
import type { Session } from './session.ts';
import { writeText } from './write-text.ts';

const ENTER: ReadonlySet<string> = new Set(['\r', '\n']);
const INTERRUPT = '\u0003';
const END_OF_INPUT = '\u0004';
const ERASE_LINE = '\u0015';
const ERASE: ReadonlySet<string> = new Set(['\u007f', '\b']);

/**
 * Asks for a line on the terminal. Without `isShown` what is typed is not seen.
 * @throws E_CANCELLED at Ctrl-C, and at Ctrl-D on an empty line
 */
export async function promptLine(
  context: CommandContext,
  question: string,
  options: { readonly isShown: boolean; readonly to?: 'stdout' | 'stderr' },
): Promise<string> {
  const { stdin } = context;
  const { stream } = context[options.to ?? 'stderr'];
  const echo = (text: string): void => void writeText(stream, text);
  // First the mode: what is typed at once at the question must not be seen.
  await stdin.terminal?.setMode('keys');
  echo(question);
  let rest = '';
  try {
    let line = '';
    for await (const chunk of stdin.stream.iterator({ destroyOnReturn: false })) {
      const keys = Array.from(String(chunk));
      for (const [at, key] of keys.entries()) {
        if (ENTER.has(key)) {
          // Both answers may have been pasted at once.
          rest = keys.slice(at + 1).join('');
          return line;
        }
        if (key === INTERRUPT || (key === END_OF_INPUT && line === '')) throw cancelled(undefined);
        if (key === ERASE_LINE) {
          if (options.isShown) echo('\b \b'.repeat(line.length));
          line = '';
        } else if (ERASE.has(key)) {
          if (line !== '' && options.isShown) echo('\b \b');
          line = line.slice(0, -1);
        } else if (key >= ' ') {
          line += key;
          if (options.isShown) echo(key);
        }
      }
    }
    return line;
  } finally {
    void stdin.terminal?.setMode('lines');
    echo('\n');
    if (rest !== '') stdin.stream.unshift(Buffer.from(rest));
  }
}

/**
 * Asks on standard output, as docker does, and reads a line from standard input, be it a terminal or not. Only `y` is
 * a yes.
 * @throws E_CANCELLED at Ctrl-C
 */
export async function confirm(session: Session, question: string): Promise<boolean> {
  const { context, signal } = session;
  const { stdin } = context;
  const asked = `${question} [y/N] `;
  if (stdin.terminal !== undefined) {
    const answer = await promptLine(context, asked, { isShown: true, to: 'stdout' });
    return isYes(answer);
  }
  await session.print(asked);
  const stop = (): void => void stdin.stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    let text = '';
    for await (const chunk of stdin.stream) {
      text += String(chunk);
      if (text.includes('\n')) break;
    }
    return isYes(text.split('\n')[0] ?? '');
  } finally {
    signal.removeEventListener('abort', stop);
    throwIfAborted(signal);
  }
}

function isYes(answer: string): boolean {
  return answer.trim().toLowerCase() === 'y';
}
