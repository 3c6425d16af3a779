import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { takeDescriptor } from './take-descriptor.ts';
import type { PortProxy, ProxyTarget } from './tcp-proxy.ts';

/** A sender that is silent for so long is forgotten, as conntrack forgets an assured UDP flow. */
const IDLE_MS = 120_000;
const MAX_FLOWS = 1024;

interface Flow {
  readonly upstream: Socket;
  readonly timer: NodeJS.Timeout;
  readonly send: (message: Buffer) => void;
}

/**
 * Forwards datagrams that reach the bound socket `fd`, which it owns from now on, and their answers. Each
 * sender has a socket of its own towards the target; when there are too many the oldest goes.
 */
export async function openUdpProxy(
  fd: number,
  hostAddress: string,
  target: ProxyTarget,
): Promise<PortProxy> {
  const socket = createSocket({ type: isIPv6(hostAddress) ? 'udp6' : 'udp4' });
  const flows = new Map<string, Flow>();
  await takeDescriptor(socket, fd, () => socket.bind({ fd }));
  // An answer that nobody waits for comes back as an error of the socket.
  socket.on('error', () => undefined);
  socket.on('message', (message, from) => {
    const flow = ensureFlow(flows, socket, from, target);
    flow.timer.refresh();
    flow.send(message);
  });
  let isClosed = false;
  return {
    port: socket.address().port,
    close: () => {
      if (!isClosed) socket.close();
      isClosed = true;
      for (const key of flows.keys()) closeFlow(flows, key);
    },
  };
}

function ensureFlow(
  flows: Map<string, Flow>,
  socket: Socket,
  from: RemoteInfo,
  target: ProxyTarget,
): Flow {
  const key = `${from.address} ${from.port}`;
  const known = flows.get(key);
  if (known !== undefined) return known;
  const [oldest] = flows.keys();
  if (flows.size >= MAX_FLOWS && oldest !== undefined) closeFlow(flows, oldest);

  const upstream = createSocket('udp4');
  upstream.on('error', () => closeFlow(flows, key));
  upstream.on('message', (answer) => {
    flows.get(key)?.timer.refresh();
    socket.send(answer, from.port, from.address, () => undefined);
  });
  upstream.connect(target.port, target.address);
  let isConnected = false;
  upstream.once('connect', () => (isConnected = true));
  const flow: Flow = {
    upstream,
    timer: setTimeout(() => closeFlow(flows, key), IDLE_MS).unref(),
    send: (message) => {
      if (isConnected) upstream.send(message);
      else upstream.once('connect', () => upstream.send(message));
    },
  };
  flows.set(key, flow);
  return flow;
}

function closeFlow(flows: Map<string, Flow>, key: string): void {
  const flow = flows.get(key);
  if (flow === undefined) return;
  flows.delete(key);
  clearTimeout(flow.timer);
  flow.upstream.close();
}
