import { posix } from 'node:path';
import { type PathState, compilePaths } from './path-table.ts';
import { parsePortSpec } from './port-spec.ts';
import type { Problems } from './problems.ts';
import {
  type Path,
  type RawEntry,
  type RawMap,
  type RawNode,
  type RawScalar,
  findChild,
  findText,
  isNull,
  list,
  mapOf,
  scalar,
  scalarText,
  withEntry,
} from './raw-tree.ts';
import { parseVolumeSpec } from './volume-spec.ts';

/**
 * `root` with every short form written out, so that what follows knows one form of each attribute. What
 * cannot be read goes to `problems` and is left out; what has the wrong type stays for the validation.
 *
 * @see compose-spec 05-services.md (short syntax, long syntax)
 */
export function canonicalise(root: RawMap, options: CanonicalOptions): RawMap {
  const made = new Canonicaliser(options).node(root, [], FORMS);
  return made?.kind === 'map' ? made : root;
}

/** How to take what cannot be read. */
export interface CanonicalOptions {
  readonly problems: Problems;
  /** Variables have not been replaced: what cannot be read because of them stays as it is. */
  readonly keepsVariables: boolean;
}

/** Makes the long form of a node; undefined leaves it out. */
type Form = (node: RawNode, path: Path, options: CanonicalOptions) => RawNode | undefined;

const FORMS: PathState<Form> = compilePaths<Form>({
  'services.*.build': (node) => fromText(node, 'context'),
  'services.*.build.additional_contexts': keyValues,
  'services.*.build.provenance': asText,
  'services.*.build.sbom': asText,
  'services.*.build.secrets.*': (node) => fromText(node, 'source'),
  'services.*.build.ssh': sshKeys,
  'services.*.configs.*': (node) => fromText(node, 'source'),
  'services.*.depends_on': dependencies,
  'services.*.develop.watch.*.ignore': asList,
  'services.*.develop.watch.*.include': asList,
  'services.*.devices.*': device,
  'services.*.dns': (node) => withoutEmpty(asList(node)),
  'services.*.dns_search': asList,
  'services.*.env_file': envFiles,
  'services.*.extends': (node) => fromText(node, 'service'),
  'services.*.gpus': allGpus,
  'services.*.label_file': asList,
  'services.*.models': names,
  'services.*.networks': names,
  'services.*.ports': ports,
  'services.*.secrets.*': (node) => fromText(node, 'source'),
  'services.*.tmpfs': asList,
  'services.*.volumes.*': volume,
  'configs.*': external,
  'networks.*': external,
  'secrets.*': external,
  'volumes.*': external,
});

class Canonicaliser {
  private readonly options: CanonicalOptions;

  constructor(options: CanonicalOptions) {
    this.options = options;
  }

  node(node: RawNode, path: Path, state: PathState<Form> | undefined): RawNode | undefined {
    if (state === undefined) return node;
    const formed = state.rule === undefined ? node : state.rule(node, path, this.options);
    if (formed === undefined) return undefined;
    switch (formed.kind) {
      case 'scalar':
        return formed;
      case 'list': {
        const items = formed.items.map((item, i) => this.node(item, [...path, i], state.next(i)));
        return { ...formed, items: items.filter((item) => item !== undefined) };
      }
      case 'map': {
        const entries = new Map<string, RawEntry>();
        for (const [key, entry] of formed.entries) {
          const made = this.node(entry.node, [...path, key], state.next(key));
          if (made !== undefined)
            entries.set(key, made === entry.node ? entry : { ...entry, node: made });
        }
        return { ...formed, entries };
      }
    }
  }
}

function isText(node: RawNode): node is RawScalar & { readonly value: string } {
  return node.kind === 'scalar' && typeof node.value === 'string';
}

function fromText(node: RawNode, key: string): RawNode {
  return isText(node) ? mapOf({ [key]: node }, node.position) : node;
}

function asText(node: RawNode): RawNode {
  if (node.kind !== 'scalar' || node.value === null) return node;
  return { ...node, value: scalarText(node.value) };
}

function asList(node: RawNode): RawNode {
  return isText(node) ? list([node], node.position) : node;
}

function withoutEmpty(node: RawNode): RawNode {
  if (node.kind !== 'list') return node;
  return { ...node, items: node.items.filter((item) => !isNull(item) && !isEmptyText(item)) };
}

