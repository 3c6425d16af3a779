import { findBytes } from '../base/units.ts';
import type { Json, JsonObject } from '../model/project.ts';
import { findDurationNs, formatDurationNs } from './duration.ts';
import { findBoolean } from './interpolate.ts';
import { pairsOf } from './merge.ts';
import type { Problems } from './problems.ts';
import {
  type Path,
  type RawMap,
  type RawNode,
  type RawScalar,
  type ScalarValue,
  findChild,
  isNull,
  scalarText,
  setOwn,
} from './raw-tree.ts';
import type { Field, ObjectShape, ScalarType, Shape } from './shape.ts';
import { splitShellWords } from './shell-words.ts';

/**
 * The canonical JSON of `root` by `shape`: typed, ordered, without what is empty. `root` has passed the
 * validation; a text that is not what its attribute takes goes to `problems` and is left out.
 */
export function decodeObject(
  root: RawMap,
  shape: ObjectShape,
  problems: Problems,
  path: Path = [],
): JsonObject {
  return new Decoder(problems).object(root, shape, path);
}

type RecordShape = Extract<Shape, { readonly kind: 'record' }>;

class Decoder {
  private readonly problems: Problems;

  constructor(problems: Problems) {
    this.problems = problems;
  }

  object(node: RawMap, shape: ObjectShape, path: Path): JsonObject {
    const made: Record<string, Json> = {};
    for (const [name, field] of fieldsOf(shape)) {
      const entry = node.entries.get(name);
      if (entry === undefined) continue;
      const value = this.value(entry.node, field.shape, [...path, name]);
      if (value !== undefined && !isOmitted(value, field)) setOwn(made, name, value);
    }
    const extensions = [...node.entries.keys()].filter(
      (name) => name.startsWith('x-') && !name.startsWith('x-#'),
    );
    for (const name of extensions.sort()) {
      const child = findChild(node, name);
      if (child !== undefined) setOwn(made, name, anyJson(child));
    }
    return made;
  }

  private value(node: RawNode, shape: Shape, path: Path): Json | undefined {
    switch (shape.kind) {
      case 'any':
        return anyJson(node);
      case 'object':
        if (node.kind === 'map') return this.object(node, shape, path);
        return undefined;
      case 'record':
        return node.kind === 'map' ? this.record(node, shape, path) : undefined;
      case 'list':
        return node.kind === 'list' ? this.list(node.items, shape.items, path) : undefined;
      case 'texts':
        return this.texts(node);
      case 'command':
        return this.command(node, shape.wrap, path);
      case 'mapping':
        return mapping(node, shape.isNullable);
      case 'lists':
        return lists(node);
      case 'hosts':
        return this.hosts(node, path);
      case 'ssh':
        return sshKeys(node);
      case 'ulimit':
        return this.ulimit(node, path);
      case 'scalar':
        return this.scalar(node, shape.type, path);
    }
  }

  private record(node: RawMap, { values, empty }: RecordShape, path: Path): JsonObject {
    const made: Record<string, Json> = {};
    for (const key of [...node.entries.keys()].sort()) {
      const child = findChild(node, key);
      if (child === undefined) continue;
      const value = this.value(child, values, [...path, key]);
      if (value !== undefined) setOwn(made, key, value);
      else if (isNull(child)) setOwn(made, key, empty === 'null' ? null : {});
    }
    return made;
  }

  private list(items: readonly RawNode[], shape: Shape, path: Path): Json {
    const made: Json[] = [];
    for (const [index, item] of items.entries()) {
      const value = this.value(item, shape, [...path, index]);
      if (value !== undefined) made.push(value);
    }
    return made;
  }

  private texts(node: RawNode): Json {
    const items = node.kind === 'list' ? node.items : [node];
    const made: string[] = [];
    for (const item of items)
      if (item.kind === 'scalar' && item.value !== null) made.push(scalarText(item.value));
    // A single empty text is what people write to say: none.
    return node.kind === 'scalar' && made[0] === '' ? [] : made;
  }

