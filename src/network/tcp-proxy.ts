import { type Server, type Socket, connect, createServer } from 'node:net';

import { takeDescriptor } from './take-descriptor.ts';

/** Where a published port leads. */
export interface ProxyTarget {
  readonly address: string;
  readonly port: number;
}

/** Holds a published port and forwards what reaches it. */
export interface PortProxy {
  /** The port it got, also where the kernel picked one. */
  readonly port: number;
  /** Ends the socket and all that goes through it; may be called again. */
  close(): void;
}

/**
 * Forwards connections that reach the listening socket `fd`, which it owns from now on. Each side may finish
 * sending before the other; a side that reads slowly slows the other down.
 */
export async function openTcpProxy(fd: number, target: ProxyTarget): Promise<PortProxy> {
  const open = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    forwardConnection(client, target, open);
  });
  await takeDescriptor(server, fd, () => server.listen({ fd }));
  // What fails later is a connection that could not be accepted: the port is held on.
  server.on('error', () => undefined);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

function forwardConnection(client: Socket, target: ProxyTarget, open: Set<Socket>): void {
  const upstream = connect({
    host: target.address,
    port: target.port,
    allowHalfOpen: true,
    noDelay: true,
  });
  client.setNoDelay(true);
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    open.add(socket);
    socket.on('error', () => other.resetAndDestroy());
    socket.on('close', () => {
      open.delete(socket);
      // After an orderly end both are closed already, and what is still to be written goes out first.
      if (!other.destroyed && !other.writableEnded) other.destroy();
    });
  }
  upstream.once('connect', () => {
    client.pipe(upstream);
    upstream.pipe(client);
  });
}
