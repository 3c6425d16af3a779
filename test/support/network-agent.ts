// Runs inside a network namespace of a test and does there what it is asked to by messages.
// Bundled and started by network-lab.ts.
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { closeSync, readFileSync } from 'node:fs';
import { type Server, connect, createServer } from 'node:net';

import { type Networks, openNetworks } from '../../src/network/networks.ts';
import { Links, loopbackRequest } from '../../src/native/links.ts';
import { openSocketsInNamespace } from '../../src/native/sockets.ts';
import { runNftCommands } from '../../src/native/firewall.ts';

let networks: Networks | undefined;
const resources: { close(): unknown }[] = [];
const logged: string[] = [];
const log = (message: string): void => void logged.push(message);

const handlers = {
  async loopbackUp() {
    const [fd = -1] = await openSocketsInNamespace(undefined, [loopbackRequest()]);
    closeSync(fd);
  },

  async open(dataDir: string) {
    networks = await openNetworks({ dataDir, logger: { info: log, warn: log, error: log } });
  },
  /** A method of the networks that are open. */
  async networks(method: keyof Networks, ...args: never[]) {
    const result: unknown = await (networks![method] as (...args: never[]) => unknown)(...args);
    return result;
  },
  logged: () => logged,

  async linkNames() {
    using links = await Links.open();
    return (await links.list()).map((link) => link.name).sort();
  },
  ruleset: () => runNftCommands('list ruleset'),
  nft: (commands: string) => runNftCommands(commands),
  readFile: (path: string) => readFileSync(path, 'utf8'),

  /** Answers each connection: `NAME <what came before the peer's end> from <peer>`. */
  serveTcp(port: number, name: string, host = '0.0.0.0') {
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: Buffer[] = [];
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('end', () => {
        const text = Buffer.concat(chunks);
        const said = text.length > 1000 ? `${text.length} bytes` : text.toString();
        socket.end(`${name} ${said} from ${socket.remoteAddress}`);
      });
    });
    resources.push(server);
    return new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host }, () => resolve((server.address() as { port: number }).port));
    });
  },
  /** Says `text`, ends, and gives the whole answer. */
  askTcp(host: string, port: number, text: string, timeoutMs = 3000) {
    return new Promise<string>((resolve, reject) => {
      const socket = connect({ host, port, allowHalfOpen: true });
      let answer = '';
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error('timeout')));
      socket.on('connect', () => socket.end(text));
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
    });
  },
  serveUdp(port: number, name: string) {
    const socket = createSocket('udp4');
    resources.push(socket);
    socket.on('message', (message, from) => {
      socket.send(`${name} ${message.toString()} from ${from.address}`, from.port, from.address);
    });
    return new Promise<void>((resolve) => socket.bind(port, '0.0.0.0', resolve));
  },
  askUdp(host: string, port: number, text: string, timeoutMs = 1500) {
    return new Promise<string>((resolve, reject) => {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      const timer = setTimeout(() => finish(new Error('timeout')), timeoutMs);
      const finish = (result: Error | string): void => {
        clearTimeout(timer);
        socket.close();
        if (typeof result === 'string') resolve(result);
        else reject(result);
      };
      socket.on('error', finish);
      socket.on('message', (message) => finish(message.toString()));
      socket.send(text, port, host);
    });
  },
  /** Asks by UDP from a fixed port, as a sender does that keeps its socket. */
  askUdpFrom(localPort: number, host: string, port: number, timeoutMs = 1500) {
    return new Promise<string>((resolve, reject) => {
      const socket = createSocket('udp4');
      const timer = setTimeout(() => {
        socket.close();
        reject(new Error('timeout'));
      }, timeoutMs);
      socket.on('message', (message) => {
        clearTimeout(timer);
        socket.close();
        resolve(message.toString());
      });
      socket.bind(localPort, () => socket.send('hi', port, host));
    });
  },
  /** The records for a name as a stub resolver sees them, or the error's code. */
  async resolve(name: string, type = 'A', server = '127.0.0.11') {
    const resolver = new Resolver({ timeout: 3000, tries: 1 });
    resolver.setServers([server]);
    try {
      return type === 'PTR' ? await resolver.reverse(name) : await resolver.resolve(name, type);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  },
  /** Sends raw bytes to a DNS server by UDP or TCP and gives the raw answer, both in hex. */
  async askDns(hex: string, transport: 'udp' | 'tcp', server = '127.0.0.11') {
    const query = Buffer.from(hex, 'hex');
    if (transport === 'udp') {
      const socket = createSocket('udp4');
      const answer = await new Promise<Buffer>((resolve) => {
        socket.on('message', resolve);
        socket.send(query, 53, server);
      });
      socket.close();
      return answer.toString('hex');
    }
    const socket = connect(53, server);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    const answer = await new Promise<Buffer>((resolve) => {
      let received = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          resolve(received.subarray(2));
        }
      });
    });
    socket.destroy();
    return answer.toString('hex');
  },
  /** A DNS server on 127.0.0.1:53 of this namespace that answers every question by `answers[name]`. */
  async serveDns(answers: Record<string, string>) {
    const { decode, encode } = await import('dns-packet');
    const reply = (message: Buffer, transport: 'udp' | 'tcp'): Buffer => {
      const query = decode(message);
      const question = query.questions![0]!;
      const data = answers[question.name];
      const isLong = data === 'LONG' && transport === 'tcp';
      return encode({
        type: 'response',
        id: query.id,
        flags: data === undefined ? 0x0183 : data === 'LONG' && !isLong ? 0x0380 : 0x0180,
        questions: query.questions!,
        answers:
          data === undefined || data === 'LONG'
            ? Array.from({ length: isLong ? 100 : 0 }, (_, i) => ({
                type: 'A' as const,
                name: question.name,
                ttl: 1,
                data: `10.9.8.${i}`,
              }))
            : [{ type: 'A', name: question.name, ttl: 60, data }],
      });
    };
    const udp = createSocket('udp4');
    udp.on('message', (message, from) => {
      udp.send(reply(message, 'udp'), from.port, from.address);
    });
    const tcp = createServer((socket) => {
      socket.on('data', (chunk) => {
        const answer = reply(chunk.subarray(2), 'tcp');
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.end(Buffer.concat([length, answer]));
      });
    });
    resources.push(udp, tcp);
    await new Promise<void>((resolve) => udp.bind(53, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => tcp.listen(53, '127.0.0.1', resolve));
  },
};

export type AgentMethods = typeof handlers;

interface Call {
  readonly id: number;
  readonly method: keyof AgentMethods;
  readonly args: never[];
}

async function answer(call: Call): Promise<object> {
  try {
    const result: unknown = await (handlers[call.method] as (...args: never[]) => unknown)(
      ...call.args,
    );
    return { id: call.id, result };
  } catch (error) {
    const { name, message, code, hint } = error as Error & { code?: string; hint?: string };
    return { id: call.id, error: { name, message, code, hint } };
  }
}

process.on('message', (call: Call) => void answer(call).then((reply) => process.send!(reply)));
process.on('disconnect', () => process.exit(0));
