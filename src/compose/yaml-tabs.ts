import { CST, Lexer } from 'yaml';
import { isOpenQuote } from './yaml-flow-indent.ts';

const MAY_HAVE = /^ *\t|- *\t/m;

/**
 * Where a tab stands for indentation, also on a line with nothing else: the readers of docker compose refuse it
 * there. Undefined where there is none, or where the text is not well formed anyway.
 *
 * @see YAML 1.2.2, 6.1 Indentation Spaces
 */
export function findTabIndent(text: string): number | undefined {
  if (!MAY_HAVE.test(text)) return undefined;
  let offset = 0;
  let depth = 0;
  let before: Before = { kind: 'other', end: 0 };
  let isContent = false;
  for (const token of new Lexer().lex(text)) {
    if (token === CST.FLOW_END || (!isContent && isOpenQuote(token))) return undefined;
    if (token === CST.SCALAR) isContent = true;
    if (token === CST.SCALAR || token === CST.DOCUMENT) continue;
    const type = isContent ? 'content' : CST.tokenType(token);
    const start = offset;
    offset += token.length;
    if (type === 'space' || type === 'newline') continue;
    const found = depth === 0 ? findIn(text, before, start) : undefined;
    if (found !== undefined) return found;
    if (type === 'flow-map-start' || type === 'flow-seq-start') depth += 1;
    if (type === 'flow-map-end' || type === 'flow-seq-end') depth -= 1;
    before = { kind: kindOf(type, before), end: offset, indent: indentOf(text, start) };
    isContent = false;
  }
  return findIn(text, before, text.length);
}

/** What stands in front of a gap: after a plain text, blanks may be its own. */
interface Before {
  readonly kind: 'plain' | 'block' | 'header' | 'item' | 'other';
  readonly end: number;
  readonly indent?: number;
}

function kindOf(type: string | null, before: Before): Before['kind'] {
  if (type === 'content') return before.kind === 'header' ? 'block' : 'plain';
  if (type === 'block-scalar-header') return 'header';
  return type === 'seq-item-ind' ? 'item' : 'other';
}

/** A tab that begins a line between `before` and `end`. */
function findIn(
  text: string,
  { kind, end: from, indent = 0 }: Before,
  end: number,
): number | undefined {
  if (kind === 'block' || kind === 'header') return undefined;
  const gap = text.slice(from, end);
  const first = from === 0 || kind === 'item' ? /^ *\t/.exec(gap) : null;
  if (first !== null) return from + first[0].length - 1;
  for (const { index, 0: line } of gap.matchAll(/\n *\t/g)) {
    const column = line.length - 2;
    if (kind !== 'plain' || column <= indent) return from + index + line.length - 1;
  }
  return undefined;
}

/** How far in the map or list stands that the text at `start` belongs to. */
function indentOf(text: string, start: number): number {
  const line = text.lastIndexOf('\n', start - 1) + 1;
  const [prefix = ''] = /^ *(?:- +)*/.exec(text.slice(line, start)) ?? [];
  return line + prefix.length === start ? Math.max(prefix.lastIndexOf('-'), 0) : prefix.length;
}
