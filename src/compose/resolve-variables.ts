import type { Loading } from './loading.ts';
import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findMap,
  findText,
  isNull,
  scalar,
  withEntry,
} from './raw-tree.ts';

/** Where the content of a secret or config that comes from a variable is kept; never printed. */
export const CONTENT_KEY = 'x-#value';

/**
 * `root` with the variables that services take over from outside (`KEY:` without a value) filled in, as far
 * as they are set, and the content of secrets and configs that come from variables.
 *
 * @see compose-spec 05-services.md#environment
 */
export function resolveVariables(root: RawMap, loading: Loading): RawMap {
  let made = root;
  made = withSection(made, 'services', (service) => fillEnvironment(service, loading));
  made = withSection(made, 'secrets', (secret) => fillContent(secret, loading));
  return withSection(made, 'configs', (config) => fillContent(config, loading));
}

function withSection(root: RawMap, name: string, change: (node: RawMap) => RawMap): RawMap {
  const section = findMap(root, name);
  if (section === undefined) return root;
  const entries = new Map<string, RawEntry>();
  for (const [key, entry] of section.entries) {
    const { node } = entry;
    entries.set(key, node.kind === 'map' ? { ...entry, node: change(node) } : entry);
  }
  return withEntry(root, name, { ...section, entries });
}

function fillEnvironment(service: RawMap, { variables, origins, included }: Loading): RawMap {
  const environment = service.entries.get('environment')?.node;
  if (environment === undefined || environment.kind === 'scalar') return service;
  if (environment.kind === 'list') {
    const items = environment.items.map((item) => fillItem(item, variables));
    return withEntry(service, 'environment', { ...environment, items });
  }
  // In an included file only a list takes over what the `.env` beside that file says.
  if (included.length > 0) return service;
  const entries = new Map<string, RawEntry>();
  for (const [key, entry] of environment.entries) {
    const value = isNull(entry.node) ? variables.get(key) : undefined;
    const node =
      value === undefined ? entry.node : scalar(value, origins.get(key) ?? entry.node.position);
    entries.set(key, { ...entry, node });
  }
  return withEntry(service, 'environment', { ...environment, entries });
}

function fillItem(item: RawNode, variables: Loading['variables']): RawNode {
  if (item.kind !== 'scalar' || typeof item.value !== 'string' || item.value.includes('='))
    return item;
  const value = variables.get(item.value);
  return value === undefined ? item : scalar(`${item.value}=${value}`, item.position);
}

function fillContent(resource: RawMap, { variables }: Loading): RawMap {
  const name = findText(resource, 'environment');
  const value = name === undefined ? undefined : variables.get(name);
  if (value === undefined || resource.entries.has(CONTENT_KEY)) return resource;
  return withEntry(resource, CONTENT_KEY, scalar(value, resource.position));
}
