import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findMap,
  findText,
  itemsOf,
  withEntry,
  withoutEntry,
} from './raw-tree.ts';

/** The project without the services that take no part. */
export interface Selection {
  readonly root: RawMap;
  /** Services that no active profile enables, sorted. */
  readonly disabled: readonly string[];
}

/**
 * Leaves out the services that none of `profiles` enables; a service without profiles always takes part, `*`
 * enables all, and a service named in `services` brings its own profiles along.
 *
 * @see compose-spec 15-profiles.md
 */
export function selectServices(
  root: RawMap,
  profiles: readonly string[],
  services: readonly string[],
): Selection {
  const all = findMap(root, 'services');
  if (all === undefined) return { root, disabled: [] };
  const active = new Set(profiles);
  for (const name of services)
    for (const profile of profilesOf(findChild(all, name))) active.add(profile);
  if (active.has('*')) return { root, disabled: [] };
  const entries = new Map<string, RawEntry>();
  const disabled: string[] = [];
  for (const [name, entry] of all.entries) {
    const own = profilesOf(entry.node);
    if (own.length === 0 || own.some((profile) => active.has(profile))) entries.set(name, entry);
    else disabled.push(name);
  }
  return {
    root: withEntry(root, 'services', { ...all, entries }),
    disabled: disabled.sort(),
  };
}

/** Every profile that a service of the project names, sorted. */
export function allProfiles(root: RawMap): readonly string[] {
  const found = new Set<string>();
  for (const { node } of findMap(root, 'services')?.entries.values() ?? [])
    for (const profile of profilesOf(node)) found.add(profile);
  return [...found].sort();
}

/** `root` without the networks, volumes, secrets, configs and models that no service uses. */
export function dropUnused(root: RawMap): RawMap {
  const used = new Map<string, Set<string>>();
  const use = (section: string, name: string | undefined): void => {
    if (name === undefined) return;
    const names = used.get(section) ?? new Set();
    names.add(name);
    used.set(section, names);
  };
  for (const { node } of findMap(root, 'services')?.entries.values() ?? []) {
    for (const name of keysOf(node, 'networks')) use('networks', name);
    for (const name of keysOf(node, 'models')) use('models', name);
    for (const mount of itemsOf(node, 'volumes'))
      if (findText(mount, 'type') === 'volume') use('volumes', findText(mount, 'source'));
    for (const grant of itemsOf(node, 'configs')) use('configs', findText(grant, 'source'));
    for (const grant of itemsOf(node, 'secrets')) use('secrets', findText(grant, 'source'));
    for (const grant of itemsOf(findMap(node, 'build'), 'secrets'))
      use('secrets', findText(grant, 'source'));
  }
  let made = root;
  for (const section of ['networks', 'volumes', 'secrets', 'configs', 'models'])
    made = keepOnly(made, section, used.get(section) ?? new Set());
  return made;
}

function keepOnly(root: RawMap, section: string, used: ReadonlySet<string>): RawMap {
  const resources = findMap(root, section);
  if (resources === undefined) return withoutEntry(root, section);
  const entries = new Map([...resources.entries].filter(([name]) => used.has(name)));
  if (entries.size === 0) return withoutEntry(root, section);
  return withEntry(root, section, { ...resources, entries });
}

function profilesOf(service: RawNode | undefined): readonly string[] {
  return itemsOf(service, 'profiles').flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [],
  );
}

function keysOf(node: RawNode, key: string): readonly string[] {
  return [...(findMap(node, key)?.entries.keys() ?? [])];
}
