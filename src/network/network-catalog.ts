import { randomBytes } from 'node:crypto';

import { findErrno, messageOf, OcupError } from '../base/errors.ts';
import { KeyedMutex } from '../base/keyed-mutex.ts';
import type { Logger } from '../base/logger.ts';
import type { NetworkConfig } from '../model/network.ts';
import type { AddressBytes } from '../native/link-messages.ts';
import type { Link, Links } from '../native/links.ts';
import type { LinkRemovals } from './link-removals.ts';
import { AddressBook } from './address-book.ts';
import {
  type Subnet,
  addressBytes,
  addressOfBytes,
  findAddress,
  findSubnet,
  formatSubnet,
  isOverlapping,
  macOfAddress,
  parseMac,
  subnetOf,
} from './addresses.ts';
import { readHostNameservers } from './dns-forward.ts';
import { enableForwarding } from './forwarding.ts';
import { bridgeName, formatLinkAlias } from './names.ts';
import { type AddressPlan, planNetwork } from './network-plan.ts';
import {
  type NetworkRecord,
  readNetworkRecords,
  removeNetworkRecord,
  writeNetworkRecord,
} from './network-records.ts';

/** A network with the books of who has which address. */
export interface KnownNetwork {
  readonly record: NetworkRecord;
  readonly ipv4: AddressBook;
  readonly ipv6: AddressBook | undefined;
}

export interface CatalogOptions {
  /** Of the records. */
  readonly folder: string;
  readonly tag: string;
  /** Those of this process's network namespace. */
  readonly links: Links;
  readonly removals: LinkRemovals;
  readonly logger: Logger;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const SUBNET_TRIES = 8;

/** The option keys of docker's bridge driver that are heeded. */
export const BRIDGE_OPTION = {
  name: 'com.docker.network.bridge.name',
  mtu: 'com.docker.network.driver.mtu',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  openInside: 'com.docker.network.bridge.enable_icc',
  hostAddress: 'com.docker.network.bridge.host_binding_ipv4',
} as const;

/** The networks that exist: their records, address books and bridges. */
export class NetworkCatalog {
  private readonly options: CatalogOptions;
  private readonly networks = new Map<string, KnownNetwork>();
  /** By the network's id: the index that its bridge was seen to have. */
  private readonly bridges = new Map<string, number>();
  private readonly locks = new KeyedMutex();

  constructor(options: CatalogOptions) {
    this.options = options;
  }

  /** Reads the records; damaged ones are set aside. */
  async load(): Promise<void> {
    const { folder, logger } = this.options;
    for (const record of await readNetworkRecords(folder, logger)) this.enter(record);
  }

  list(): readonly KnownNetwork[] {
    return [...this.networks.values()];
  }

  find(name: string): KnownNetwork | undefined {
    return this.networks.get(name);
  }

  /** @throws E_NETWORK_NOT_FOUND */
  get(name: string): KnownNetwork {
    const found = this.networks.get(name);
    if (found !== undefined) return found;
    throw new OcupError('E_NETWORK_NOT_FOUND', `network ${name} not found`);
  }

  /**
   * Makes a network with its bridge. Nothing is left when it fails.
   *
   * @throws E_NETWORK_EXISTS, E_NETWORK_INVALID, E_NETWORK_ADDRESS
   */
  create(config: NetworkConfig): Promise<NetworkRecord> {
    // One at a time: each must see the subnets that the others took.
    return this.locks.run('create', async () => {
      this.check(config);
      const lost: Subnet[] = [];
      for (let tries = 0; tries < SUBNET_TRIES; tries += 1) {
        const record = await this.planRecord(config, lost);
        if (await this.make(record)) return record;
        lost.push(record.plan.ipv4.subnet);
      }
      throw new OcupError(
        'E_NETWORK_ADDRESS',
        `cannot make network ${config.name}: others took each subnet first`,
      );
    });
  }

  /**
   * Removes the record and frees the addresses; the bridge follows soon, since the kernel takes its time for that.
   * Nobody finds the network from the first moment on.
   */
  async remove(name: string): Promise<void> {
    const { links, removals, folder } = this.options;
    const known = this.get(name);
    const { bridge } = known.record;
    this.networks.delete(name);
    try {
      await removeNetworkRecord(folder, name);
    } catch (error) {
      this.networks.set(name, known);
      throw error;
    }
    this.bridges.delete(known.record.id);
    removals.soon([bridge]);
    await links.removeAddresses(bridge, bridgeAddresses(known.record));
  }

  /** The index of a network's bridge, from memory once it was seen; see `ensureBridge`. @throws E_NETWORK_KERNEL */
  async bridgeIndex(record: NetworkRecord): Promise<number> {
    return this.bridges.get(record.id) ?? (await this.ensureBridge(record));
  }

  /**
   * The index of a network's bridge, made again if it is gone, as after a restart of the machine.
   *
   * @throws E_NETWORK_KERNEL
   */
  ensureBridge(record: NetworkRecord): Promise<number> {
    return this.locks.run(`bridge ${record.bridge}`, async () => {
      const found = await this.options.links.find(record.bridge);
      const { index } = found ?? (await this.addBridge(record));
      this.bridges.set(record.id, index);
      return index;
    });
  }

