import {
  type Document,
  LineCounter,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLParseError,
  type YAMLSeq,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseAllDocuments,
} from 'yaml';
import type { Position } from '../model/project.ts';
import type { Problems } from './problems.ts';
import type { MergeTag, Path, RawEntry, RawMap, RawNode, ScalarValue } from './raw-tree.ts';
import { indentFlows } from './yaml-flow-indent.ts';
import { findTabIndent } from './yaml-tabs.ts';
import { TIMESTAMP, findInteger, resolvePlainScalar } from './yaml-scalar.ts';

/** Aliases may make a small file large; a tree beyond this is refused. */
const MAX_NODES = 1_000_000;

/** No compose file is nested like this; every phase walks down by calling itself. */
const MAX_DEPTH = 200;

/**
 * The documents of a YAML file as trees with positions: none where nothing is written, and a null for each `---`
 * that nothing follows. What is wrong with the text goes to `problems` (E_COMPOSE_SYNTAX).
 *
 * @see compose-spec 10-fragments.md, 13-merge.md#reset-value
 */
export function readYaml(text: string, file: string, problems: Problems): readonly RawNode[] {
  const control = CONTROL.exec(text);
  if (control !== null) {
    refuseControl(text, control.index, { file, problems });
    return [];
  }
  const plain = withPlainBreaks(text);
  const tab = findTabIndent(plain);
  if (tab !== undefined) {
    refuseTab(plain, tab, { file, problems });
    return [];
  }
  const { documents, locate } = parseLeniently(plain);
  const roots: RawNode[] = [];
  for (const document of documents) {
    const reader = new DocumentReader(document, { locate, file, problems });
    const root = reader.read();
    if (root !== undefined) roots.push(root);
  }
  return roots;
}

interface Parsed {
  readonly documents: readonly Document.Parsed[];
  readonly locate: (offset: number) => Omit<Position, 'file'>;
}

/** Where only the indentation of flow collections is wrong, it is not. */
function parseLeniently(text: string): Parsed {
  const strict = parse(text);
  if (strict.documents.every(({ errors }) => errors.length === 0)) return strict;
  const indented = indentFlows(text);
  if (indented === undefined) return strict;
  const lenient = parse(indented.text, indented.movedBy);
  return lenient.documents.every(({ errors }) => errors.length === 0) ? lenient : strict;
}

function parse(text: string, movedBy?: ReadonlyMap<number, number>): Parsed {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const locate = (offset: number): Omit<Position, 'file'> => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col - (movedBy?.get(line) ?? 0), 1) };
  };
  return { documents: Array.isArray(parsed) ? parsed : [], locate };
}

/** YAML allows tabs and line breaks only. */
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

type TextSource = Pick<Source, 'file' | 'problems'>;

function refuseControl(text: string, offset: number, source: TextSource): void {
  const code = text.charCodeAt(offset).toString(16).padStart(2, '0');
  refuse(positionIn(text, offset, source.file), source, {
    message: `control characters are not allowed: 0x${code}`,
    hint: `write it as an escape in double quotes: "\\x${code}"`,
  });
}

function refuseTab(text: string, offset: number, source: TextSource): void {
  refuse(positionIn(text, offset, source.file), source, {
    message: 'found a tab character that violates indentation',
    hint: 'indent with spaces',
  });
}

function refuse(
  position: Position,
  { problems }: TextSource,
  { message, hint }: { readonly message: string; readonly hint: string },
): void {
  const code = 'E_COMPOSE_SYNTAX';
  const words = `yaml: line ${position.line}: ${message}`;
  problems.error({ position, path: [] }, words, { hint, code });
}

