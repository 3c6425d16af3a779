import type { Variables } from './environment.ts';
import { cleanPath } from './long-forms.ts';
import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findMap,
  findText,
  isNull,
  itemsOf,
  mapOf,
  scalar,
  withEntry,
} from './raw-tree.ts';

/**
 * The canonical tree `root` with what is implied: the default network for services that name none, the
 * dependencies that links and shared namespaces make, and the names of resources.
 *
 * @see compose-spec 06-networks.md#the-default-network, 05-services.md#depends_on
 */
export function normalise(root: RawMap, projectName: string, variables: Variables): RawMap {
  let made = withEntry(
    root,
    'name',
    scalar(projectName, findChild(root, 'name')?.position ?? root.position),
  );
  const services = findMap(made, 'services');
  if (services !== undefined) {
    const entries = new Map<string, RawEntry>();
    for (const [name, entry] of services.entries) {
      const { node } = entry;
      entries.set(name, node.kind === 'map' ? { ...entry, node: service(node, variables) } : entry);
    }
    made = withEntry(made, 'services', { ...services, entries });
    if (usesDefault(entries)) made = withDefaultNetwork(made);
  }
  for (const section of ['networks', 'volumes', 'configs', 'secrets'])
    made = withNames(made, section, projectName);
  return made;
}

function service(node: RawMap, variables: Variables): RawMap {
  let made = node;
  if (findText(made, 'pull_policy') === 'if_not_present')
    made = withEntry(made, 'pull_policy', scalar('missing', node.position));
  const build = findMap(made, 'build');
  if (build !== undefined) made = withEntry(made, 'build', completeBuild(build, variables));
  made = withCleanTargets(made);
  made = withNetworks(made);
  return withDependencies(made);
}

function withCleanTargets(node: RawMap): RawMap {
  const volumes = findChild(node, 'volumes');
  if (volumes?.kind !== 'list') return node;
  const items = volumes.items.map((item) => {
    const target = findChild(item, 'target');
    const path = findText(item, 'target');
    if (item.kind !== 'map' || target === undefined || path === undefined || path === '')
      return item;
    const clean = cleanPath(path);
    return clean === path ? item : withEntry(item, 'target', scalar(clean, target.position));
  });
  return withEntry(node, 'volumes', { ...volumes, items });
}

function completeBuild(build: RawMap, variables: Variables): RawMap {
  let made = build;
  const hasFile = ['dockerfile', 'dockerfile_inline'].some(
    (key) => findText(build, key) !== undefined,
  );
  if (!hasFile) made = withEntry(made, 'dockerfile', scalar('Dockerfile', build.position));
  const args = findChild(made, 'args');
  return args === undefined ? made : withEntry(made, 'args', resolveArgs(args, variables));
}

/** An argument without a value takes that of the variable of its name; without one, it is not passed. */
function resolveArgs(args: RawNode, variables: Variables): RawNode {
  if (args.kind === 'list') {
    const items = args.items.flatMap((item) => {
      if (item.kind !== 'scalar' || typeof item.value !== 'string' || item.value.includes('='))
        return [item];
      const value = variables.get(item.value);
      return value === undefined ? [] : [scalar(`${item.value}=${value}`, item.position)];
    });
    return { ...args, items };
  }
  if (args.kind === 'scalar') return args;
  const entries = new Map<string, RawEntry>();
  for (const [key, entry] of args.entries) {
    const value = isNull(entry.node) ? variables.get(key) : undefined;
    if (!isNull(entry.node)) entries.set(key, entry);
    else if (value !== undefined)
      entries.set(key, { ...entry, node: scalar(value, entry.position) });
  }
  return { ...args, entries };
}

function withNetworks(node: RawMap): RawMap {
  if (node.entries.has('provider') || node.entries.has('network_mode')) return node;
  const networks = findChild(node, 'networks');
  if (networks?.kind === 'map' && networks.entries.size > 0) return node;
  const implied = mapOf({ default: scalar(null, node.position) }, node.position);
  return withEntry(node, 'networks', implied);
}

function usesDefault(services: ReadonlyMap<string, RawEntry>): boolean {
  for (const { node } of services.values())
    if (findMap(node, 'networks')?.entries.has('default') === true) return true;
  return false;
}

function withDefaultNetwork(root: RawMap): RawMap {
  const networks = findMap(root, 'networks') ?? mapOf({}, root.position);
  if (networks.entries.has('default')) return root;
  return withEntry(root, 'networks', withEntry(networks, 'default', scalar(null, root.position)));
}

function withDependencies(node: RawMap): RawMap {
  const implied = new Map<string, { restart: boolean; position: RawNode['position'] }>();
  const add = (name: string, restart: boolean, { position }: RawNode): void => {
    if (!implied.has(name)) implied.set(name, { restart, position });
  };
  for (const link of itemsOf(node, 'links')) {
    const text = textOf(link);
    if (text !== undefined) add(text.split(':', 1)[0] ?? text, true, link);
  }
  for (const key of ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']) {
    const mode = findChild(node, key);
    const text = mode === undefined ? undefined : textOf(mode);
    if (mode !== undefined && text?.startsWith('service:') === true) add(text.slice(8), true, mode);
  }
  for (const source of itemsOf(node, 'volumes_from')) {
    const text = textOf(source);
    if (text !== undefined && !text.startsWith('container:'))
      add(text.split(':', 1)[0] ?? text, false, source);
  }
  const declared = findMap(node, 'depends_on') ?? mapOf({}, node.position);
  const entries = new Map(declared.entries);
  for (const [name, { restart, position }] of implied) {
    if (entries.has(name)) continue;
    const dependency = mapOf(
      {
        condition: scalar('service_started', position),
        restart: scalar(restart, position),
        required: scalar(true, position),
      },
      position,
    );
    entries.set(name, { position, node: dependency });
  }
  return entries.size === 0 ? node : withEntry(node, 'depends_on', { ...declared, entries });
}

function withNames(root: RawMap, section: string, projectName: string): RawMap {
  const resources = findMap(root, section);
  if (resources === undefined) return root;
  const entries = new Map<string, RawEntry>();
  for (const [key, entry] of resources.entries) {
    const node = entry.node.kind === 'map' ? entry.node : mapOf({}, entry.node.position);
    const isExternal = isTrue(findChild(node, 'external'));
    const name = isExternal ? key : `${projectName}_${key}`;
    const isNamed = node.entries.has('name') && !isNull(findChild(node, 'name'));
    entries.set(key, {
      ...entry,
      node: isNamed ? node : withEntry(node, 'name', scalar(name, entry.position)),
    });
  }
  return withEntry(root, section, { ...resources, entries });
}

/** Whether a switch is on; texts have not been read yet when variables are kept. */
export function isTrue(node: RawNode | undefined): boolean {
  if (node?.kind !== 'scalar') return false;
  const { value } = node;
  return value === true || (typeof value === 'string' && /^(?:true|yes|y|on)$/i.test(value));
}

function textOf(node: RawNode): string | undefined {
  return node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}
