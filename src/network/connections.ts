import { messageOf, OcupError, isOcupError } from '../base/errors.ts';
import { KeyedMutex } from '../base/keyed-mutex.ts';
import type { Logger } from '../base/logger.ts';
import { Scope } from '../base/scope.ts';
import type { Endpoint, EndpointState, PortBinding, PublishedPort } from '../model/container.ts';
import { forgetUdpFlows } from '../native/conntrack.ts';
import { Links, loopbackRequest } from '../native/links.ts';
import { NetlinkSocket } from '../native/netlink.ts';
import { openSocketsInNamespace } from '../native/sockets.ts';
import { attach } from './attachment.ts';
import { DNS_SOCKETS, DnsServer } from './dns-server.ts';
import {
  type PlannedEndpoint,
  allocateEndpoints,
  findDefaultEndpoint,
  releaseEndpoints,
  toEndpointState,
} from './endpoint-plan.ts';
import type { Firewall } from './firewall.ts';
import type { PortForward } from './firewall-rules.ts';
import type { LinkRemovals } from './link-removals.ts';
import { NameBook } from './name-book.ts';
import { findLinkOwner } from './names.ts';
import {
  type KnownNetwork,
  type NetworkCatalog,
  BRIDGE_OPTION,
  hintOf,
} from './network-catalog.ts';
import type { Publication, PublishedPorts } from './published-ports.ts';

/** A container that is to be on networks. */
export interface ConnectRequest {
  readonly containerId: string;
  readonly containerName: string;
  /** A process in the container's network namespace. */
  readonly pid: number;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly PortBinding[];
  /** Resolvers for names that are not ours; none: the host's. */
  readonly dns: readonly string[];
  /** What the container had before: it gets the same addresses again where they are free. */
  readonly previous: readonly EndpointState[];
  /** Ports it had before: those that the kernel picked are picked again where they are free. */
  readonly previousPorts: readonly PublishedPort[];
}

/** What a container got. */
export interface ConnectResult {
  readonly endpoints: readonly EndpointState[];
  readonly ports: readonly PublishedPort[];
}

export interface ConnectionsOptions {
  readonly catalog: NetworkCatalog;
  readonly links: Links;
  readonly removals: LinkRemovals;
  readonly firewall: Firewall;
  readonly publishedPorts: PublishedPorts;
  readonly tag: string;
  readonly logger: Logger;
}

interface Connection {
  readonly containerName: string;
  readonly planned: readonly PlannedEndpoint[];
  readonly publication: Publication | undefined;
  readonly dns: DnsServer | undefined;
}

/** Which containers are on which networks now. */
export class Connections {
  private readonly options: ConnectionsOptions;
  private readonly connected = new Map<string, Connection>();
  /** Requests that are under way: their networks are in use already. */
  private readonly connecting = new Set<ConnectRequest>();
  private readonly names = new NameBook();
  private readonly locks = new KeyedMutex();

  constructor(options: ConnectionsOptions) {
    this.options = options;
  }

  /** The ports that the kernel forwards for connected containers. */
  forwards(): readonly PortForward[] {
    return [...this.connected.values()].flatMap(({ publication }) => publication?.forwards ?? []);
  }

  /** The names of containers that are on the network or about to be. */
  containersOn(network: string): readonly string[] {
    const isOn = (endpoint: Endpoint): boolean => endpoint.network === network;
    const connecting = [...this.connecting].filter((it) => it.endpoints.some(isOn));
    const connected = [...this.connected.values()].filter(({ planned }) =>
      planned.some((it) => isOn(it.endpoint)),
    );
    return [...connecting, ...connected].map(({ containerName }) => containerName);
  }

