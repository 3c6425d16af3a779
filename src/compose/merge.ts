import { type PathState, compilePaths } from './path-table.ts';
import type { Problems } from './problems.ts';
import {
  type Path,
  type RawEntry,
  type RawList,
  type RawMap,
  type RawNode,
  findText,
  formatPath,
  list,
  mapOf,
  scalar,
  scalarText,
} from './raw-tree.ts';

/** How two trees become one. */
export interface MergeOptions {
  readonly problems: Problems;
  /**
   * Keeps `!reset` and `!override` in the result, for a merge that comes later: what a service extends is
   * merged first, and the service then meets the files before it.
   */
  readonly keepsTags: boolean;
}

/**
 * `base` overridden by `over`: maps are merged by key, lists appended, scalars replaced; the table below names
 * what differs. Without `base`, `over` as it stands. Kinds that do not fit go to `problems`.
 *
 * @see compose-spec 13-merge.md
 */
export function mergeFiles(base: RawMap | undefined, over: RawMap, options: MergeOptions): RawMap {
  const start = base ?? {
    kind: 'map',
    entries: new Map<string, RawEntry>(),
    position: over.position,
  };
  return new Merge(options).maps(start, over, [], RULES);
}

/** The service `over` put on top of the service it extends. */
export function mergeService(base: RawMap, over: RawMap, name: string, problems: Problems): RawMap {
  const path = ['services', name];
  const state = RULES.next('services')?.next(name);
  return new Merge({ problems, keepsTags: true }).maps(base, over, path, state);
}

type Rule = (merge: Merge, base: RawNode, over: RawNode, path: Path) => RawNode;

const replace: Rule = (_merge, _base, over) => over;
const asSequence: Rule = (_merge, base, over) =>
  list([...toSequence(base), ...toSequence(over)], over.position);
const asDependencies: Rule = (merge, base, over, path) =>
  merge.converted(base, over, path, dependencyDefault);
const asNames: Rule = (merge, base, over, path) =>
  merge.converted(base, over, path, (item) => scalar(null, item.position));

const RULES: PathState<Rule> = compilePaths<Rule>({
  'networks.*.ipam.config': mergePools,
  'networks.*.labels': asSequence,
  'volumes.*.labels': asSequence,
  'services.*.annotations': asSequence,
  'services.*.build': mergeBuild,
  'services.*.build.args': asSequence,
  'services.*.build.additional_contexts': asSequence,
  'services.*.build.extra_hosts': mergeHosts,
  'services.*.build.labels': asSequence,
  'services.*.command': replace,
  'services.*.depends_on': asDependencies,
  'services.*.deploy.labels': asSequence,
  'services.*.dns': asSequence,
  'services.*.dns_opt': asSequence,
  'services.*.dns_search': asSequence,
  'services.*.entrypoint': replace,
  'services.*.env_file': asSequence,
  'services.*.label_file': asSequence,
  'services.*.environment': asSequence,
  'services.*.extra_hosts': mergeHosts,
  'services.*.healthcheck.test': replace,
  'services.*.labels': asSequence,
  'services.*.volumes.*.volume.labels': asSequence,
  'services.*.logging': mergeLogging,
  'services.*.models': asNames,
  'services.*.networks': asNames,
  'services.*.sysctls': asSequence,
  'services.*.tmpfs': asSequence,
  'services.*.ulimits.*': replace,
});

class Merge {
  private readonly options: MergeOptions;

  constructor(options: MergeOptions) {
    this.options = options;
  }

  maps(base: RawMap, over: RawMap, path: Path, state: PathState<Rule> | undefined): RawMap {
    const entries = new Map(base.entries);
    for (const [key, entry] of over.entries) {
      const { node } = entry;
      const existing = entries.get(key)?.node;
      if (node.merge === 'reset') {
        if (this.options.keepsTags) entries.set(key, entry);
        else entries.delete(key);
      } else if (
        existing === undefined ||
        node.merge === 'override' ||
        existing.merge === 'reset'
      ) {
        entries.set(key, { ...entry, node: this.settled(node) });
      } else {
        const merged = this.nodes(existing, node, [...path, key], state?.next(key));
        entries.set(key, { ...entry, node: merged });
      }
    }
    return { ...over, entries };
  }

  /** Both as maps, a list `[a]` meaning `{a: …}`. */
  converted(base: RawNode, over: RawNode, path: Path, value: (item: RawNode) => RawNode): RawNode {
    const below = toMapping(base, value);
    const above = toMapping(over, value);
    if (below === undefined || above === undefined) return this.refuse(over, path);
    return this.maps(below, above, path, undefined);
  }

  refuse(over: RawNode, path: Path): RawNode {
    const message = `cannot override ${formatPath(path)}: the files before this one have another kind of value there`;
    this.options.problems.error({ position: over.position, path }, message);
    return over;
  }

  private nodes(
    base: RawNode,
    over: RawNode,
    path: Path,
    state: PathState<Rule> | undefined,
  ): RawNode {
    const isNothing = over.kind === 'scalar' && over.value === null;
    if (state?.rule !== undefined)
      return state.rule(this, withoutTagged(base, over), this.settled(over), path);
    if (isNothing) return base;
    if (base.kind === 'map' && over.kind === 'map') return this.maps(base, over, path, state);
    if (base.kind === 'list' && over.kind === 'list') {
      const appended = this.settled(over);
      const items = appended.kind === 'list' ? appended.items : [];
      return { ...over, items: [...base.items, ...items] };
    }
    const isEmpty = base.kind === 'scalar';
    return isEmpty ? this.settled(over) : this.refuse(over, path);
  }

