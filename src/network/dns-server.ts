import { type RemoteInfo, type Socket as UdpSocket, createSocket } from 'node:dgram';
import { type Server, type Socket, createServer } from 'node:net';

import type { SocketRequest } from '../native/sockets.ts';
import { forwardQuery, frameMessage, readHostNameservers } from './dns-forward.ts';
import { type DnsAsker, lookUp } from './dns-lookup.ts';
import { RCODE, formatAnswer, parseQuery, refuse } from './dns-message.ts';
import type { NameBook } from './name-book.ts';
import { takeDescriptor } from './take-descriptor.ts';

/** Where a container's resolv.conf points. */
export const DNS_ADDRESS = '127.0.0.11';

const DNS_PORT = 53;
const MAX_FORWARDED = 256;
const MAX_CONNECTIONS = 64;
const IDLE_CONNECTION_MS = 10_000;

/** What a server listens on, to be opened in the container's network namespace once loopback is up. */
export const DNS_SOCKETS: readonly SocketRequest[] = (['udp', 'tcp'] as const).map((type) => ({
  type,
  address: DNS_ADDRESS,
  port: DNS_PORT,
}));

export interface DnsServerOptions extends DnsAsker {
  readonly book: NameBook;
  /** Resolvers for what we do not know; none: the host's. */
  readonly servers: readonly string[];
}

/** Answers the DNS questions of one container, on sockets inside its network namespace. */
export class DnsServer {
  private readonly options: DnsServerOptions;
  private udp: UdpSocket | undefined;
  private tcp: Server | undefined;
  private readonly connections = new Set<Socket>();
  private forwarded = 0;

  private constructor(options: DnsServerOptions) {
    this.options = options;
  }

  /** Takes over the descriptors of `DNS_SOCKETS`, and closes them when it fails. @throws the system error */
  static async open(descriptors: readonly number[], options: DnsServerOptions): Promise<DnsServer> {
    const server = new DnsServer(options);
    const [udp = -1, tcp = -1] = descriptors;
    const listening = await Promise.allSettled([server.listenUdp(udp), server.listenTcp(tcp)]);
    const failed = listening.find((result) => result.status === 'rejected');
    if (failed === undefined) return server;
    server.close();
    throw failed.reason;
  }

  /** Ends all sockets; may be called again. */
  close(): void {
    this.udp?.close();
    this.udp = undefined;
    this.tcp?.close();
    this.tcp = undefined;
    for (const connection of this.connections) connection.destroy();
  }

  private async listenUdp(fd: number): Promise<void> {
    const socket = createSocket('udp4');
    this.udp = socket;
    socket.on('message', (message, from) => void this.answerUdp(message, from));
    await takeDescriptor(socket, fd, () => socket.bind({ fd }));
    // An answer that nobody waits for any more comes back as an error of the socket.
    socket.on('error', () => undefined);
  }

  private async listenTcp(fd: number): Promise<void> {
    const server = createServer((connection) => this.serve(connection));
    this.tcp = server;
    server.maxConnections = MAX_CONNECTIONS;
    await takeDescriptor(server, fd, () => server.listen({ fd }));
    server.on('error', () => undefined);
  }

  private async answerUdp(message: Buffer, from: RemoteInfo): Promise<void> {
    const answer = await this.answer(message, 'udp');
    if (answer !== undefined) this.udp?.send(answer, from.port, from.address, () => undefined);
  }

  private serve(connection: Socket): void {
    let received = Buffer.alloc(0);
    this.connections.add(connection);
    connection.setTimeout(IDLE_CONNECTION_MS, () => connection.destroy());
    connection.on('error', () => connection.destroy());
    connection.on('close', () => this.connections.delete(connection));
    connection.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        void this.answerTcp(received.subarray(2, end), connection);
        received = received.subarray(end);
      }
    });
  }

  private async answerTcp(message: Buffer, connection: Socket): Promise<void> {
    const answer = await this.answer(message, 'tcp');
    if (answer === undefined) connection.destroy();
    else if (connection.writable) connection.write(frameMessage(answer));
  }

  private async answer(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const query = parseQuery(message);
    if (query === undefined) return undefined;
    if ('refusal' in query) return query.refusal;
    const known = lookUp(this.options.book, this.options, query.question);
    if (known !== undefined) return formatAnswer(query, known, transport);
    return (await this.forward(message, transport)) ?? refuse(message, RCODE.serverFailure);
  }

  private async forward(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    if (this.forwarded >= MAX_FORWARDED) return undefined;
    this.forwarded += 1;
    try {
      const { servers } = this.options;
      const asked = servers.length > 0 ? servers : await readHostNameservers();
      return await forwardQuery(message, asked, transport);
    } finally {
      this.forwarded -= 1;
    }
  }
}