  /** @see Networks.connect */
  async connect(request: ConnectRequest): Promise<ConnectResult> {
    const { containerId } = request;
    this.connecting.add(request);
    using _ = { [Symbol.dispose]: () => void this.connecting.delete(request) };
    return await this.locks.run(containerId, async () => {
      if (this.connected.has(containerId)) await this.end(containerId);
      await using scope = new Scope();
      const planned = this.allocate(request, scope);
      const publication = await this.publish(request, planned, scope);
      const dns = await this.attach(request, planned, scope);
      this.enterNames(request, planned, scope);
      const connection = { containerName: request.containerName, planned, publication, dns };
      this.connected.set(containerId, connection);
      scope.defer(() => void this.connected.delete(containerId));
      await this.forward(request.containerName, publication?.forwards ?? []);
      scope.release();
      return { endpoints: planned.map(toEndpointState), ports: publication?.ports ?? [] };
    });
  }

  /** @see Networks.adopt */
  adopt(request: ConnectRequest): Promise<void> {
    const { containerId, containerName } = request;
    return this.locks.run(containerId, async () => {
      if (this.connected.has(containerId)) return;
      await using scope = new Scope();
      const planned = this.allocate({ ...request, endpoints: withAddresses(request) }, scope);
      const publication = await this.adoptPorts(request, planned);
      let dns: DnsServer | undefined;
      try {
        if (planned.length > 0) {
          const descriptors = await openSocketsInNamespace(request.pid, DNS_SOCKETS);
          dns = await this.serveNames(request, planned, descriptors);
        }
      } catch (error) {
        this.warn(containerName, error);
      }
      this.enterNames(request, planned, scope);
      this.connected.set(containerId, { containerName, planned, publication, dns });
      scope.release();
    });
  }

  /** @see Networks.disconnect */
  disconnect(containerId: string): Promise<void> {
    return this.locks.run(containerId, () => this.end(containerId));
  }

  /** Ends sockets, and leaves the kernel's objects to whoever adopts them. */
  close(): void {
    for (const { publication, dns } of this.connected.values()) {
      dns?.close();
      publication?.close();
    }
    this.connected.clear();
  }

  private async end(containerId: string): Promise<void> {
    const { catalog, firewall, removals } = this.options;
    const connection = this.connected.get(containerId);
    this.connected.delete(containerId);
    this.names.remove(containerId);
    connection?.dns?.close();
    connection?.publication?.close();
    releaseEndpoints(containerId, catalog.list());
    const veths = connection?.planned.map((it) => it.vethName) ?? (await this.veths(containerId));
    const hasForwards = (connection?.publication?.forwards.length ?? 0) > 0;
    removals.soon(veths);
    if (hasForwards) await firewall.apply();
  }

  private async forward(containerName: string, forwards: readonly PortForward[]): Promise<void> {
    if (forwards.length === 0) return;
    await this.options.firewall.apply();
    const udp = forwards.filter((forward) => forward.protocol === 'udp');
    if (udp.length === 0) return;
    try {
      await forgetUdpFlows(new Set(udp.map((forward) => forward.hostPort)));
    } catch (error) {
      this.warn(containerName, error);
    }
  }

  /** Links of a container that this process did not make. */
  private async veths(containerId: string): Promise<readonly string[]> {
    const links = await this.options.links.list();
    return links
      .filter(({ alias }) => {
        const owner = findLinkOwner(this.options.tag, alias);
        return owner?.kind === 'container' && owner.id === containerId;
      })
      .map(({ name }) => name);
  }

  private allocate(request: ConnectRequest, scope: Scope): readonly PlannedEndpoint[] {
    const { catalog } = this.options;
    const networks = request.endpoints.map((endpoint) => ({
      endpoint,
      network: catalog.get(endpoint.network),
    }));
    scope.defer(() => releaseEndpoints(request.containerId, networks.map(networkOf)));
    return allocateEndpoints(request.containerId, networks, request.previous);
  }

