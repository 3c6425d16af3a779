import { type Command, type Node, type Operand, type Pipe, TemplateError } from './nodes.ts';

/**
 * Reads a template of Go's language: text, pipelines, variables, `if`, `range`, `with`, comments and trimming.
 * @throws TemplateError
 * @see https://pkg.go.dev/text/template
 */
export function parseTemplate(template: string): readonly Node[] {
  const pieces = cut(template);
  const { nodes, end } = parseList(pieces, 0);
  const last = pieces[end];
  if (last !== undefined) throw new TemplateError(`unexpected {{${textOf(last)}}}`);
  return nodes;
}

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly string[] };

function textOf(piece: Piece): string {
  return piece.kind === 'text' ? piece.text : piece.tokens.join(' ');
}

const ACTION = /\{\{(- )?((?:"(?:[^"\\]|\\.)*"|`[^`]*`|\/\*[^]*?\*\/|[^"`])*?)( -)?\}\}/g;

function cut(template: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  let trimsNext = false;
  const addText = (text: string, trimsEnd: boolean): void => {
    const begun = trimsNext ? text.trimStart() : text;
    const whole = trimsEnd ? begun.trimEnd() : begun;
    if (whole !== '') pieces.push({ kind: 'text', text: whole });
  };
  for (const match of template.matchAll(ACTION)) {
    const [all, trimsBefore, content = '', trimsAfter] = match;
    addText(template.slice(from, match.index), trimsBefore !== undefined);
    from = match.index + all.length;
    trimsNext = trimsAfter !== undefined;
    const code = content.trim();
    if (!code.startsWith('/*')) pieces.push({ kind: 'action', tokens: tokensOf(code) });
  }
  const rest = template.slice(from);
  if (rest.includes('{{')) throw new TemplateError('an action is not closed');
  addText(rest, false);
  return pieces;
}

const TOKEN =
  /\s+|"(?:[^"\\]|\\.)*"|`[^`]*`|:=|=|[|(),]|(?:\$\w*|\))?(?:\.\w+)+|\$\w*|\.|-?\d+(?:\.\d+)?|\w+/gy;

/** Fields stay with the bracket they belong to: `(…).Name` ends with the token `).Name`. */
function tokensOf(code: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < code.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(code);
    if (match === null) throw new TemplateError(`${code.slice(at)} is not known here`);
    if (match[0].trim() !== '') tokens.push(match[0]);
  }
  return tokens;
}

interface Parsed {
  readonly nodes: readonly Node[];
  /** The piece that ended it: `end`, `else`, or none. */
  readonly end: number;
}

function parseList(pieces: readonly Piece[], from: number): Parsed {
  const nodes: Node[] = [];
  for (let at = from; at < pieces.length; at += 1) {
    const piece = pieces[at];
    if (piece === undefined) break;
    if (piece.kind === 'text') {
      nodes.push(piece);
      continue;
    }
    const [word = ''] = piece.tokens;
    if (word === 'end' || word === 'else') return { nodes, end: at };
    if (isBranch(word)) {
      const { node, end } = parseBranch(word, piece.tokens.slice(1), pieces, at);
      nodes.push(node);
      at = end;
    } else {
      nodes.push({ kind: 'action', pipe: parsePipe(piece.tokens) });
    }
  }
  return { nodes, end: pieces.length };
}

type BranchKind = 'if' | 'with' | 'range';

function isBranch(word: string): word is BranchKind {
  return word === 'if' || word === 'with' || word === 'range';
}

function parseBranch(
  kind: BranchKind,
  tokens: readonly string[],
  pieces: readonly Piece[],
  at: number,
): { readonly node: Node; readonly end: number } {
  const pipe = parsePipe(tokens);
  const { nodes: list, end } = parseList(pieces, at + 1);
  const closing = pieces[end];
  if (closing?.kind !== 'action') throw new TemplateError(`{{${kind}}} has no {{end}}`);
  const [word, next, ...rest] = closing.tokens;
  if (word === 'end') return { node: { kind, pipe, list, otherwise: [] }, end };
  if (next !== undefined && isBranch(next)) {
    // `else if` shares the end of what it belongs to.
    const inner = parseBranch(next, rest, pieces, end);
    return { node: { kind, pipe, list, otherwise: [inner.node] }, end: inner.end };
  }
  const other = parseList(pieces, end + 1);
  const last = pieces[other.end];
  if (last?.kind !== 'action' || last.tokens[0] !== 'end') {
    throw new TemplateError(`{{${kind}}} has no {{end}}`);
  }
  return { node: { kind, pipe, list, otherwise: other.nodes }, end: other.end };
}

function parsePipe(tokens: readonly string[]): Pipe {
  const reader = new TokenReader(tokens);
  const pipe = readPipe(reader);
  const rest = reader.next();
  if (rest !== undefined) throw new TemplateError(`unexpected ${rest}`);
  return pipe;
}

class TokenReader {
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  peek(ahead = 0): string | undefined {
    return this.tokens[this.at + ahead];
  }

  next(): string | undefined {
    this.at += 1;
    return this.tokens[this.at - 1];
  }
}

function readPipe(reader: TokenReader): Pipe {
  const { names, isAssignment } = readNames(reader);
  const commands: Command[] = [readCommand(reader)];
  while (reader.peek() === '|') {
    reader.next();
    commands.push(readCommand(reader));
  }
  return { names, isAssignment, commands };
}

/** `$i, $e :=` */
function readNames(reader: TokenReader): Pick<Pipe, 'names' | 'isAssignment'> {
  const none = { names: [], isAssignment: false };
  const isName = (token: string | undefined): token is string => /^\$\w+$/.test(token ?? '');
  const first = reader.peek();
  if (!isName(first)) return none;
  const second = reader.peek(2);
  const hasTwo = reader.peek(1) === ',' && isName(second);
  const sign = reader.peek(hasTwo ? 3 : 1);
  if (sign !== ':=' && sign !== '=') return none;
  const names = hasTwo ? [first, second] : [first];
  // Names, commas and the sign.
  for (let read = 0; read < 2 * names.length; read += 1) reader.next();
  return { names, isAssignment: sign === '=' };
}

function readCommand(reader: TokenReader): Command {
  const first = readOperand(reader);
  if (first === undefined) throw new TemplateError('it is empty');
  const rest: Operand[] = [];
  for (let operand = readOperand(reader); operand !== undefined; operand = readOperand(reader)) {
    rest.push(operand);
  }
  return [first, ...rest];
}

/** Undefined at the end of a command. */
function readOperand(reader: TokenReader): Operand | undefined {
  const token = reader.peek();
  if (token === undefined || token === '|' || token.startsWith(')')) return undefined;
  reader.next();
  if (token === '(') return readBracket(reader);
  if (token.startsWith('"')) return { kind: 'literal', value: unquote(token) };
  if (token.startsWith('`')) return { kind: 'literal', value: token.slice(1, -1) };
  if (/^-?\d/.test(token)) return { kind: 'literal', value: Number(token) };
  if (token.startsWith('$')) {
    const [name = '$', ...path] = token.split('.');
    return { kind: 'variable', name, path };
  }
  if (token.startsWith('.')) return { kind: 'field', path: pathOf(token) };
  if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' };
  if (token === 'nil') return { kind: 'literal', value: undefined };
  if (/^\w+$/.test(token)) return { kind: 'function', name: token };
  throw new TemplateError(`unexpected ${token}`);
}

function readBracket(reader: TokenReader): Operand {
  const pipe = readPipe(reader);
  const end = reader.next();
  if (end?.startsWith(')') !== true) throw new TemplateError('a bracket is not closed');
  return { kind: 'pipe', pipe, path: pathOf(end.slice(1)) };
}

function pathOf(token: string): string[] {
  return token.split('.').filter((key) => key !== '');
}

function unquote(token: string): string {
  try {
    return String(JSON.parse(token));
  } catch {
    throw new TemplateError(`${token} is no string`);
  }
}
