import { randomInt } from 'node:crypto';
import { type Socket, createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { connect, isIP, isIPv6 } from 'node:net';

import { RCODE } from './dns-message.ts';

const DNS_PORT = 53;
/** A resolver in a container gives up after 5 s; it should hear our "failed" before. */
const TOTAL_MS = 4500;
const ATTEMPT_MS = 1500;
const ROUNDS = 2;
const HEADER_BYTES = 12;
const REFUSED = 5;

/** The resolvers in the text of a resolv.conf, in order. @see man 5 resolv.conf */
export function parseNameservers(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    return address !== undefined && isIP(address) !== 0 ? [address] : [];
  });
}

/** The resolvers that this machine uses now; none where it has none. */
export async function readHostNameservers(): Promise<readonly string[]> {
  return parseNameservers(await readFile('/etc/resolv.conf', 'utf8').catch(() => ''));
}

/**
 * Asks the servers in turn, twice at most, and gives the first useful answer, else the last one at all;
 * undefined when none answered in time. The answer carries the query's id.
 */
export async function forwardQuery(
  query: Buffer,
  servers: readonly string[],
  transport: 'udp' | 'tcp',
): Promise<Buffer | undefined> {
  const deadline = performance.now() + TOTAL_MS;
  let last: Buffer | undefined;
  for (let attempt = 0; attempt < servers.length * ROUNDS; attempt += 1) {
    const server = servers[attempt % servers.length] ?? '';
    const leftMs = Math.min(deadline - performance.now(), ATTEMPT_MS);
    if (leftMs <= 0) break;
    const answer = await (transport === 'udp' ? askByUdp : askByTcp)(query, server, leftMs);
    if (answer !== undefined && !isServersFailure(answer)) return answer;
    last = answer ?? last;
  }
  return last;
}

/** One question to one server on a port of its own, so that answers cannot be guessed. */
function askByUdp(query: Buffer, server: string, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket: Socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
    const sent = withId(query, randomInt(0x10000));
    const finish = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message');
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), timeoutMs);
    socket.once('error', () => finish(undefined));
    socket.on('message', (answer) => {
      if (isAnswerTo(sent, answer)) finish(withId(answer, query.readUInt16BE(0)));
    });
    // A connected socket hears from this server only, and of a port that nobody listens on at once.
    socket.once('connect', () => socket.send(sent));
    socket.connect(DNS_PORT, server);
  });
}

function askByTcp(query: Buffer, server: string, timeoutMs: number): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = connect(DNS_PORT, server);
    const finish = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), timeoutMs);
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = received.subarray(2, 2 + received.readUInt16BE(0));
      finish(isAnswerTo(query, answer) ? answer : undefined);
    });
    socket.write(frameMessage(query));
  });
}

/** A message with its length before it, as TCP carries it. @see RFC 1035 4.2.2 */
export function frameMessage(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id);
  return copy;
}

function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  return (
    answer.length >= HEADER_BYTES &&
    answer.readUInt16BE(0) === query.readUInt16BE(0) &&
    (answer.readUInt16BE(2) & 0x8000) !== 0
  );
}

function isServersFailure(answer: Buffer): boolean {
  const rcode = answer.readUInt16BE(2) & 0xf;
  return rcode === RCODE.serverFailure || rcode === REFUSED;
}
