import { type PathState, compilePaths } from './path-table.ts';
import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findText,
  scalar,
  withEntry,
} from './raw-tree.ts';

/**
 * The canonical tree `root` with the defaults that docker compose writes out: where a secret is mounted, how
 * a port is published, the context of a build.
 */
export function setDefaults(root: RawMap): RawMap {
  const made = visit(root, DEFAULTS);
  return made.kind === 'map' ? made : root;
}

type Default = (node: RawMap) => RawMap;

const DEFAULTS: PathState<Default> = compilePaths<Default>({
  'services.*.build': (node) => fill(node, 'context', '.'),
  'services.*.secrets.*': (node) =>
    fill(node, 'target', `/run/secrets/${findText(node, 'source') ?? ''}`),
  'services.*.ports.*': (node) => fill(fill(node, 'protocol', 'tcp'), 'mode', 'ingress'),
  'services.*.gpus.*': deviceCount,
  'services.*.deploy.resources.reservations.devices.*': deviceCount,
});

function visit(node: RawNode, state: PathState<Default> | undefined): RawNode {
  if (state === undefined || node.kind === 'scalar') return node;
  if (node.kind === 'list')
    return { ...node, items: node.items.map((item, i) => visit(item, state.next(i))) };
  const filled = state.rule === undefined ? node : state.rule(node);
  let changed: Map<string, RawEntry> | undefined;
  for (const [key, entry] of filled.entries) {
    const made = visit(entry.node, state.next(key));
    if (made === entry.node) continue;
    changed ??= new Map(filled.entries);
    changed.set(key, { ...entry, node: made });
  }
  return changed === undefined ? filled : { ...filled, entries: changed };
}

function fill(node: RawMap, key: string, value: string): RawMap {
  return node.entries.has(key) ? node : withEntry(node, key, scalar(value, node.position));
}

function deviceCount(node: RawMap): RawMap {
  return findChild(node, 'device_ids') === undefined ? fill(node, 'count', 'all') : node;
}