function isEmptyText(node: RawNode): boolean {
  return node.kind === 'scalar' && node.value === '';
}

function names(node: RawNode): RawNode {
  if (node.kind !== 'list') return node;
  return listAsMap(node.items, node, (item) => scalar(null, item.position));
}

function dependencies(node: RawNode): RawNode {
  const required = (item: RawNode): RawNode => scalar(true, item.position);
  if (node.kind === 'list') {
    return listAsMap(node.items, node, (item) =>
      mapOf(
        { condition: scalar('service_started', item.position), required: required(item) },
        item.position,
      ),
    );
  }
  if (node.kind !== 'map') return node;
  const entries = new Map<string, RawEntry>();
  for (const [key, entry] of node.entries) {
    const { node: value } = entry;
    const isShort = value.kind === 'map' && !value.entries.has('required');
    entries.set(
      key,
      isShort ? { ...entry, node: withEntry(value, 'required', required(value)) } : entry,
    );
  }
  return { ...node, entries };
}

function envFiles(node: RawNode): RawNode {
  const long = (item: RawNode): RawNode =>
    isText(item)
      ? mapOf({ path: item, required: scalar(true, item.position) }, item.position)
      : item.kind === 'map' && !item.entries.has('required')
        ? withEntry(item, 'required', scalar(true, item.position))
        : item;
  if (isText(node)) return list([long(node)], node.position);
  return node.kind === 'list' ? { ...node, items: node.items.map(long) } : node;
}

function keyValues(node: RawNode): RawNode {
  if (node.kind !== 'list') return node;
  const entries = new Map<string, RawEntry>();
  for (const { position, text } of textsOf(node.items)) {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? null : text.slice(equals + 1);
    entries.set(key, { position, node: scalar(value, position) });
  }
  return { kind: 'map', entries, position: node.position };
}

/** `default` names the agent; others are `ID=PATH`. */
function sshKeys(node: RawNode, path: Path, { problems }: CanonicalOptions): RawNode {
  const made = keyValues(node);
  if (made.kind !== 'map') return made;
  for (const [key, entry] of made.entries) {
    if (key === 'default' || !isNull(entry.node)) continue;
    problems.error({ position: entry.position, path }, `invalid ssh key ${JSON.stringify(key)}`, {
      hint: 'write it as ID=PATH',
    });
  }
  return made;
}

function allGpus(node: RawNode): RawNode {
  if (!isText(node)) return node;
  return list([mapOf({ count: node }, node.position)], node.position);
}

function device(
  node: RawNode,
  path: Path,
  { problems, keepsVariables }: CanonicalOptions,
): RawNode | undefined {
  if (!isText(node)) return node;
  const [source = '', target, permissions, extra] = node.value.split(':');
  if (extra !== undefined) {
    if (keepsVariables && hasVariable(node)) return node;
    const message = `confusing device mapping, please use long syntax: ${node.value}`;
    problems.error({ position: node.position, path }, message);
    return undefined;
  }
  const text = (value: string): RawScalar => scalar(value, node.position);
  return mapOf(
    {
      source: text(source),
      target: text(target ?? source),
      permissions: text(permissions ?? 'rwm'),
    },
    node.position,
  );
}

