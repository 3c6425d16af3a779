import type { Position } from '../model/project.ts';

/**
 * A compose file before it is understood: what YAML said, with the place of every key and value. Trees are
 * never changed in place; a phase that changes something makes new nodes and keeps the positions.
 */
export type RawNode = RawScalar | RawList | RawMap;

/** A whole number beyond 2^53 is a bigint, so that no digit is lost. */
export type ScalarValue = string | number | bigint | boolean | null;

export interface RawScalar {
  readonly kind: 'scalar';
  readonly value: ScalarValue;
  readonly position: Position;
  readonly merge?: MergeTag | undefined;
}

export interface RawList {
  readonly kind: 'list';
  readonly items: readonly RawNode[];
  readonly position: Position;
  readonly merge?: MergeTag | undefined;
}

export interface RawMap {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, RawEntry>;
  readonly position: Position;
  readonly merge?: MergeTag | undefined;
}

export interface RawEntry {
  /** Of the key. */
  readonly position: Position;
  readonly node: RawNode;
}

/** `!reset` takes what earlier files said away, `!override` replaces it. */
export type MergeTag = 'reset' | 'override';

/** Keys and list indexes from the root of a file down. */
export type Path = readonly (string | number)[];

/** `services.web.ports[1]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** A scalar at `position`. */
export function scalar(value: ScalarValue, position: Position): RawScalar {
  return { kind: 'scalar', value, position };
}

/** A list at `position`. */
export function list(items: readonly RawNode[], position: Position): RawList {
  return { kind: 'list', items, position };
}

/** A map at `position`, whose keys stand where their values do. */
export function mapOf(values: Readonly<Record<string, RawNode>>, position: Position): RawMap {
  const entries = new Map<string, RawEntry>();
  for (const [key, node] of Object.entries(values))
    entries.set(key, { position: node.position, node });
  return { kind: 'map', entries, position };
}

/** `map` with `key` set; an existing key keeps its position. */
export function withEntry(map: RawMap, key: string, node: RawNode): RawMap {
  const entries = new Map(map.entries);
  entries.set(key, { position: entries.get(key)?.position ?? node.position, node });
  return { ...map, entries };
}

/** `map` without `key`. */
export function withoutEntry(map: RawMap, key: string): RawMap {
  if (!map.entries.has(key)) return map;
  const entries = new Map(map.entries);
  entries.delete(key);
  return { ...map, entries };
}

/** The value of `key` if `node` is a map that has it. */
export function findChild(node: RawNode | undefined, key: string): RawNode | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.node : undefined;
}

/** The map at `key`. */
export function findMap(node: RawNode | undefined, key: string): RawMap | undefined {
  const child = findChild(node, key);
  return child?.kind === 'map' ? child : undefined;
}

/** The string at `key`. */
export function findText(node: RawNode | undefined, key: string): string | undefined {
  const child = findChild(node, key);
  return child?.kind === 'scalar' && typeof child.value === 'string' ? child.value : undefined;
}

/** The items of the list at `key`; none if there is no list. */
export function itemsOf(node: RawNode | undefined, key: string): readonly RawNode[] {
  const child = findChild(node, key);
  return child?.kind === 'list' ? child.items : [];
}

/** The entries of the map at `key`; none if there is no map. */
export function entriesOf(
  node: RawNode | undefined,
  key: string,
): IterableIterator<[string, RawEntry]> {
  return (findMap(node, key)?.entries ?? new Map<string, RawEntry>()).entries();
}

export function isNull(node: RawNode | undefined): boolean {
  return node?.kind === 'scalar' && node.value === null;
}

/** The text of a scalar as Go's `%v` prints it, which is what ends up in variables and labels. */
export function scalarText(value: ScalarValue): string {
  if (typeof value === 'number') return formatNumber(value);
  return value === null ? '' : String(value);
}

function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return value === 0 ? '0' : String(value);
  if (!Number.isFinite(value)) {
    if (Number.isNaN(value)) return 'NaN';
    return value > 0 ? '+Inf' : '-Inf';
  }
  const magnitude = Math.abs(value);
  const text = magnitude < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/**
 * The node at `path`, or the deepest one on the way, and the position to show for it: that of the key when
 * the last step is one that exists.
 */
export function locate(root: RawNode, path: Path): { node: RawNode; position: Position } {
  let node = root;
  let position = root.position;
  for (const step of path) {
    if (node.kind === 'map' && typeof step === 'string') {
      const entry = node.entries.get(step);
      if (entry === undefined) break;
      node = entry.node;
      position = entry.position;
    } else if (node.kind === 'list' && typeof step === 'number') {
      const item = node.items[step];
      if (item === undefined) break;
      node = item;
      position = item.position;
    } else break;
  }
  return { node, position };
}

/** `root` as plain values, for what knows no positions. */
export function toPlain(node: RawNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return typeof node.value === 'bigint' ? Number(node.value) : node.value;
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      const plain: Record<string, unknown> = {};
      for (const [key, entry] of node.entries) setOwn(plain, key, toPlain(entry.node));
      return plain;
    }
  }
}

/** Equal for equal values, whatever the order of their keys. */
export function fingerprint(node: RawNode): string {
  switch (node.kind) {
    case 'scalar':
      return typeof node.value === 'string' ? JSON.stringify(node.value) : scalarText(node.value);
    case 'list':
      return `[${node.items.map(fingerprint).join()}]`;
    case 'map': {
      const pairs = [...node.entries].map(
        ([key, { node: value }]) => `${JSON.stringify(key)}:${fingerprint(value)}`,
      );
      return `{${pairs.sort().join()}}`;
    }
  }
}

/** Sets `key` even when it is called `__proto__`. */
export function setOwn<T>(target: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  } else target[key] = value;
}
