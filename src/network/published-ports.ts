import { OcupError, findErrno } from '../base/errors.ts';
import type { PortBinding, PublishedPort } from '../model/container.ts';
import { type SocketRequest } from '../native/sockets.ts';
import { type Address, findAddress, formatAddress } from './addresses.ts';
import type { PortForward } from './firewall-rules.ts';
import { findPortHolder } from './port-holder.ts';
import { type PortProxy, openTcpProxy } from './tcp-proxy.ts';
import { openUdpProxy } from './udp-proxy.ts';

/** Opens a listening or bound socket where the host's ports are, and hands over its descriptor. */
export type OpenSocket = (request: SocketRequest) => Promise<number>;

/** Whose ports are published, and where they lead. */
export interface PublishTarget {
  readonly containerName: string;
  readonly address: Address;
}

/** Ports that are held for a container. */
export interface Publication {
  readonly ports: readonly PublishedPort[];
  /** What the kernel can forward by itself: all but IPv6. */
  readonly forwards: readonly PortForward[];
  /** Gives the ports back; may be called again. */
  close(): void;
}

interface HeldPort {
  readonly port: PublishedPort;
  readonly proxy: PortProxy;
}

const EVERY_IPV4 = '0.0.0.0';
const EVERY_IPV6 = '::';
const RANDOM_TRIES = 16;

const NO_ADDRESS = {
  words: 'cannot assign requested address',
  hint: 'Publish on an address that this machine has.',
};
const BIND_FAILURES: Readonly<Record<string, { readonly words: string; readonly hint: string }>> = {
  EADDRNOTAVAIL: NO_ADDRESS,
  EAFNOSUPPORT: NO_ADDRESS,
  EACCES: {
    words: 'permission denied',
    hint: 'Publish a port from 1024 on, or lower net.ipv4.ip_unprivileged_port_start.',
  },
};

/**
 * The ports that this machine publishes for containers. Each is held by a socket here, so that a port that is
 * taken shows at once; what the firewall does not forward (IPv6, or everything without nftables) reaches the
 * socket and is forwarded by this process.
 */
export class PublishedPorts {
  private readonly openSocket: OpenSocket;
  /** `tcp 0.0.0.0:80` → the name of its container. */
  private readonly names = new Map<string, string>();

  constructor(openSocket: OpenSocket) {
    this.openSocket = openSocket;
  }

  /**
   * Publishes `bindings`, all or none. A port that the kernel picks is that of `previous` if it is free.
   *
   * @throws E_NETWORK_PORT_TAKEN with docker's words, saying who holds it
   * @throws E_NETWORK_ADDRESS when the host has no such address
   */
  async publish(
    bindings: readonly PortBinding[],
    target: PublishTarget,
    previous: readonly PublishedPort[],
  ): Promise<Publication> {
    const held: HeldPort[] = [];
    try {
      for (const binding of uniqueBindings(bindings)) {
        held.push(...(await this.hold(binding, target, previous)));
      }
    } catch (error) {
      this.release(held);
      throw error;
    }
    return this.toPublication(held, target);
  }

  /**
   * Holds ports again that were published before this process started. One that cannot be held is reported
   * to `onFailure`; the kernel goes on forwarding it.
   */
  async adopt(
    ports: readonly PublishedPort[],
    target: PublishTarget,
    onFailure: (error: unknown) => void,
  ): Promise<Publication> {
    const held: HeldPort[] = [];
    for (const port of ports) {
      try {
        held.push(await this.open(port, target));
      } catch (error) {
        onFailure(error);
        held.push({ port, proxy: { port: port.hostPort, close: () => undefined } });
      }
    }
    return this.toPublication(held, target);
  }

  private toPublication(held: HeldPort[], target: PublishTarget): Publication {
    return {
      ports: held.map(({ port }) => port),
      forwards: held.flatMap(({ port }) => toForward(port, target)),
      close: () => this.release(held),
    };
  }

  /** One binding, on all its addresses with the same port: the first candidate that is free on each. */
  private async hold(
    binding: PortBinding,
    target: PublishTarget,
    previous: readonly PublishedPort[],
  ): Promise<readonly HeldPort[]> {
    let failure: unknown;
    for (const hostPort of candidatePorts(binding, previous)) {
      try {
        return await this.holdPort(binding, hostPort, target);
      } catch (error) {
        if (findErrno(error) !== 'EADDRINUSE') throw await this.explain(error, binding, hostPort);
        failure ??= await this.explain(error, binding, hostPort);
      }
    }
    throw failure;
  }

