import type { Position } from '../model/project.ts';
import { type Path, type RawEntry, type RawMap, type RawNode, formatPath } from './raw-tree.ts';
import type { Shape } from './shape.ts';
import { PROJECT } from './shapes.ts';
import { findUnsupported } from './support.ts';

/** An attribute that a project uses, and what ocup makes of it. */
export interface AttributeUse {
  /** `services.web.healthcheck.test`. */
  readonly path: string;
  readonly position: Position;
  /** `refused`: `up` ends with an error because of it. */
  readonly status: 'supported' | 'degraded' | 'ignored' | 'refused';
  /** Why it is not supported. */
  readonly reason: string | undefined;
}

/** The attributes of the canonical tree `root`, in the order of the files. What is implied is left out. */
export function attributesInUse(root: RawMap): readonly AttributeUse[] {
  const found = new Map<string, AttributeUse>();
  walk(root, PROJECT, [], (path, position) => {
    // What every model has stands where the file begins.
    if (position === root.position) return;
    const text = formatPath(path);
    found.set(text, { path: text, position, status: 'supported', reason: undefined });
  });
  for (const { path, position, support } of findUnsupported(root)) {
    const text = formatPath(path);
    const { kind: status, reason } = support;
    // What lies below a group that is ignored is ignored with it.
    for (const known of found.keys())
      if (known.startsWith(`${text}.`) || known.startsWith(`${text}[`)) found.delete(known);
    found.set(text, { path: text, position, status, reason });
  }
  return inOrder([...found.values()]);
}

/** By file, in the order in which files are met, then by line and column. */
export function inOrder(uses: readonly AttributeUse[]): readonly AttributeUse[] {
  const files = [...new Set(uses.map(({ position }) => position.file))];
  return [...uses].sort(({ position: a }, { position: b }) => {
    return files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column;
  });
}

type Visitor = (path: Path, position: Position) => void;

/** Groups of attributes are gone into, all else is an attribute. */
function walk(node: RawNode, shape: Shape, path: Path, visit: Visitor): void {
  if (node.kind !== 'map') return;
  for (const [key, entry] of node.entries) {
    if (key.startsWith('x-')) continue;
    const step = [...path, key];
    const below =
      shape.kind === 'object'
        ? shape.fields[key]?.shape
        : shape.kind === 'record'
          ? shape.values
          : undefined;
    if (below === undefined) continue;
    const isGroup = (below.kind === 'object' || below.kind === 'record') && isGroupOf(entry);
    if (isGroup) walk(entry.node, below, step, visit);
    else if (shape.kind === 'object') visit(step, entry.position);
  }
}

/** What stands where its group does is not written: it comes from a short form, or is implied. */
function isGroupOf({ node, position }: RawEntry): boolean {
  if (node.kind !== 'map') return false;
  const below = [...node.entries.values()];
  return below.some((entry) => !isSame(entry.position, position) && hasOwnPlace(entry));
}

function hasOwnPlace({ node, position }: RawEntry): boolean {
  if (node.kind !== 'map' || node.entries.size === 0) return true;
  return [...node.entries.values()].some((entry) => !isSame(entry.position, position));
}

function isSame(a: Position, b: Position): boolean {
  return a.line === b.line && a.column === b.column && a.file === b.file;
}