  private command(
    node: RawNode,
    wrap: readonly string[] | undefined,
    path: Path,
  ): Json | undefined {
    if (node.kind === 'list') return this.texts(node);
    if (node.kind !== 'scalar' || node.value === null) return undefined;
    const text = scalarText(node.value);
    if (wrap !== undefined) return [...wrap, text];
    const words = splitShellWords(text);
    const place = { position: node.position, path };
    if (words.kind === 'invalid') {
      const hint = 'close the quotes; quote brackets, or write the command as a list';
      this.problems.error(place, 'invalid command line string', { hint });
      return undefined;
    }
    if (words.stoppedAt !== undefined) {
      this.problems.warning(
        place,
        `no shell runs this: everything from the unquoted \`${words.stoppedAt}\` on is dropped`,
        { hint: 'run a shell for it: ["sh", "-c", "…"]', topic: 'shell-operators' },
      );
    }
    return words.words;
  }

  private hosts(node: RawNode, path: Path): Json {
    const pairs: string[] = [];
    const items = node.kind === 'map' ? pairsOf(node) : node.kind === 'list' ? node.items : [];
    for (const item of items) {
      if (item.kind !== 'scalar') continue;
      const text = scalarText(item.value);
      const [, name, address = ''] =
        /^([^=]*)=(.*)$/s.exec(text) ?? /^([^:]*):(.*)$/s.exec(text) ?? [];
      const place = { position: item.position, path };
      const hint = 'write it as NAME:ADDRESS';
      if (name === undefined)
        this.problems.error(place, `invalid additional host, missing IP: ${text}`, { hint });
      else if (name === '' || name.includes(':'))
        this.problems.error(place, `bad host name '${name}'`, { hint });
      else pairs.push(`${name}=${address.replace(/^\[(.*)\]$/, '$1')}`);
    }
    return pairs.sort();
  }

  private ulimit(node: RawNode, path: Path): Json | undefined {
    if (node.kind !== 'map') {
      const single = this.scalar(node, 'integer', path);
      return single === 0 ? { soft: 0, hard: 0 } : single;
    }
    const limit = (name: 'soft' | 'hard'): Json => {
      const child = findChild(node, name);
      return child === undefined ? 0 : (this.scalar(child, 'integer', [...path, name]) ?? 0);
    };
    return { soft: limit('soft'), hard: limit('hard') };
  }

  private scalar(node: RawNode, type: ScalarType, path: Path): Json | undefined {
    if (node.kind !== 'scalar' || node.value === null) return undefined;
    const place = { position: node.position, path };
    const made = this.convert(node, type, path);
    if (made !== undefined) return made;
    const message = `${FAULTS[type].what}: '${scalarText(node.value)}'`;
    this.problems.error(place, message, { hint: FAULTS[type].hint });
    return undefined;
  }

  private convert({ value, position }: RawScalar, type: ScalarType, path: Path): Json | undefined {
    switch (type) {
      case 'text':
        return scalarText(value);
      case 'boolean':
        return typeof value === 'boolean' ? value : findBoolean(scalarText(value));
      case 'integer':
        return integer(value);
      case 'float':
        return float(value);
      case 'count':
        return value === 'all' ? -1 : integer(value);
      case 'duration': {
        const ns = findDurationNs(scalarText(value));
        return ns === undefined ? undefined : formatDurationNs(ns);
      }
      case 'mode':
        return octal(value);
      case 'bytes':
        if (typeof value !== 'number' || Number.isInteger(value)) return bytes(value);
        this.problems.warning(
          { position, path },
          `${value} is not a whole number of bytes, and counts as not set`,
        );
        return '0';
    }
  }
}

const fieldLists = new WeakMap<ObjectShape, readonly (readonly [name: string, field: Field])[]>();

/** A service has a hundred fields: their list is made once. */
function fieldsOf(shape: ObjectShape): readonly (readonly [name: string, field: Field])[] {
  const known = fieldLists.get(shape) ?? Object.entries(shape.fields);
  fieldLists.set(shape, known);
  return known;
}

const FAULTS: Readonly<Record<ScalarType, { what: string; hint: string | undefined }>> = {
  text: { what: 'invalid text', hint: undefined },
  boolean: { what: 'invalid boolean', hint: 'use true or false' },
  integer: { what: 'invalid whole number', hint: undefined },
  float: { what: 'invalid number', hint: undefined },
  bytes: { what: 'invalid size', hint: 'write it as a number with b, k, m, g or t: 512m' },
  duration: { what: 'invalid duration', hint: 'write it with units: 1m30s' },
  mode: { what: 'invalid mode', hint: 'write it in octal: 0440' },
  count: { what: 'invalid value', hint: "the only value allowed is 'all' or a number" },
};

