import { cancelled } from '../base/abort.ts';
import type { CommandContext } from './context.ts';
import { writeText } from './write-text.ts';

const ENTER: ReadonlySet<string> = new Set(['\r', '\n']);
const INTERRUPT = '\u0003';
const END_OF_INPUT = '\u0004';
const ERASE: ReadonlySet<string> = new Set(['\u007f', '\b']);

/**
 * Asks for a line on the terminal. Without `isShown` what is typed is not seen.
 * @throws E_CANCELLED at Ctrl-C, and at Ctrl-D on an empty line
 */
export async function promptLine(
  context: CommandContext,
  question: string,
  options: { readonly isShown: boolean },
): Promise<string> {
  const { stdin, stderr } = context;
  const echo = (text: string): void => void writeText(stderr.stream, text);
  echo(question);
  stdin.terminal?.setRawMode(true);
  try {
    let line = '';
    for await (const chunk of stdin.stream.iterator({ destroyOnReturn: false })) {
      for (const key of String(chunk)) {
        if (ENTER.has(key)) return line;
        if (key === INTERRUPT || (key === END_OF_INPUT && line === '')) throw cancelled(undefined);
        if (ERASE.has(key)) {
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
    stdin.terminal?.setRawMode(false);
    echo('\n');
  }
}
