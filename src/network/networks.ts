import { join } from 'node:path';

import { OcupError, messageOf } from '../base/errors.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import type { Network, NetworkConfig } from '../model/network.ts';
import { Links } from '../native/links.ts';
import { openSocketsInNamespace, type SocketRequest } from '../native/sockets.ts';
import { formatAddress, formatSubnet } from './addresses.ts';
import { type ConnectRequest, type ConnectResult, Connections } from './connections.ts';
import { Firewall } from './firewall.ts';
import type { FirewallModel, FirewallNetwork } from './firewall-rules.ts';
import { findLinkOwner, instanceTag, tableName } from './names.ts';
import { LinkRemovals } from './link-removals.ts';
import { BRIDGE_OPTION, NetworkCatalog } from './network-catalog.ts';
import type { NetworkRecord } from './network-records.ts';
import { type OpenSocket, PublishedPorts } from './published-ports.ts';

export interface NetworksOptions {
  readonly dataDir: string;
  readonly logger?: Logger | undefined;
  /** Opens the sockets of published ports; a rootless ocup has them opened outside its namespace. */
  readonly openSocket?: OpenSocket | undefined;
}

/** Reads what networks there are. Changes nothing in the kernel. */
export async function openNetworks(options: NetworksOptions): Promise<Networks> {
  const logger = options.logger ?? silentLogger;
  const tag = instanceTag(options.dataDir);
  const links = await Links.open();
  const folder = join(options.dataDir, 'networks');
  const removals = new LinkRemovals(links, logger);
  const catalog = new NetworkCatalog({ folder, tag, links, removals, logger });
  try {
    await catalog.load();
  } catch (error) {
    links.close();
    throw error;
  }
  return new Networks({
    catalog,
    links,
    removals,
    tag,
    logger,
    openSocket: options.openSocket ?? openSocket,
  });
}

interface Parts {
  readonly catalog: NetworkCatalog;
  readonly links: Links;
  readonly removals: LinkRemovals;
  readonly tag: string;
  readonly logger: Logger;
  readonly openSocket: OpenSocket;
}

/**
 * The networks of one data folder, and the containers on them.
 *
 * A *network* is a bridge with a subnet. A container is *connected* by a link from its network namespace to
 * the bridge of each network; it is then known by its names to the others there, and its ports are published.
 *
 *     openNetworks ── adopt each running container ── sweep ── connect / disconnect … ── close
 *
 * What the kernel holds (links, addresses, rules) outlives this process; sockets (names, held ports) do not,
 * and are made again by `adopt`.
 */
export class Networks {
  private readonly parts: Parts;
  private readonly firewall: Firewall;
  private readonly connections: Connections;

  constructor(parts: Parts) {
    const { catalog, links, removals, tag, logger } = parts;
    this.parts = parts;
    this.firewall = new Firewall(tableName(tag), () => this.firewallModel(), logger);
    this.connections = new Connections({
      catalog,
      links,
      removals,
      tag,
      logger,
      firewall: this.firewall,
      publishedPorts: new PublishedPorts(parts.openSocket),
    });
  }

  /**
   * Makes a network. Nothing is left when it fails.
   *
   * @throws E_NETWORK_EXISTS, E_NETWORK_INVALID, E_NETWORK_ADDRESS, E_NETWORK_KERNEL
   */
  async create(config: NetworkConfig): Promise<Network> {
    const record = await this.parts.catalog.create(config);
    try {
      await this.firewall.apply();
    } catch (error) {
      await this.parts.catalog.remove(config.name);
      throw error;
    }
    return toNetwork(record);
  }

  /** All networks, by name. */
  list(): readonly Network[] {
    const networks = this.parts.catalog.list().map(({ record }) => toNetwork(record));
    return networks.sort((a, b) => (a.config.name < b.config.name ? -1 : 1));
  }

  find(name: string): Network | undefined {
    const known = this.parts.catalog.find(name);
    return known === undefined ? undefined : toNetwork(known.record);
  }