  private check(config: NetworkConfig): void {
    const { name } = config;
    if (!NAME.test(name) || name.length > 200) {
      throw new OcupError('E_NETWORK_INVALID', `invalid network name: ${name}`, {
        hint: 'Use letters, digits, `_`, `.` and `-`, and begin with a letter or digit.',
      });
    }
    if (this.networks.has(name)) {
      throw new OcupError('E_NETWORK_EXISTS', `network with name ${name} already exists`);
    }
    for (const pool of config.pools) {
      const subnet = findSubnet(pool.subnet ?? '');
      if (subnet === undefined) continue;
      const other = this.list().find((known) => plansOf(known.record).some(overlaps(subnet)));
      if (other === undefined) continue;
      throw new OcupError(
        'E_NETWORK_ADDRESS',
        `cannot make network ${name}: Pool overlaps with other one on this address space`,
        {
          hint: `Choose another subnet than ${formatSubnet(subnet)}: ${other.record.config.name} has it.`,
        },
      );
    }
  }

  private async planRecord(config: NetworkConfig, lost: readonly Subnet[]): Promise<NetworkRecord> {
    const id = randomBytes(32).toString('hex');
    const taken = [...lost, ...(await this.takenSubnets())];
    const bridge = config.driverOptions[BRIDGE_OPTION.name] ?? bridgeName(id);
    const plan = planNetwork(id, config, taken);
    return { id, config, bridge, createdAt: new Date().toISOString(), plan };
  }

  /** What an own subnet must not overlap: other networks, the host's routes and its resolvers. */
  private async takenSubnets(): Promise<readonly Subnet[]> {
    const routes = await this.options.links.listRoutes();
    const resolvers = await readHostNameservers();
    return [
      ...this.list().flatMap(({ record }) => plansOf(record).map(({ subnet }) => subnet)),
      ...routes
        .filter(({ destination }) => destination.prefixLength > 0)
        .map((route) => routeSubnet(route.destination)),
      ...resolvers.flatMap((text) => {
        const address = findAddress(text);
        return address?.family === 4 ? [subnetOf(address, 32)] : [];
      }),
    ];
  }

  /** False when another process took the same subnet meanwhile, and the subnet may be another one. */
  private async make(record: NetworkRecord): Promise<boolean> {
    const { folder, links } = this.options;
    const { name } = record.config;
    await writeNetworkRecord(folder, record);
    let bridge: Link;
    try {
      await this.options.removals.settled(record.bridge);
      bridge = await this.addBridge(record);
      if (await this.isSubnetLost(record, bridge)) {
        await links.remove(record.bridge);
        await removeNetworkRecord(folder, name);
        return false;
      }
    } catch (error) {
      await removeNetworkRecord(folder, name);
      throw error;
    }
    this.enter(record);
    this.bridges.set(record.id, bridge.index);
    return true;
  }

  /** Of two bridges with one subnet the older keeps it. */
  private async isSubnetLost(record: NetworkRecord, bridge: Link): Promise<boolean> {
    if (record.config.pools.some((pool) => pool.subnet !== undefined)) return false;
    const routes = await this.options.links.listRoutes();
    return routes.some(
      ({ destination, linkIndex }) =>
        linkIndex !== undefined &&
        linkIndex < bridge.index &&
        destination.prefixLength > 0 &&
        isOverlapping(routeSubnet(destination), record.plan.ipv4.subnet),
    );
  }

  private async addBridge(record: NetworkRecord): Promise<Link> {
    const { tag, links } = this.options;
    const { ipv4 } = record.plan;
    try {
      const link = await links.addBridge({
        name: record.bridge,
        alias: formatLinkAlias(tag, { kind: 'network', id: record.id }),
        mac: parseMac(macOfAddress(ipv4.gateway)),
        mtu: mtuOf(record.config),
        addresses: bridgeAddresses(record),
      });
      await enableForwarding(record.config, record.plan.ipv6 !== undefined, this.options.logger);
      return link;
    } catch (cause) {
      throw new OcupError(
        'E_NETWORK_KERNEL',
        `cannot make bridge ${record.bridge} of network ${record.config.name}: ${messageOf(cause)}`,
        { hint: hintOf(cause), cause },
      );
    }
  }

  private enter(record: NetworkRecord): void {
    const { ipv4, ipv6 } = record.plan;
    this.networks.set(record.config.name, {
      record,
      ipv4: new AddressBook(ipv4),
      ipv6: ipv6 === undefined ? undefined : new AddressBook(ipv6),
    });
  }
}

function bridgeAddresses(record: NetworkRecord): readonly AddressBytes[] {
  return plansOf(record).map(({ gateway, subnet }) => ({
    bytes: addressBytes(gateway),
    prefixLength: subnet.prefixLength,
  }));
}

/** The MTU that a network's options ask for. */
export function mtuOf(config: NetworkConfig): number | undefined {
  const mtu = Number(config.driverOptions[BRIDGE_OPTION.mtu]);
  return Number.isInteger(mtu) && mtu >= 68 ? mtu : undefined;
}

/** What the user can do about a failure of the kernel. */
export function hintOf(error: unknown): string | undefined {
  const errno = findErrno(error);
  if (errno === 'EPERM') return 'Run ocup with CAP_NET_ADMIN, or as root.';
  if (errno === 'EOPNOTSUPP') return 'Load the kernel modules bridge and veth.';
  return undefined;
}

function plansOf(record: NetworkRecord): readonly AddressPlan[] {
  const { ipv4, ipv6 } = record.plan;
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}

function overlaps(subnet: Subnet): (plan: AddressPlan) => boolean {
  return (plan) => isOverlapping(plan.subnet, subnet);
}

function routeSubnet(destination: { bytes: Buffer; prefixLength: number }): Subnet {
  return subnetOf(addressOfBytes(destination.bytes), destination.prefixLength);
}
