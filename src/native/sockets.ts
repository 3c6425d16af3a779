import { loadAddon } from './addon.ts';

export interface SocketRequest {
  readonly type: 'tcp' | 'udp';
  /** A literal IPv4 or IPv6 address; an IPv6 socket takes IPv6 only. */
  readonly address: string;
  /** 0: the kernel picks one. */
  readonly port: number;
}

/** A socket for `NetlinkSocket`. */
export interface NetlinkRequest {
  readonly type: 'netlink';
  /** One of `NETLINK`. */
  readonly protocol: number;
  /** As `encodeMessages` makes them; they are sent, and must succeed, before the next socket is opened. */
  readonly messages: Buffer;
  readonly count: number;
}

/**
 * Opens sockets in the network namespace of process `pid` (undefined: this process's own), in order: each bound to its
 * address, and listening for TCP. The caller owns the descriptors: `net.Server.listen({ fd })`,
 * `dgram.Socket.bind({ fd })`. None is left open when one fails.
 *
 * @throws the system error, such as `EADDRINUSE` or `EADDRNOTAVAIL` with syscall `bind`
 */
export function openSocketsInNamespace(
  pid: number | undefined,
  requests: readonly (SocketRequest | NetlinkRequest)[],
): Promise<readonly number[]> {
  return loadAddon().openSockets(
    pid ?? 0,
    requests.map((request) =>
      request.type === 'netlink'
        ? [request.type, request.protocol, request.messages, request.count]
        : [request.type, request.port, request.address],
    ),
  );
}

/**
 * Connects to a TCP port inside the network namespace of process `pid` and hands over the descriptor, which the caller
 * then owns. `address` is a literal one.
 *
 * @throws the system error, such as `ECONNREFUSED`, or `ETIMEDOUT` after a second
 */
export function connectInNamespace(request: {
  readonly pid: number;
  readonly address: string;
  readonly port: number;
}): Promise<number> {
  return loadAddon().connectSocket(request.pid, request.address, request.port);
}
