import type { Endpoint, NamespaceMode, NetworkMode } from '../model/container.ts';
import type { JsonObject } from '../model/project.ts';
import type { Conversion } from './conversion.ts';
import { isObject, numberAt, objectAt, textAt, textsAt } from './fields.ts';

/** The network that `network_mode: bridge` stands for: apart from the project's own, and without names. */
export const BRIDGE_KEY = 'bridge';

/** Which networks a service joins, or whose it shares. @see compose-spec 05-services.md#network_mode */
export function toNetworkMode(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): NetworkMode {
  const mode = textAt(service, 'network_mode');
  if (mode === 'host' || mode === 'none') return { kind: mode };
  if (mode?.startsWith('service:') === true)
    return { kind: 'container', container: firstContainer(mode.slice(8), conversion) };
  if (mode?.startsWith('container:') === true)
    return { kind: 'container', container: mode.slice(10) };
  if (mode !== undefined) return { kind: 'networks', endpoints: [plainEndpoint(mode, conversion)] };
  const networks = objectAt(service, 'networks') ?? {};
  const aliases = [name, ...linkAliases(name, conversion)];
  const endpoints = Object.entries(networks).map(([key, value]): Endpoint => {
    const config = isObject(value) ? value : {};
    return {
      network: networkName(key, conversion),
      aliases: [...new Set([...aliases, ...textsAt(config, 'aliases')])],
      ipv4Address: textAt(config, 'ipv4_address'),
      ipv6Address: textAt(config, 'ipv6_address'),
      macAddress: textAt(config, 'mac_address') ?? textAt(service, 'mac_address'),
      gatewayPriority: numberAt(config, 'gw_priority') ?? 0,
      priority: numberAt(config, 'priority') ?? 0,
    };
  });
  return { kind: 'networks', endpoints };
}

/** Whose namespace `pid`, `ipc`, `uts` or `cgroup` names. */
export function toNamespaceMode(mode: string | undefined, conversion: Conversion): NamespaceMode {
  if (mode === 'host') return { kind: 'host' };
  if (mode?.startsWith('service:') === true)
    return { kind: 'container', container: firstContainer(mode.slice(8), conversion) };
  if (mode?.startsWith('container:') === true)
    return { kind: 'container', container: mode.slice(10) };
  return { kind: 'private' };
}

/** The final name of the network `key`. */
export function networkName(key: string, { canonical }: Conversion): string {
  return textAt(objectAt(objectAt(canonical, 'networks'), key), 'name') ?? key;
}

function plainEndpoint(mode: string, conversion: Conversion): Endpoint {
  const isBridge = mode === 'bridge' || mode === 'default';
  return {
    network: isBridge ? `${conversion.projectName}_${BRIDGE_KEY}` : mode,
    aliases: [],
    ipv4Address: undefined,
    ipv6Address: undefined,
    macAddress: undefined,
    gatewayPriority: 0,
    priority: 0,
  };
}

function firstContainer(service: string, { canonical, projectName }: Conversion): string {
  const other = objectAt(objectAt(canonical, 'services'), service);
  return textAt(other, 'container_name') ?? `${projectName}-${service}-1`;
}

const aliasesByProject = new WeakMap<JsonObject, ReadonlyMap<string, readonly string[]>>();

/** The names that links of other services give the service `name`. */
function linkAliases(name: string, { canonical }: Conversion): readonly string[] {
  let aliases = aliasesByProject.get(canonical);
  if (aliases === undefined) {
    aliases = collectLinks(canonical);
    aliasesByProject.set(canonical, aliases);
  }
  return aliases.get(name) ?? [];
}

function collectLinks(canonical: JsonObject): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const service of Object.values(objectAt(canonical, 'services') ?? {})) {
    if (!isObject(service)) continue;
    for (const link of textsAt(service, 'links')) {
      const [target = '', alias] = link.split(':');
      if (alias !== undefined) found.set(target, [...(found.get(target) ?? []), alias]);
    }
  }
  return found;
}
