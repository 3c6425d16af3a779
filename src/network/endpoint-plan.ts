import type { Endpoint, EndpointState } from '../model/container.ts';
import { type Address, formatAddress, macOfAddress, parseAddress, parseMac } from './addresses.ts';
import type { KnownNetwork } from './network-catalog.ts';
import { vethName } from './names.ts';

/** An endpoint with all that is decided about it. */
export interface PlannedEndpoint {
  readonly network: KnownNetwork;
  readonly endpoint: Endpoint;
  readonly ipv4: Address;
  readonly ipv6: Address | undefined;
  readonly mac: string;
  /** In the container: `eth0`. */
  readonly interfaceName: string;
  /** On the host. */
  readonly vethName: string;
}

/**
 * Takes the addresses of a container's endpoints into the books: those that are asked for, else those it had
 * before, else free ones. Networks come in order of priority, highest first.
 *
 * @throws E_NETWORK_NOT_FOUND, E_NETWORK_ADDRESS; `releaseEndpoints` gives back what was taken
 */
export function allocateEndpoints(
  containerId: string,
  networks: readonly { readonly endpoint: Endpoint; readonly network: KnownNetwork }[],
  previous: readonly EndpointState[],
): readonly PlannedEndpoint[] {
  const ordered = [...networks].sort((a, b) => b.endpoint.priority - a.endpoint.priority);
  return ordered.map(({ endpoint, network }, index) => {
    const before = previous.find((state) => state.network === endpoint.network);
    const { ipv4: book, ipv6: book6 } = network;
    const ipv4 =
      endpoint.ipv4Address === undefined
        ? book.allocate(containerId, before?.ipv4Address)
        : book.take(containerId, parseAddress(endpoint.ipv4Address));
    const ipv6 =
      endpoint.ipv6Address === undefined
        ? book6?.allocate(containerId, before?.ipv6Address)
        : book6?.take(containerId, parseAddress(endpoint.ipv6Address));
    const mac = endpoint.macAddress ?? macOfAddress(ipv4);
    parseMac(mac);
    return {
      network,
      endpoint,
      ipv4,
      ipv6,
      mac,
      interfaceName: `eth${index}`,
      vethName: vethName(containerId, network.record.id),
    };
  });
}

/** Gives back all addresses that a container has in these networks. */
export function releaseEndpoints(containerId: string, networks: readonly KnownNetwork[]): void {
  for (const network of networks) {
    network.ipv4.release(containerId);
    network.ipv6?.release(containerId);
  }
}

/**
 * The endpoint that holds the default route: of those with a way out the one of highest gateway priority,
 * and of equal ones the first by its network's name.
 */
export function findDefaultEndpoint(
  planned: readonly PlannedEndpoint[],
): PlannedEndpoint | undefined {
  const open = planned.filter((it) => !it.network.record.config.isInternal);
  return open.sort(
    (a, b) =>
      b.endpoint.gatewayPriority - a.endpoint.gatewayPriority ||
      (a.endpoint.network < b.endpoint.network ? -1 : 1),
  )[0];
}

/** An endpoint as others see it. */
export function toEndpointState(planned: PlannedEndpoint): EndpointState {
  const { config, plan } = planned.network.record;
  return {
    network: planned.endpoint.network,
    ipv4Address: formatAddress(planned.ipv4),
    ipv6Address: planned.ipv6 === undefined ? undefined : formatAddress(planned.ipv6),
    gateway: config.isInternal ? undefined : formatAddress(plan.ipv4.gateway),
    macAddress: planned.mac,
    aliases: planned.endpoint.aliases,
  };
}