function positionIn(text: string, offset: number, file: string): Position {
  const before = text.slice(0, offset).split('\n');
  return { file, line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** Without the mark that some editors put first; a carriage return alone ends a line too. */
function withPlainBreaks(text: string): string {
  const start = text.startsWith('\uFEFF') ? text.slice(1) : text;
  return start.includes('\r') ? start.replaceAll(/\r(?!\n)/g, '\n') : start;
}

interface Source {
  readonly locate: Parsed['locate'];
  readonly file: string;
  readonly problems: Problems;
}

class DocumentReader {
  private readonly document: Document.Parsed;
  private readonly source: Source;
  private readonly anchored = new Map<string, { node: RawNode; size: number } | 'open'>();
  private size = 0;

  constructor(document: Document.Parsed, source: Source) {
    this.document = document;
    this.source = source;
  }

  read(): RawNode | undefined {
    for (const [index, error] of this.document.errors.entries()) {
      // What is not expected any more is so because of what was wrong before.
      const isConsequence = index > 0 && error.code === 'UNEXPECTED_TOKEN';
      if (!isConsequence) this.fail(error.pos[0], [], describe(error), hintOf(error));
    }
    const { yaml } = this.document.directives;
    if (yaml.explicit === true && yaml.version !== '1.1')
      this.fail(0, [], 'found incompatible YAML document', 'leave out the line with `%YAML`');
    if (this.document.errors.length > 0) return undefined;
    const root = this.node(this.document.contents, []);
    if (this.size > MAX_NODES) {
      this.fail(0, [], `aliases make more than ${MAX_NODES} values of this file`);
      return undefined;
    }
    return root;
  }

  private node(node: Node | null, path: Path, fallback = 0): RawNode {
    if (node === null) return { kind: 'scalar', value: null, position: this.at(fallback) };
    if (path.length > MAX_DEPTH) return this.tooDeep(node.range?.[0] ?? fallback);
    if (isAlias(node)) return this.alias(node.source, node.range?.[0] ?? fallback, path);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.anchored.set(anchor, 'open');
    const before = this.size;
    const made = this.plainNode(node, path, fallback);
    if (anchor !== undefined) this.anchored.set(anchor, { node: made, size: this.size - before });
    return made;
  }

  private tooDeep(offset: number): RawNode {
    this.fail(offset, [], TOO_DEEP);
    return { kind: 'scalar', value: null, position: this.at(offset) };
  }

  private plainNode(node: Node, path: Path, fallback: number): RawNode {
    this.size += 1;
    const offset = node.range?.[0] ?? fallback;
    const position = this.at(offset);
    const merge = mergeTag(node.tag);
    const tagged = merge === undefined ? {} : { merge };
    if (isMap(node)) return { ...this.map(node, path, position), ...tagged };
    if (isSeq(node)) {
      return { kind: 'list', items: this.items(node, path, offset), position, ...tagged };
    }
    if (isScalar(node)) {
      return { kind: 'scalar', value: this.value(node, path, offset), position, ...tagged };
    }
    throw new Error('a document holds only scalars, maps, lists and aliases');
  }

  private alias(name: string, offset: number, path: Path): RawNode {
    const target = this.anchored.get(name);
    if (target !== undefined && target !== 'open') {
      this.size += target.size;
      // What it says is wrong there is wrong here: both places are where the anchor is.
      return target.node;
    }
    const reason = target === 'open' ? 'contains itself' : 'is not defined before it is used';
    this.fail(offset, path, `anchor ${JSON.stringify(name)} ${reason}`);
    return { kind: 'scalar', value: null, position: this.at(offset) };
  }

  private items(node: YAMLSeq, path: Path, offset: number): RawNode[] {
    return node.items.map((item, index) => {
      const step = [...path, index];
      // In a flow list `a: b` is a map of one pair.
      if (isPair(item)) return this.pairAsMap(item, step, offset);
      return this.node(asNode(item), step, offset);
    });
  }

  private pairAsMap(pair: Pair, path: Path, offset: number): RawMap {
    const entries = new Map<string, RawEntry>();
    this.pair(pair, path, entries, offset);
    return { kind: 'map', entries, position: this.at(offset) };
  }

  private map(node: YAMLMap, path: Path, position: Position): RawMap {
    const own = new Map<string, RawEntry>();
    const merged: RawMap[] = [];
    let mergeKey: Position | undefined;
    for (const pair of node.items) {
      if (!isMergeKey(pair)) {
        this.pair(pair, path, own, node.range?.[0] ?? 0);
        continue;
      }
      const at = this.at(asNode(pair.key)?.range?.[0] ?? node.range?.[0] ?? 0);
      if (mergeKey !== undefined) {
        const message = `mapping key "<<" already defined at line ${mergeKey.line}`;
        this.failAt(at, [...path, '<<'], message, 'merge both in one key: <<: [*a, *b]');
      }
      mergeKey = at;
      merged.push(...this.mergeSources(pair, path));
    }
    if (merged.length === 0) return { kind: 'map', entries: own, position };
    const entries = new Map<string, RawEntry>();
    // The first source that has a key wins; own keys win over all.
    for (const source of merged.reverse())
      for (const [key, entry] of source.entries) entries.set(key, entry);
    for (const [key, entry] of own) entries.set(key, entry);
    return { kind: 'map', entries, position };
  }

  private mergeSources(pair: Pair, path: Path): RawMap[] {
    const source = this.node(asNode(pair.value), path);
    const sources = source.kind === 'list' ? source.items : [source];
    const maps: RawMap[] = [];
    for (const one of sources) {
      if (one.kind === 'map') maps.push(one);
      else
        this.failAt(one.position, path, 'map merge requires map or sequence of maps as the value');
    }
    return maps;
  }

  private pair(pair: Pair, path: Path, entries: Map<string, RawEntry>, fallback: number): void {
    const keyNode = asNode(pair.key);
    const offset = keyNode?.range?.[0] ?? fallback;
    const position = this.at(offset);
    const key = this.key(keyNode, path, offset);
    if (key === undefined) return;
    const earlier = entries.get(key);
    if (earlier !== undefined) {
      const first = `at line ${earlier.position.line}`;
      this.failAt(
        position,
        [...path, key],
        `mapping key ${JSON.stringify(key)} already defined ${first}`,
      );
    }
    entries.set(key, { position, node: this.node(asNode(pair.value), [...path, key], offset) });
  }

  private key(node: Node | null, path: Path, offset: number): string | undefined {
    const made = this.node(node, path, offset);
    if (made.kind === 'scalar' && typeof made.value === 'string') return made.value;
    const shown = made.kind === 'scalar' ? String(made.value) : `a ${made.kind}`;
    const where = path.length === 0 ? 'at top level' : 'in a mapping';
    this.fail(offset, path, `non-string key ${where}: ${shown}`, 'put the key in quotes');
    return undefined;
  }

  private value(node: Scalar, path: Path, offset: number): ScalarValue {
    if (node.value instanceof Uint8Array) return Buffer.from(node.value).toString('utf8');
    const text = typeof node.value === 'string' ? node.value : '';
    if (node.tag !== undefined && mergeTag(node.tag) === undefined) {
      return this.taggedValue(node.tag, text, path, offset);
    }
    if (node.type !== 'PLAIN') return text;
    const value = resolvePlainScalar(text);
    if (value !== TIMESTAMP) return value;
    this.fail(offset, path, `a date is not a value here: ${text}`, 'put it in quotes');
    return text;
  }

  private taggedValue(tag: string, text: string, path: Path, offset: number): ScalarValue {
    switch (tag) {
      case 'tag:yaml.org,2002:str':
        return text;
      case 'tag:yaml.org,2002:null':
        return null;
      case 'tag:yaml.org,2002:bool':
      case 'tag:yaml.org,2002:float':
      case 'tag:yaml.org,2002:int': {
        const value = resolvePlainScalar(text);
        if (typeof value === 'number' || typeof value === 'boolean') return value;
        return findInteger(text) ?? this.badTag(tag, text, path, offset);
      }
      default:
        return resolveLoose(text);
    }
  }

  private badTag(tag: string, text: string, path: Path, offset: number): ScalarValue {
    const name = tag.replace('tag:yaml.org,2002:', '!!');
    this.fail(offset, path, `cannot decode ${JSON.stringify(text)} as a ${name}`);
    return text;
  }

  private at(offset: number): Position {
    return { file: this.source.file, ...this.source.locate(offset) };
  }

  private fail(offset: number, path: Path, message: string, hint?: string): void {
    this.failAt(this.at(offset), path, message, hint);
  }

  private failAt(position: Position, path: Path, message: string, hint?: string): void {
    const text = `yaml: line ${position.line}: ${message}`;
    this.source.problems.error({ position, path }, text, { hint, code: 'E_COMPOSE_SYNTAX' });
  }
}

const TOO_DEEP = `nested deeper than ${MAX_DEPTH} levels`;

const INDENTATION =
  'look at the indentation here and on the lines above; quote texts with `: ` in them';

/** What people mostly mean where YAML reads something else. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['TAB_AS_INDENT', 'indent with spaces'],
  ['BAD_INDENT', INDENTATION],
  ['BLOCK_AS_IMPLICIT_KEY', INDENTATION],
  ['MULTILINE_IMPLICIT_KEY', INDENTATION],
]);

function hintOf({ code, message }: Pick<YAMLParseError, 'code' | 'message'>): string | undefined {
  if (message.startsWith('Missing closing')) return 'close the quotes';
  const isBrace = code === 'UNEXPECTED_TOKEN' && message.includes('flow-map');
  return isBrace ? 'quote texts with `{` or `}` in them' : HINTS.get(code);
}

function describe(error: Pick<YAMLParseError, 'code' | 'message'>): string {
  return error.code === 'RESOURCE_EXHAUSTION' ? TOO_DEEP : error.message;
}

/** What the reader hands out: a node, or `null` where nothing is written. */
function asNode(value: unknown): Node | null {
  if (isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)) return value;
  return null;
}

function isMergeKey(pair: Pair): boolean {
  const { key } = pair;
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function mergeTag(tag: string | undefined): MergeTag | undefined {
  if (tag === '!reset') return 'reset';
  return tag === '!override' ? 'override' : undefined;
}

/** A tag of someone else's says nothing to us: the value counts as if it were not there. */
function resolveLoose(text: string): ScalarValue {
  const value = resolvePlainScalar(text);
  return value === TIMESTAMP ? text : value;
}
