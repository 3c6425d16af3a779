import type { NetworkConfig, VolumeConfig } from '../model/network.ts';

/** Labels that say who made a resource are no wish of the compose file. */
const OWN_LABELS = 'com.docker.compose.';

/** The keys of the compose file in which a network that is there differs from `wanted`, sorted. */
export function changedNetworkKeys(found: NetworkConfig, wanted: NetworkConfig): string[] {
  return differing(networkFacts(found), networkFacts(wanted));
}

/** The same for a volume. */
export function changedVolumeKeys(found: VolumeConfig, wanted: VolumeConfig): string[] {
  return differing(volumeFacts(found), volumeFacts(wanted));
}

type Facts = ReadonlyMap<string, string>;

/** What cannot be changed while a network exists. */
function networkFacts(config: NetworkConfig): Facts {
  return new Map([
    ['driver', config.driver],
    ...entries('driver_opts', config.driverOptions),
    ['enable_ipv6', String(config.hasIpv6)],
    ['internal', String(config.isInternal)],
    ['ipam', JSON.stringify(config.pools.map(poolFacts))],
    ...labelEntries(config.labels),
  ]);
}

function poolFacts({ subnet, gateway, ipRange, auxAddresses }: NetworkConfig['pools'][number]) {
  const names = Object.entries(auxAddresses).sort(([a], [b]) => (a < b ? -1 : 1));
  return [subnet, gateway, ipRange, names];
}

function volumeFacts(config: VolumeConfig): Facts {
  return new Map([
    ['driver', config.driver],
    ...entries('driver_opts', config.driverOptions),
    ...labelEntries(config.labels),
  ]);
}

function entries(key: string, values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).map(([name, value]) => [`${key}.${name}`, value]);
}

function labelEntries(labels: Readonly<Record<string, string>>): [string, string][] {
  return entries('labels', labels).filter(([key]) => !key.startsWith(`labels.${OWN_LABELS}`));
}

function differing(a: Facts, b: Facts): string[] {
  const keys = [...new Set([...a.keys(), ...b.keys()])];
  return keys.filter((key) => a.get(key) !== b.get(key)).sort();
}