  /** @throws E_NETWORK_NOT_FOUND; E_NETWORK_IN_USE while containers are connected */
  async remove(name: string): Promise<void> {
    this.parts.catalog.get(name);
    const users = this.connections.containersOn(name);
    if (users.length > 0) {
      throw new OcupError(
        'E_NETWORK_IN_USE',
        `cannot remove network ${name}: it has active endpoints (${users.join(', ')})`,
        { hint: 'Stop these containers first.' },
      );
    }
    // Each waits for the kernel; the model is without the network as soon as its removal has begun.
    await Promise.all([this.parts.catalog.remove(name), this.firewall.apply()]);
  }

  /**
   * Puts the network namespace of a process on networks: loopback up, an interface with address and routes
   * for each endpoint, names answered at 127.0.0.11, ports published. Resolves once packets pass; undoes
   * everything when it fails. Without endpoints there is loopback only. A container that is connected already
   * is disconnected first.
   *
   * @throws E_NETWORK_NOT_FOUND, E_NETWORK_ADDRESS, E_NETWORK_PORT_TAKEN, E_NETWORK_KERNEL
   */
  connect(request: ConnectRequest): Promise<ConnectResult> {
    return this.connections.connect(request);
  }

  /**
   * Takes over a container that an earlier process connected: `previous` and `previousPorts` are what it has.
   * Names are answered and ports held again; what cannot be is logged. The firewall is left as it is until
   * `sweep`, so that no container is without its rules in between.
   *
   * @throws E_NETWORK_NOT_FOUND when a network of it has no record any more, E_NETWORK_ADDRESS
   */
  adopt(request: ConnectRequest): Promise<void> {
    return this.connections.adopt(request);
  }

  /** Takes a container from all its networks. Idempotent; also for containers of an earlier process. */
  disconnect(containerId: string): Promise<void> {
    return this.connections.disconnect(containerId);
  }

  /**
   * Removes links of containers that are not among `liveContainerIds` and bridges of networks without a
   * record, and sets the firewall to what is true now. To be called once all live containers are adopted.
   */
  async sweep(liveContainerIds: readonly string[]): Promise<void> {
    const { catalog, links, tag, logger } = this.parts;
    const containers = new Set(liveContainerIds);
    const networks = new Set(catalog.list().map(({ record }) => record.id));
    for (const link of await links.list()) {
      const owner = findLinkOwner(tag, link.alias);
      if (owner === undefined) continue;
      const live = owner.kind === 'network' ? networks : containers;
      if (live.has(owner.id)) continue;
      await links.remove(link.name);
      logger.info(`removed link ${link.name} of a ${owner.kind} that is gone`);
    }
    try {
      await this.firewall.apply();
    } catch (error) {
      logger.error(messageOf(error));
    }
  }

  /** Ends all sockets; what the kernel holds stays, for a later process to adopt. */
  async close(): Promise<void> {
    const { links, removals, logger } = this.parts;
    this.connections.close();
    await removals.flush().catch((error: unknown) => logger.warn(messageOf(error)));
    links.close();
  }

  private firewallModel(): FirewallModel {
    return {
      networks: this.parts.catalog.list().map(({ record }) => toFirewallNetwork(record)),
      forwards: this.connections.forwards(),
    };
  }
}

async function openSocket(request: SocketRequest): Promise<number> {
  const [fd = -1] = await openSocketsInNamespace(undefined, [request]);
  return fd;
}

function toNetwork(record: NetworkRecord): Network {
  const { id, config, bridge, createdAt, plan } = record;
  return {
    id,
    config,
    bridge,
    subnet: formatSubnet(plan.ipv4.subnet),
    gateway: formatAddress(plan.ipv4.gateway),
    createdAt,
  };
}

function toFirewallNetwork(record: NetworkRecord): FirewallNetwork {
  const { config, bridge, plan } = record;
  return {
    bridge,
    ipv4: plan.ipv4.subnet,
    ipv6: plan.ipv6?.subnet,
    isInternal: config.isInternal,
    isMasqueraded: config.driverOptions[BRIDGE_OPTION.masquerade] !== 'false',
    isOpenInside: config.driverOptions[BRIDGE_OPTION.openInside] !== 'false',
  };
}
