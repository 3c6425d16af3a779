import { loadAddon } from './addon.ts';

export interface SocketRequest {
  /** Whose network namespace; undefined: this process's own. */
  readonly pid: number | undefined;
  readonly type: 'tcp' | 'udp';
  /** A literal IPv4 or IPv6 address; an IPv6 socket takes IPv6 only. */
  readonly address: string;
  /** 0: the kernel picks one. */
  readonly port: number;
}

/**
 * Opens a socket bound to an address of a network namespace (and listening, for TCP) and hands over its
 * descriptor, which the caller then owns: `net.Server.listen({ fd })`, `dgram.Socket.bind({ fd })`.
 *
 * @throws the system error, such as `EADDRINUSE` or `EADDRNOTAVAIL` with syscall `bind`
 */
export function openSocketInNamespace(request: SocketRequest): Promise<number> {
  return loadAddon().openSocket(request.pid ?? 0, request.type, request.address, request.port);
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