  private async holdPort(
    binding: PortBinding,
    hostPort: number,
    target: PublishTarget,
  ): Promise<readonly HeldPort[]> {
    const { containerPort, protocol } = binding;
    const held: HeldPort[] = [];
    try {
      for (const hostIp of addressesOf(binding)) {
        const port = {
          hostIp,
          hostPort: held[0]?.port.hostPort ?? hostPort,
          containerPort,
          protocol,
        };
        const opened = await this.open(port, target).catch((error: unknown) => {
          if (binding.hostIp === undefined && hostIp === EVERY_IPV6 && lacksIpv6(error)) return;
          throw error;
        });
        if (opened !== undefined) held.push(opened);
      }
      return held;
    } catch (error) {
      this.release(held);
      throw error;
    }
  }

  private async open(port: PublishedPort, target: PublishTarget): Promise<HeldPort> {
    const { hostIp, containerPort, protocol } = port;
    const fd = await this.openSocket({
      type: protocol,
      address: hostIp,
      port: port.hostPort,
    });
    const to = { address: formatAddress(target.address), port: containerPort };
    const proxy = await (protocol === 'tcp' ? openTcpProxy(fd, to) : openUdpProxy(fd, hostIp, to));
    const held = { port: { ...port, hostPort: proxy.port }, proxy };
    this.names.set(keyOf(held.port), target.containerName);
    return held;
  }

  private release(held: HeldPort[]): void {
    for (const { port, proxy } of held.splice(0)) {
      this.names.delete(keyOf(port));
      proxy.close();
    }
  }

  private async explain(error: unknown, binding: PortBinding, hostPort: number): Promise<unknown> {
    const address = binding.hostIp ?? EVERY_IPV4;
    const place = `${address.includes(':') ? `[${address}]` : address}:${hostPort}`;
    const failed = `cannot publish port ${binding.containerPort}/${binding.protocol}: Bind for ${place} failed`;
    const errno = findErrno(error);
    if (errno === 'EADDRINUSE') {
      const holder = await this.describeHolder(binding.protocol, hostPort);
      const whom = holder === undefined ? '' : `: ${holder} holds it`;
      return new OcupError('E_NETWORK_PORT_TAKEN', `${failed}: port is already allocated${whom}`, {
        hint: `Stop ${holder ?? 'what holds it'}, or publish another port than ${hostPort}.`,
        details: { hostPort, protocol: binding.protocol, holder },
        cause: error,
      });
    }
    const known = errno === undefined ? undefined : BIND_FAILURES[errno];
    if (known === undefined) return error;
    return new OcupError('E_NETWORK_ADDRESS', `${failed}: ${known.words}`, {
      hint: known.hint,
      cause: error,
    });
  }

  private async describeHolder(protocol: 'tcp' | 'udp', port: number): Promise<string | undefined> {
    for (const [key, name] of this.names) {
      if (key.startsWith(`${protocol} `) && key.endsWith(`:${port}`)) return `container ${name}`;
    }
    const holder = await findPortHolder(protocol, port);
    return holder === undefined ? undefined : `${holder.name} (pid ${holder.pid})`;
  }
}

function* candidatePorts(
  binding: PortBinding,
  previous: readonly PublishedPort[],
): Generator<number> {
  const { hostPort, containerPort, protocol } = binding;
  const before = previous.find(
    (port) => port.containerPort === containerPort && port.protocol === protocol,
  );
  if (hostPort === undefined) {
    if (before !== undefined) yield before.hostPort;
    // What the kernel picked for IPv4 may be taken for IPv6.
    for (let tries = 0; tries < RANDOM_TRIES; tries += 1) yield 0;
    return;
  }
  const last = binding.hostPortEnd ?? hostPort;
  if (before !== undefined && before.hostPort >= hostPort && before.hostPort <= last) {
    yield before.hostPort;
  }
  for (let port = hostPort; port <= last; port += 1) yield port;
}

function addressesOf(binding: PortBinding): readonly string[] {
  if (binding.hostIp === undefined) return [EVERY_IPV4, EVERY_IPV6];
  const address = findAddress(binding.hostIp.replace(/^\[(.*)\]$/, '$1'));
  if (address !== undefined) return [formatAddress(address)];
  throw new OcupError('E_NETWORK_ADDRESS', `invalid host address: ${binding.hostIp}`);
}

function toForward(port: PublishedPort, target: PublishTarget): readonly PortForward[] {
  const hostAddress = findAddress(port.hostIp);
  if (hostAddress?.family !== 4 || target.address.family !== 4) return [];
  return [
    {
      protocol: port.protocol,
      hostAddress: hostAddress.value === 0n ? undefined : hostAddress,
      hostPort: port.hostPort,
      target: target.address,
      targetPort: port.containerPort,
    },
  ];
}

function uniqueBindings(bindings: readonly PortBinding[]): readonly PortBinding[] {
  const byKey = new Map(bindings.map((binding) => [JSON.stringify(binding), binding]));
  return [...byKey.values()];
}

function keyOf(port: PublishedPort): string {
  return `${port.protocol} ${port.hostIp}:${port.hostPort}`;
}

function lacksIpv6(error: unknown): boolean {
  return ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(findErrno(error) ?? '');
}
