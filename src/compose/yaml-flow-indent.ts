import { CST, Lexer } from 'yaml';

/** A text whose lines were moved to the right, and by how many columns each was, from line 1 on. */
export interface IndentedText {
  readonly text: string;
  readonly movedBy: ReadonlyMap<number, number>;
}

/** Beyond so many lines it is no list that somebody has not indented, but a bracket that is missing. */
const MAX_MOVED_LINES = 500;

/** Further right than anything that is read. */
const SHIFT = ' '.repeat(256);

/** What the lexer tells beside pieces of the text. */
const MARKS: ReadonlySet<string> = new Set([CST.DOCUMENT, CST.FLOW_END, CST.SCALAR]);

/**
 * The text with those lines of flow collections and quoted texts moved to the right that stand no further right
 * than what they belong to. YAML wants them indented, the readers of docker compose do not. Undefined where
 * there are none.
 *
 * @see YAML 1.2.2, 7.3.1 Double-Quoted Style, 7.4 Flow Collection Styles
 */
export function indentFlows(text: string): IndentedText | undefined {
  const movedBy = new Map<number, number>();
  let indented = text;
  for (let at = findUnindented(indented); at !== undefined; at = findUnindented(indented)) {
    if (movedBy.size >= MAX_MOVED_LINES) return undefined;
    const start = indented.lastIndexOf('\n', at - 1) + 1;
    const line = indented.slice(0, start).split('\n').length;
    if (movedBy.has(line)) return undefined;
    movedBy.set(line, SHIFT.length);
    indented = indented.slice(0, start) + SHIFT + indented.slice(start);
  }
  return movedBy.size === 0 ? undefined : { text: indented, movedBy };
}

/** Where the lexer gives up a flow collection or a quoted text because of its indentation. */
function findUnindented(text: string): number | undefined {
  let offset = 0;
  let isContent = false;
  for (const token of new Lexer().lex(text)) {
    if (token === CST.FLOW_END) return offset;
    if (!isContent && isOpenQuote(token)) return lineAfter(text, offset + token.length);
    isContent = token === CST.SCALAR;
    if (!MARKS.has(token)) offset += token.length;
  }
  return undefined;
}

const CLOSED_QUOTE = /^(?:"[^"\\]*(?:\\[^][^"\\]*)*"|'[^']*(?:''[^']*)*')$/;

/** Whether the lexer's `token` is a quoted text that it gave up before the end. */
export function isOpenQuote(token: string): boolean {
  return (token.startsWith('"') || token.startsWith("'")) && !CLOSED_QUOTE.test(token);
}

/** The start of the next line, unless no text goes on there: the file ends, or a document does. */
function lineAfter(text: string, offset: number): number | undefined {
  const newline = text.indexOf('\n', offset);
  if (newline < 0 || /^(?:---|\.\.\.)(?:\s|$)/.test(text.slice(newline + 1, newline + 5)))
    return undefined;
  return newline + 1;
}
