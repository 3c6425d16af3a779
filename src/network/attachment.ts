import { findErrno } from '../base/errors.ts';
import { type AddressBytes } from '../native/link-messages.ts';
import { Links } from '../native/links.ts';
import { type Address, addressBytes, parseMac } from './addresses.ts';
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
  readonly removals: LinkRemovals;
  readonly tag: string;
  readonly containerId: string;
  /** A process in the container's network namespace. */
  readonly pid: number;
}

/**
 * Makes a container's links: loopback up, then a pair of links for each endpoint with address and routes.
 * Resolves once packets pass. What it made before it failed is for the caller to remove: the links named in `planned`.
 *
 * @throws the kernel's error
 */
export async function attach(
  options: AttachOptions,
  planned: readonly PlannedEndpoint[],
): Promise<void> {
  using inside = await Links.open(options.pid);
  await inside.setUpLoopback();
  const ipv4 = findDefaultEndpoint(planned);
  const ipv6 = findDefaultEndpoint(planned.filter((it) => it.ipv6 !== undefined));
  for (const endpoint of planned) {
    const { plan } = endpoint.network.record;
    await attachEndpoint(options, inside, {
      ...endpoint,
      gateways: [
        ...(endpoint === ipv4 ? [plan.ipv4.gateway] : []),
        ...(endpoint === ipv6 && plan.ipv6 !== undefined ? [plan.ipv6.gateway] : []),
      ],
    });
  }
  await Promise.all(
    planned.flatMap(({ interfaceName, vethName, network }) => [
      inside.waitOperational(interfaceName, UP_TIMEOUT_MS),
      options.links.waitOperational(vethName, UP_TIMEOUT_MS),
      options.links.waitOperational(network.record.bridge, UP_TIMEOUT_MS),
    ]),
  );
}

async function attachEndpoint(
  options: AttachOptions,
  inside: Links,
  planned: PlannedEndpoint & { readonly gateways: readonly Address[] },
): Promise<void> {
  const { record } = planned.network;
  const bridge = await options.catalog.ensureBridge(record);
  const request = {
    name: planned.vethName,
    bridgeIndex: bridge.index,
    peerPid: options.pid,
    peerName: planned.interfaceName,
    peerMac: parseMac(planned.mac),
    mtu: mtuOf(record.config),
  };
  const alias = formatLinkAlias(options.tag, { kind: 'container', id: options.containerId });
  options.removals.spare(planned.vethName);
  try {
    await options.links.addVeth(request, alias);
  } catch (error) {
    if (findErrno(error) !== 'EEXIST') throw error;
    const found = await options.links.find(planned.vethName);
    if (found !== undefined && found.alias !== alias) throw error;
    // The container's former namespace is still on its way out.
    await options.links.remove(planned.vethName);
    await options.links.addVeth(request, alias);
  }
  await inside.setUp({
    name: planned.interfaceName,
    addresses: addressesOf(planned),
    gateways: planned.gateways.map(addressBytes),
  });
}

function addressesOf(planned: PlannedEndpoint): readonly AddressBytes[] {
  const { ipv4, ipv6 } = planned.network.record.plan;
  const addresses = [{ bytes: addressBytes(planned.ipv4), prefixLength: ipv4.subnet.prefixLength }];
  if (planned.ipv6 !== undefined && ipv6 !== undefined) {
    addresses.push({ bytes: addressBytes(planned.ipv6), prefixLength: ipv6.subnet.prefixLength });
  }
  return addresses;
}
