import { type PathState, compilePaths } from './path-table.ts';
import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findText,
  scalarText,
} from './raw-tree.ts';
import { parseVolumeSpec } from './volume-spec.ts';

/**
 * `root` with the entries of its lists that mean the same thing made one: the later one stands, in the place
 * of the earlier.
 *
 * @see compose-spec 13-merge.md#unique-resources
 */
export function dropRepeated(root: RawMap): RawMap {
  const made = unique(root, KEYS);
  return made.kind === 'map' ? made : root;
}

/** What makes an entry unique; undefined: it stands for itself. */
type KeyOf = (item: RawNode) => string | undefined;

const byName: KeyOf = (item) => textOf(item)?.split('=', 1)[0];

const KEYS: PathState<KeyOf> = compilePaths<KeyOf>({
  'networks.*.labels': byName,
  'networks.*.ipam.options': byName,
  'volumes.*.labels': byName,
  'services.*.annotations': byName,
  'services.*.build.args': byName,
  'services.*.build.additional_contexts': byName,
  'services.*.build.tags': byName,
  'services.*.build.labels': byName,
  'services.*.cap_add': byName,
  'services.*.cap_drop': byName,
  'services.*.devices': deviceKey,
  'services.*.configs': (item) => fileKey(item, ''),
  'services.*.deploy.labels': byName,
  'services.*.dns': byName,
  'services.*.dns_opt': byName,
  'services.*.dns_search': byName,
  'services.*.environment': byName,
  'services.*.env_file': (item) => textOf(item) ?? findText(item, 'path'),
  'services.*.expose': (item) => textOf(item),
  'services.*.labels': byName,
  'services.*.links': byName,
  'services.*.networks.*.aliases': byName,
  'services.*.networks.*.link_local_ips': byName,
  'services.*.ports': portKey,
  'services.*.profiles': byName,
  'services.*.secrets': (item) => fileKey(item, '/run/secrets'),
  'services.*.sysctls': byName,
  'services.*.tmpfs': byName,
  'services.*.volumes': volumeKey,
});

function unique(node: RawNode, state: PathState<KeyOf> | undefined): RawNode {
  if (state === undefined || node.kind === 'scalar') return node;
  if (node.kind === 'list') {
    return state.rule === undefined
      ? node
      : { ...node, items: uniqueItems(node.items, state.rule) };
  }
  let changed: Map<string, RawEntry> | undefined;
  for (const [key, entry] of node.entries) {
    const made = unique(entry.node, state.next(key));
    if (made === entry.node) continue;
    changed ??= new Map(node.entries);
    changed.set(key, { ...entry, node: made });
  }
  return changed === undefined ? node : { ...node, entries: changed };
}

function uniqueItems(items: readonly RawNode[], keyOf: KeyOf): readonly RawNode[] {
  const kept: RawNode[] = [];
  const places = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    const place = key === undefined ? undefined : places.get(key);
    if (place !== undefined) kept[place] = item;
    else {
      if (key !== undefined) places.set(key, kept.length);
      kept.push(item);
    }
  }
  return kept;
}

function textOf(item: RawNode): string | undefined {
  return item.kind === 'scalar' && item.value !== null ? scalarText(item.value) : undefined;
}

function volumeKey(item: RawNode): string | undefined {
  const text = textOf(item);
  if (text === undefined) return findText(item, 'target');
  const spec = parseVolumeSpec(text);
  return spec.kind === 'volume' ? spec.target : undefined;
}

function deviceKey(item: RawNode): string | undefined {
  const parts = textOf(item)?.split(':');
  return parts === undefined ? findText(item, 'target') : (parts[1] ?? parts[0]);
}

function fileKey(item: RawNode, folder: string): string | undefined {
  const text = textOf(item);
  if (text !== undefined) return `${folder}/${text}`;
  return findText(item, 'target') ?? `${folder}/${findText(item, 'source') ?? ''}`;
}

function portKey(item: RawNode): string | undefined {
  const text = textOf(item);
  if (text !== undefined) return text;
  const part = (name: string): string | undefined => {
    const child = findChild(item, name);
    return child === undefined ? undefined : textOf(child);
  };
  const host = part('host_ip') ?? '0.0.0.0';
  return `${host}:${part('published') ?? ''}:${part('target') ?? ''}/${part('protocol') ?? 'tcp'}`;
}