/** As Go leaves out what is empty: an object that is kept is shown even with nothing in it. */
function isOmitted(value: Json, { shape, keepsZero }: Field): boolean {
  if (keepsZero) return false;
  if (shape.kind === 'scalar') {
    if (shape.type === 'bytes') return value === '0';
    if (shape.type === 'duration') return value === '0s';
    return value === '' || value === 0 || value === false;
  }
  if (shape.kind === 'any' || value === null) return false;
  return typeof value !== 'object' ? value === 0 : Object.keys(value).length === 0;
}

/** `node` as it stands; whole numbers beyond 2^53 as text. */
export function anyJson(node: RawNode): Json {
  switch (node.kind) {
    case 'scalar':
      return typeof node.value === 'bigint' ? node.value.toString() : node.value;
    case 'list':
      return node.items.map(anyJson);
    case 'map': {
      const made: Record<string, Json> = {};
      for (const key of [...node.entries.keys()].sort()) {
        const child = findChild(node, key);
        // What is kept aside of the file, such as the content of a secret, is never shown.
        if (child !== undefined && !key.startsWith('x-#')) setOwn(made, key, anyJson(child));
      }
      return made;
    }
  }
}

function mapping(node: RawNode, isNullable: boolean): JsonObject {
  const found = new Map<string, string | null>();
  const missing = isNullable ? null : '';
  if (node.kind === 'map') {
    for (const [key, { node: value }] of node.entries) {
      const isMissing = value.kind !== 'scalar' || value.value === null;
      found.set(key, isMissing ? missing : scalarText(value.value));
    }
  } else if (node.kind === 'list') {
    for (const item of node.items) {
      if (item.kind !== 'scalar') continue;
      const text = scalarText(item.value);
      const equals = text.indexOf('=');
      if (equals < 0) found.set(text, missing);
      else found.set(text.slice(0, equals), text.slice(equals + 1));
    }
  }
  const made: Record<string, Json> = {};
  for (const key of [...found.keys()].sort()) setOwn(made, key, found.get(key) ?? missing);
  return made;
}

function lists(node: RawNode): JsonObject {
  const made: Record<string, Json> = {};
  if (node.kind !== 'map') return made;
  for (const key of [...node.entries.keys()].sort()) {
    const child = findChild(node, key);
    const items = child?.kind === 'list' ? child.items : child === undefined ? [] : [child];
    const values = items.map((item) => (item.kind === 'scalar' ? scalarText(item.value) : ''));
    setOwn(made, key, values);
  }
  return made;
}

function sshKeys(node: RawNode): Json {
  return Object.entries(mapping(node, true)).map(([id, path]) =>
    typeof path === 'string' ? `${id}=${path}` : id,
  );
}

function integer(value: ScalarValue): number | undefined {
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'string' && /^[-+]?[0-9]+$/.test(value) ? Number(value) : undefined;
}

/** The shortest number that is the same in 32 bits. */
function float(value: ScalarValue): number | undefined {
  const text = scalarText(value);
  const wide = typeof value === 'number' ? value : Number(text);
  if (typeof value === 'boolean' || text.trim() === '' || !Number.isFinite(wide)) return undefined;
  const narrow = Math.fround(wide);
  for (let digits = 1; digits < 10; digits += 1) {
    const short = Number(narrow.toPrecision(digits));
    if (Math.fround(short) === narrow) return short;
  }
  return narrow;
}

function bytes(value: ScalarValue): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  // `-1` is no limit, and comes back as a text when what was printed is loaded again.
  if (typeof value === 'string' && /^-[0-9]+$/.test(value)) return value;
  const size = typeof value === 'string' ? findBytes(value) : undefined;
  return size === undefined ? undefined : BigInt(Math.trunc(size)).toString();
}

function octal(value: ScalarValue): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) return `0${value.toString(8)}`;
  if (typeof value !== 'string' || !/^[-+]?[0-7]+$/.test(value)) return undefined;
  return `0${parseInt(value, 8).toString(8)}`;
}
