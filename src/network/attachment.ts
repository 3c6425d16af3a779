import { type AddressBytes } from '../native/link-messages.ts';
import type { ContainerLink, Link, Links } from '../native/links.ts';
import { addressBytes, parseMac } from './addresses.ts';
import { type PlannedEndpoint, findDefaultEndpoint } from './endpoint-plan.ts';
import type { LinkRemovals } from './link-removals.ts';
import { formatLinkAlias } from './names.ts';
import { type NetworkCatalog, mtuOf } from './network-catalog.ts';

/** How long links may take to come up; they take a few milliseconds. */
const UP_TIMEOUT_MS = 5000;

export interface AttachOptions {
  readonly catalog: NetworkCatalog;
  /** Those of this process's network namespace. */
  readonly links: Links;
  /** Those of the container's network namespace. */
  readonly inside: Links;
  readonly removals: LinkRemovals;
  readonly tag: string;
  readonly containerId: string;
  /** A process in the container's network namespace. */
  readonly pid: number;
}

/**
 * Makes a container's links beside loopback: a pair of links for each endpoint, with address and routes.
 * Resolves once packets pass. What it made before it failed is for the caller to remove: the links named in `planned`.
 *
 * @throws the kernel's error
 */
export async function attach(
  options: AttachOptions,
  planned: readonly PlannedEndpoint[],
): Promise<void> {
  const { links, inside } = options;
  const ipv4 = findDefaultEndpoint(planned);
  const ipv6 = findDefaultEndpoint(planned.filter((it) => it.ipv6 !== undefined));
  const ends: ContainerLink[] = [];
  for (const endpoint of planned) {
    const { plan } = endpoint.network.record;
    const gateways = [
      ...(endpoint === ipv4 ? [plan.ipv4.gateway] : []),
      ...(endpoint === ipv6 && plan.ipv6 !== undefined ? [plan.ipv6.gateway] : []),
    ];
    const { peerIndex } = await addPair(options, endpoint);
    ends.push({
      index: peerIndex,
      addresses: addressesOf(endpoint),
      gateways: gateways.map(addressBytes),
    });
  }
  await inside.setUp(ends);
  const outer = planned.flatMap(({ vethName, network }) => [vethName, network.record.bridge]);
  await Promise.all([
    inside.waitOperational(
      planned.map(({ interfaceName }) => interfaceName),
      UP_TIMEOUT_MS,
    ),
    links.waitOperational(outer, UP_TIMEOUT_MS),
  ]);
}

/** The end that stays here, a port of the network's bridge. */
async function addPair(options: AttachOptions, planned: PlannedEndpoint): Promise<Link> {
  const { catalog, removals, links } = options;
  const { record } = planned.network;
  const alias = formatLinkAlias(options.tag, { kind: 'container', id: options.containerId });
  removals.spare(planned.vethName);
  const add = async (bridgeIndex: number): Promise<Link> =>
    links.addVeth(
      {
        name: planned.vethName,
        bridgeIndex,
        peerPid: options.pid,
        peerName: planned.interfaceName,
        peerMac: parseMac(planned.mac),
        mtu: mtuOf(record.config),
      },
      alias,
    );
  try {
    return await add(await catalog.bridgeIndex(record));
  } catch (error) {
    const found = await links.find(planned.vethName);
    if (found !== undefined && found.alias !== alias) throw error;
    // The container's former namespace is still on its way out, or somebody removed the bridge.
    if (found !== undefined) await links.remove(planned.vethName);
    return await add(await catalog.ensureBridge(record));
  }
}

function addressesOf(planned: PlannedEndpoint): readonly AddressBytes[] {
  const { ipv4, ipv6 } = planned.network.record.plan;
  const addresses = [{ bytes: addressBytes(planned.ipv4), prefixLength: ipv4.subnet.prefixLength }];
  if (planned.ipv6 !== undefined && ipv6 !== undefined) {
    addresses.push({ bytes: addressBytes(planned.ipv6), prefixLength: ipv6.subnet.prefixLength });
  }
  return addresses;
}