  /** `node` with what `!reset` takes away gone, since nothing lies below. */
  private settled(node: RawNode): RawNode {
    if (this.options.keepsTags || node.kind === 'scalar') return node;
    if (node.kind === 'list') {
      if (!node.items.some(hasTags)) return node;
      const items = node.items.filter((item) => item.merge !== 'reset');
      return {
        kind: 'list',
        items: items.map((item) => this.settled(item)),
        position: node.position,
      };
    }
    if (!hasTags(node)) return node;
    const entries = new Map<string, RawEntry>();
    for (const [key, entry] of node.entries) {
      if (entry.node.merge === 'reset') continue;
      entries.set(key, { ...entry, node: this.settled(entry.node) });
    }
    return { kind: 'map', entries, position: node.position };
  }
}

/** `base` without what `over` resets or overrides, for rules that do not look at single keys. */
function withoutTagged(base: RawNode, over: RawNode): RawNode {
  if (base.kind !== 'map' || over.kind !== 'map' || !hasTags(over)) return base;
  const entries = new Map(base.entries);
  for (const [key, { node }] of over.entries) if (node.merge !== undefined) entries.delete(key);
  return { ...base, entries };
}

function hasTags(node: RawNode): boolean {
  if (node.merge !== undefined) return true;
  if (node.kind === 'list') return node.items.some(hasTags);
  if (node.kind === 'scalar') return false;
  for (const entry of node.entries.values()) if (hasTags(entry.node)) return true;
  return false;
}

function dependencyDefault({ position }: RawNode): RawMap {
  return mapOf(
    { condition: scalar('service_started', position), required: scalar(true, position) },
    position,
  );
}

/** `build: DIR` is `build: {context: DIR}`. */
function mergeBuild(merge: Merge, base: RawNode, over: RawNode, path: Path): RawNode {
  const toBuild = (node: RawNode): RawMap | undefined => {
    if (node.kind === 'map') return node;
    if (node.kind === 'list') return undefined;
    return mapOf(node.value === null ? {} : { context: node }, node.position);
  };
  const below = toBuild(base);
  const above = toBuild(over);
  if (below === undefined || above === undefined) return merge.refuse(over, path);
  return merge.maps(below, above, path, RULES.next('services')?.next('*')?.next('build'));
}

/** Options of another driver would mean nothing: they are merged only when the driver stays. */
function mergeLogging(merge: Merge, base: RawNode, over: RawNode, path: Path): RawNode {
  if (over.kind === 'scalar' && over.value === null) return base;
  if (base.kind !== 'map' || over.kind !== 'map') return merge.refuse(over, path);
  const before = findText(base, 'driver');
  const after = findText(over, 'driver');
  const isSame = before === undefined || after === undefined || before === after;
  return isSame ? merge.maps(base, over, path, undefined) : over;
}

/** A name may have several addresses; the same pair counts once. */
function mergeHosts(_merge: Merge, base: RawNode, over: RawNode): RawNode {
  const before = toSequence(base);
  const known = new Set(before.map(textOf));
  const added = toSequence(over).filter((item) => !known.has(textOf(item)));
  return list([...before, ...added], over.position);
}

/** Pools are the same pool when their subnets are the same. */
function mergePools(merge: Merge, base: RawNode, over: RawNode, path: Path): RawNode {
  if (over.kind === 'scalar' && over.value === null) return base;
  if (base.kind !== 'list' || over.kind !== 'list') return merge.refuse(over, path);
  const pools: RawNode[] = [...base.items];
  for (const pool of over.items) {
    const subnet = findText(pool, 'subnet');
    const index = pools.findIndex((item) => findText(item, 'subnet') === subnet);
    const below = pools[index];
    if (below?.kind === 'map' && pool.kind === 'map')
      pools[index] = merge.maps(below, pool, path, undefined);
    else pools.push(pool);
  }
  return { ...over, items: pools };
}

function toSequence(node: RawNode): readonly RawNode[] {
  switch (node.kind) {
    case 'list':
      return node.items;
    case 'scalar':
      return node.value === null ? [] : [node];
    case 'map':
      return pairsOf(node);
  }
}

/** `{K: v}` as `K=v`, sorted; `{K: [a, b]}` as two. */
export function pairsOf(map: RawMap): readonly RawNode[] {
  const pairs: { text: string; node: RawNode }[] = [];
  const add = (text: string, entry: RawEntry): void => {
    pairs.push({ text, node: scalar(text, entry.position) });
  };
  for (const [key, entry] of map.entries) {
    const { node } = entry;
    if (node.merge === 'reset') continue;
    if (node.kind === 'scalar')
      add(node.value === null ? key : `${key}=${scalarText(node.value)}`, entry);
    else if (node.kind === 'list')
      for (const item of node.items) add(`${key}=${textOf(item)}`, entry);
    else pairs.push({ text: key, node });
  }
  pairs.sort((a, b) => (a.text < b.text ? -1 : Number(a.text > b.text)));
  return pairs.map((pair) => pair.node);
}

function textOf(node: RawNode): string {
  return node.kind === 'scalar' ? scalarText(node.value) : '';
}

function toMapping(node: RawNode, value: (item: RawNode) => RawNode): RawMap | undefined {
  if (node.kind === 'map') return node;
  if (node.kind === 'scalar') return node.value === null ? mapOf({}, node.position) : undefined;
  return listToMap(node, value);
}

function listToMap(node: RawList, value: (item: RawNode) => RawNode): RawMap {
  const entries = new Map<string, RawEntry>();
  for (const item of node.items) {
    entries.set(textOf(item), { position: item.position, node: value(item) });
  }
  return { kind: 'map', entries, position: node.position };
}
