import { type Address, type Family, formatAddress } from './addresses.ts';

/** A container's place in one network. */
export interface NamedEndpoint {
  readonly network: string;
  readonly addresses: readonly Address[];
  /** The container's own name first. */
  readonly names: readonly string[];
}

/**
 * Which names mean which addresses, network by network. Several containers may share a name: its addresses
 * then come in another order at each look-up, so that callers spread.
 */
export class NameBook {
  private readonly containers = new Map<string, readonly NamedEndpoint[]>();
  private readonly turns = new Map<string, number>();

  /** Enters a container; what it was entered with before is forgotten. */
  set(containerId: string, endpoints: readonly NamedEndpoint[]): void {
    this.containers.set(containerId, endpoints);
  }

  remove(containerId: string): void {
    this.containers.delete(containerId);
  }

  /**
   * The addresses of a family that `name`, or `name.network`, has in the networks that the container is in,
   * without regard to case; undefined when the name is not known there.
   */
  findAddresses(containerId: string, name: string, family: Family): readonly Address[] | undefined {
    const wanted = name.toLowerCase();
    const networks = this.networksOf(containerId);
    const found = new Map<string, Address>();
    let isKnown = false;
    for (const endpoint of this.endpointsIn(networks)) {
      if (!hasName(endpoint, wanted)) continue;
      isKnown = true;
      for (const address of endpoint.addresses) {
        if (address.family === family) found.set(formatAddress(address), address);
      }
    }
    return isKnown ? this.rotate(`${family} ${wanted}`, [...found.values()]) : undefined;
  }

  /** `name.network` of the container that has `address` in a network that the asking one is in. */
  findName(containerId: string, address: Address): string | undefined {
    const wanted = formatAddress(address);
    for (const endpoint of this.endpointsIn(this.networksOf(containerId))) {
      if (endpoint.addresses.some((it) => formatAddress(it) === wanted)) {
        const [name] = endpoint.names;
        if (name !== undefined) return `${name}.${endpoint.network}`;
      }
    }
    return undefined;
  }

  private networksOf(containerId: string): ReadonlySet<string> {
    return new Set(this.containers.get(containerId)?.map((endpoint) => endpoint.network));
  }

  private *endpointsIn(networks: ReadonlySet<string>): Generator<NamedEndpoint> {
    for (const endpoints of this.containers.values()) {
      for (const endpoint of endpoints) if (networks.has(endpoint.network)) yield endpoint;
    }
  }

  /** Counted for each name and family: who asks for both in turn must not always get the same first. */
  private rotate(key: string, addresses: readonly Address[]): readonly Address[] {
    if (addresses.length < 2) return addresses;
    const turn = (this.turns.get(key) ?? 0) % addresses.length;
    this.turns.set(key, turn + 1);
    return [...addresses.slice(turn), ...addresses.slice(0, turn)];
  }
}

function hasName(endpoint: NamedEndpoint, wanted: string): boolean {
  const suffix = `.${endpoint.network.toLowerCase()}`;
  return endpoint.names.some((name) => {
    const own = name.toLowerCase();
    return own === wanted || `${own}${suffix}` === wanted;
  });
}