function volume(
  node: RawNode,
  path: Path,
  { problems, keepsVariables }: CanonicalOptions,
): RawNode | undefined {
  if (node.kind === 'map') {
    const target = findText(node, 'target');
    const targetNode = findChild(node, 'target');
    if (target === undefined || target === '' || targetNode === undefined) return node;
    return withEntry(node, 'target', scalar(cleanPath(target), targetNode.position));
  }
  if (!isText(node)) return node;
  const { position } = node;
  const spec = parseVolumeSpec(node.value);
  if (spec.kind === 'invalid') {
    if (keepsVariables && hasVariable(node)) return node;
    problems.error({ position, path }, spec.reason, {
      hint: 'write it as SOURCE:TARGET[:OPTIONS]',
    });
    return undefined;
  }
  const text = (value: string): RawScalar => scalar(value, position);
  const yes = scalar(true, position);
  const bind: Record<string, RawNode> = {};
  if (spec.propagation !== undefined) bind['propagation'] = text(spec.propagation);
  if (spec.selinux !== undefined) bind['selinux'] = text(spec.selinux);
  if (spec.type === 'bind') bind['create_host_path'] = yes;
  const isShortest = node.value.length <= 2;
  const hasVolume = spec.noCopy || (spec.type === 'volume' && !isShortest);
  for (const option of spec.ignored) {
    if (!['cached', 'delegated', 'consistent'].includes(option))
      problems.warning(
        { position, path },
        `volume option ${JSON.stringify(option)} is not known and ignored`,
      );
  }
  return mapOf(
    {
      type: text(spec.type),
      ...(spec.source === undefined ? {} : { source: text(spec.source) }),
      target: text(isShortest ? spec.target : cleanPath(spec.target)),
      ...(spec.isReadOnly ? { read_only: yes } : {}),
      ...(Object.keys(bind).length > 0 ? { bind: mapOf(bind, position) } : {}),
      ...(hasVolume ? { volume: mapOf(spec.noCopy ? { nocopy: yes } : {}, position) } : {}),
    },
    position,
  );
}

function ports(node: RawNode, path: Path, options: CanonicalOptions): RawNode {
  if (node.kind !== 'list') return node;
  const made: RawNode[] = [];
  for (const [index, item] of node.items.entries()) {
    const reason = item.kind === 'scalar' ? portFault(item) : undefined;
    if (reason !== undefined) {
      // A range may be hidden in a variable: then no port of the list is certain.
      if (options.keepsVariables && hasVariable(item)) return node;
      options.problems.error({ position: item.position, path: [...path, index] }, reason, {
        hint: 'write it as [[IP:]HOST:]CONTAINER[/PROTOCOL], in quotes',
      });
    } else if (item.kind === 'scalar') made.push(...portsOf(item));
    else made.push(item);
  }
  return { ...node, items: made };
}

function hasVariable(node: RawNode): boolean {
  return node.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('$');
}

function portFault({ value }: RawScalar): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) return undefined;
  const specs = parsePortSpec(scalarText(value));
  if (specs.kind === 'invalid') return specs.reason;
  return typeof value === 'string' ? undefined : 'is not a port';
}

function portsOf(item: RawScalar): readonly RawNode[] {
  const { position, value } = item;
  if (typeof value === 'number') return [mapOf({ target: item }, position)];
  const specs = parsePortSpec(scalarText(value));
  if (specs.kind === 'invalid') return [];
  return specs.ports.map(({ hostIp, target, published, protocol }) =>
    mapOf(
      {
        mode: scalar('ingress', position),
        ...(hostIp === undefined ? {} : { host_ip: scalar(hostIp, position) }),
        target: scalar(target, position),
        ...(published === undefined ? {} : { published: scalar(published, position) }),
        protocol: scalar(protocol, position),
      },
      position,
    ),
  );
}

/** `external: {name: X}` is `external: true` with `name: X`. */
function external(node: RawNode, path: Path, { problems }: CanonicalOptions): RawNode {
  const old = findChild(node, 'external');
  if (node.kind !== 'map' || old?.kind !== 'map') return node;
  const yes = withEntry(node, 'external', scalar(true, old.position));
  const oldName = old.entries.get('name');
  if (oldName === undefined) return yes;
  const place = { position: oldName.position, path };
  problems.warning(place, 'external.name is deprecated. Please set name and external: true');
  const name = findText(node, 'name');
  if (name !== undefined && name !== findText(old, 'name')) {
    problems.error(place, 'name and external.name conflict; only use name');
  }
  return withEntry(yes, 'name', oldName.node);
}

function listAsMap(
  items: readonly RawNode[],
  { position }: RawNode,
  value: (item: RawNode) => RawNode,
): RawMap {
  const entries = new Map<string, RawEntry>();
  for (const item of items) {
    if (item.kind !== 'scalar') continue;
    entries.set(scalarText(item.value), { position: item.position, node: value(item) });
  }
  return { kind: 'map', entries, position };
}

function* textsOf(
  items: readonly RawNode[],
): Generator<{ text: string; position: RawNode['position'] }> {
  for (const { position, ...item } of items) {
    if (item.kind === 'scalar') yield { text: scalarText(item.value), position };
  }
}

/** Without `.`, `..`, doubled and final slashes. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}
