import { createHash } from 'node:crypto';

import { OcupError } from '../base/errors.ts';
import type { AddressPool, NetworkConfig } from '../model/network.ts';
import {
  type Address,
  type Family,
  type Subnet,
  ADDRESS_BITS,
  addressOfBytes,
  findSubnet,
  formatSubnet,
  isInSubnet,
  isOverlapping,
  lastValue,
  parseAddress,
  parseSubnet,
  subnetOf,
} from './addresses.ts';

/** The addresses of a network in one family. */
export interface AddressPlan {
  readonly subnet: Subnet;
  /** That of the bridge. */
  readonly gateway: Address;
  /** Where addresses are taken from when none is asked for. */
  readonly range: Subnet;
  /** Addresses that are never given out. */
  readonly reserved: readonly Address[];
}

/** The addresses of a network. */
export interface NetworkPlan {
  readonly ipv4: AddressPlan;
  readonly ipv6: AddressPlan | undefined;
}

/** Private ranges that are cut into subnets of a size, in this order. */
const DEFAULT_POOLS = [
  { pool: '172.28.0.0/14', prefixLength: 16 },
  { pool: '172.24.0.0/14', prefixLength: 16 },
  { pool: '172.20.0.0/14', prefixLength: 16 },
  { pool: '172.18.0.0/15', prefixLength: 16 },
  { pool: '192.168.0.0/16', prefixLength: 20 },
  { pool: '10.89.0.0/16', prefixLength: 24 },
] as const;

/**
 * The addresses of a new network: those its configuration asks for, else a subnet of the default pools that
 * overlaps none of `taken`.
 *
 * @throws E_NETWORK_ADDRESS when the configuration is wrong or nothing is left
 */
export function planNetwork(
  id: string,
  config: NetworkConfig,
  taken: readonly Subnet[],
): NetworkPlan {
  const ipv4 = config.pools.find((pool) => familyOf(pool) !== 6);
  const ipv6 = config.pools.find((pool) => familyOf(pool) === 6);
  const needsIpv6 = config.hasIpv6 || ipv6 !== undefined;
  return {
    ipv4: planAddresses(ipv4, () => pickSubnet(taken), config),
    ipv6: needsIpv6 ? planAddresses(ipv6, () => uniqueLocalSubnet(id), config) : undefined,
  };
}

/** @throws E_NETWORK_ADDRESS with docker's words when every pool is used up */
export function pickSubnet(taken: readonly Subnet[]): Subnet {
  for (const { pool, prefixLength } of DEFAULT_POOLS) {
    const whole = parseSubnet(pool);
    const step = 1n << BigInt(ADDRESS_BITS[4] - prefixLength);
    for (let base = whole.base; base <= lastValue(whole); base += step) {
      const candidate: Subnet = { family: 4, base, prefixLength };
      if (!taken.some((subnet) => isOverlapping(subnet, candidate))) return candidate;
    }
  }
  throw new OcupError(
    'E_NETWORK_ADDRESS',
    'all predefined address pools have been fully subnetted',
    {
      hint: 'Remove networks that are not used, or give the network a subnet of its own.',
    },
  );
}

/** A /64 of fd00::/8 that no other network is likely to have. @see RFC 4193 */
function uniqueLocalSubnet(id: string): Subnet {
  const hash = createHash('sha256').update(id).digest();
  const bytes = Buffer.alloc(16);
  bytes[0] = 0xfd;
  hash.copy(bytes, 1, 0, 7);
  return subnetOf(addressOfBytes(bytes), 64);
}

function planAddresses(
  pool: AddressPool | undefined,
  pick: () => Subnet,
  config: NetworkConfig,
): AddressPlan {
  const subnet = pool?.subnet === undefined ? pick() : parseSubnet(pool.subnet);
  const range = pool?.ipRange === undefined ? subnet : parseSubnet(pool.ipRange);
  if (!isInSubnet({ family: range.family, value: range.base }, subnet)) {
    throw invalid(
      config,
      `ip_range ${formatSubnet(range)} is not in subnet ${formatSubnet(subnet)}`,
    );
  }
  if (ADDRESS_BITS[subnet.family] - subnet.prefixLength < 2) {
    throw invalid(config, `subnet ${formatSubnet(subnet)} has no room for containers`);
  }
  const reserved = Object.values(pool?.auxAddresses ?? {}).map(parseAddress);
  const gateway = findGateway(pool, subnet, reserved);
  const outside = [gateway, ...reserved].find((address) => !isInSubnet(address, subnet));
  if (outside !== undefined) {
    throw invalid(config, `an address is not in subnet ${formatSubnet(subnet)}`);
  }
  return { subnet, gateway, range, reserved };
}

function findGateway(
  pool: AddressPool | undefined,
  subnet: Subnet,
  reserved: readonly Address[],
): Address {
  if (pool?.gateway !== undefined) return parseAddress(pool.gateway.replace(/\/\d+$/, ''));
  let value = subnet.base + 1n;
  while (reserved.some((address) => address.value === value)) value += 1n;
  return { family: subnet.family, value };
}

function familyOf(pool: AddressPool): Family | undefined {
  return pool.subnet === undefined ? undefined : findSubnet(pool.subnet)?.family;
}

function invalid(config: NetworkConfig, text: string): OcupError {
  return new OcupError(
    'E_NETWORK_ADDRESS',
    `invalid configuration of network ${config.name}: ${text}`,
  );
}