  private async publish(
    request: ConnectRequest,
    planned: readonly PlannedEndpoint[],
    scope: Scope,
  ): Promise<Publication | undefined> {
    const target = findDefaultEndpoint(planned);
    // As with docker: what has no way out has no way in either.
    if (target === undefined || request.ports.length === 0) return undefined;
    const hostIp = target.network.record.config.driverOptions[BRIDGE_OPTION.hostAddress];
    const publication = await this.options.publishedPorts.publish(
      request.ports.map((port) => ({ ...port, hostIp: port.hostIp ?? hostIp })),
      { containerName: request.containerName, address: target.ipv4 },
      request.previousPorts,
    );
    scope.defer(() => publication.close());
    return publication;
  }

  private async adoptPorts(
    request: ConnectRequest,
    planned: readonly PlannedEndpoint[],
  ): Promise<Publication | undefined> {
    const target = findDefaultEndpoint(planned);
    if (target === undefined || request.previousPorts.length === 0) return undefined;
    return this.options.publishedPorts.adopt(
      request.previousPorts,
      { containerName: request.containerName, address: target.ipv4 },
      (error) => this.warn(request.containerName, error),
    );
  }

  /** Makes the links; names are answered from then on, where there are any to ask for. */
  private async attach(
    request: ConnectRequest,
    planned: readonly PlannedEndpoint[],
    scope: Scope,
  ): Promise<DnsServer | undefined> {
    const { containerId, containerName, pid } = request;
    const veths = planned.map((it) => it.vethName);
    scope.defer(() => this.options.removals.now(veths));
    try {
      const [netlink = -1, ...descriptors] = await openSocketsInNamespace(pid, [
        loopbackRequest(),
        ...(planned.length > 0 ? DNS_SOCKETS : []),
      ]);
      using inside = new Links(new NetlinkSocket(netlink));
      const dns =
        planned.length > 0 ? await this.serveNames(request, planned, descriptors) : undefined;
      scope.defer(() => dns?.close());
      await attach({ ...this.options, inside, containerId, pid }, planned);
      return dns;
    } catch (cause) {
      if (isOcupError(cause)) throw cause;
      const networks = planned.map((it) => it.endpoint.network).join(', ') || 'loopback';
      throw new OcupError(
        'E_NETWORK_KERNEL',
        `cannot connect ${containerName} to ${networks}: ${messageOf(cause)}`,
        { hint: hintOf(cause), cause },
      );
    }
  }

  private serveNames(
    request: ConnectRequest,
    planned: readonly PlannedEndpoint[],
    descriptors: readonly number[],
  ): Promise<DnsServer> {
    const outward = findDefaultEndpoint(planned) ?? planned[0];
    return DnsServer.open(descriptors, {
      containerId: request.containerId,
      book: this.names,
      hostAddress: outward?.network.record.plan.ipv4.gateway,
      servers: request.dns,
    });
  }

  private enterNames(
    request: ConnectRequest,
    planned: readonly PlannedEndpoint[],
    scope: Scope,
  ): void {
    if (planned.length === 0) return;
    const { containerId, containerName } = request;
    const shortId = containerId.slice(0, 12);
    this.names.set(
      containerId,
      planned.map(({ endpoint, ipv4, ipv6 }) => ({
        network: endpoint.network,
        addresses: ipv6 === undefined ? [ipv4] : [ipv4, ipv6],
        names: [containerName, ...endpoint.aliases, shortId],
      })),
    );
    scope.defer(() => this.names.remove(containerId));
  }

  private warn(containerName: string, error: unknown): void {
    this.options.logger.warn(`network of ${containerName}: ${messageOf(error)}`);
  }
}

function networkOf(item: { readonly network: KnownNetwork }): KnownNetwork {
  return item.network;
}

/** The endpoints with exactly the addresses that the container has. */
function withAddresses(request: ConnectRequest): readonly Endpoint[] {
  return request.endpoints.map((endpoint) => {
    const state = request.previous.find((it) => it.network === endpoint.network);
    return {
      ...endpoint,
      ipv4Address: state?.ipv4Address ?? endpoint.ipv4Address,
      ipv6Address: state?.ipv6Address ?? endpoint.ipv6Address,
    };
  });
}
