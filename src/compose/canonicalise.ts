import { type CanonicalOptions, device, isText, ports, volume } from './long-forms.ts';
import { type PathState, compilePaths } from './path-table.ts';
import {
  type Path,
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findText,
  isNull,
  list,
  mapOf,
  scalar,
  scalarText,
  withEntry,
} from './raw-tree.ts';

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

/** Makes the long form of a node; undefined leaves it out. */
type Form = (node: RawNode, path: Path, options: CanonicalOptions) => RawNode | undefined;

const FORMS: PathState<Form> = compilePaths<Form>({
  'services.*.build': (node) => fromText(node, 'context'),
  'services.*.build.additional_contexts': contexts,
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
  'services.*.dns_search': listUnlessPlain,
  'services.*.env_file': envFiles,
  'services.*.extends': (node) => fromText(node, 'service'),
  'services.*.gpus': allGpus,
  'services.*.label_file': asList,
  'services.*.models': names,
  'services.*.networks': names,
  'services.*.ports': ports,
  'services.*.secrets.*': (node) => fromText(node, 'source'),
  'services.*.tmpfs': listUnlessPlain,
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

function contexts(node: RawNode, path: Path, { problems }: CanonicalOptions): RawNode {
  for (const { position, text } of node.kind === 'list' ? textsOf(node.items) : []) {
    if (text.includes('=')) continue;
    problems.error({ position, path }, `invalid value ${text}, expected key=value`);
  }
  return keyValues(node);
}

/** docker compose leaves these as they are where variables are kept. */
function listUnlessPlain(node: RawNode, _path: Path, options: CanonicalOptions): RawNode {
  return options.keepsVariables ? node : asList(node);
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
