import { once } from 'node:events';
import { type Socket, connect, isIP } from 'node:net';

import { hostName } from './hosts.ts';

/** Where a connection is to lead. */
export interface SocksTarget {
  /** A name, which the proxy looks up, or an address. */
  readonly host: string;
  readonly port: number;
}

/** What a proxy said or did instead of connecting; `code` is that of the like failure without a proxy. */
export class SocksError extends Error {
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

const DEFAULT_PORT = 1080;
const VERSION = 5;
const NO_LOGIN = 0;
const PASSWORD_LOGIN = 2;
const CONNECT = 1;
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 4, 4: 16 };
const NAME = 3;
/** No answer is as long. */
const MAX_ANSWER_BYTES = 1024;
const NOT_SOCKS = 'it does not speak SOCKS version 5';
const REPLIES: Readonly<Record<number, readonly [message: string, code?: string]>> = {
  1: ['it cannot connect', 'ECONNABORTED'],
  2: ['its rules forbid the connection'],
  3: ['it has no way to that network', 'ENETUNREACH'],
  4: ['it cannot reach that host', 'EHOSTUNREACH'],
  5: ['that host refuses the connection', 'ECONNREFUSED'],
  6: ['it got no answer', 'ETIMEDOUT'],
};

/**
 * Opens a connection through a proxy of SOCKS version 5, with the user and password of its address. Names are left
 * to the proxy to look up.
 *
 * ```
 *   05 number methods                       ─▶
 *                                           ◀─  05 method
 *   01 length user length password          ─▶                          method 2 only
 *                                           ◀─  01 status
 *   05 01 00 kind address port              ─▶
 *                                           ◀─  05 reply 00 kind address port
 * ```
 * @throws SocksError, or what connecting to the proxy fails with
 * @see RFC 1928, RFC 1929
 */
export async function connectThroughSocks(
  proxy: URL,
  target: SocksTarget,
  timeoutMs: number,
): Promise<Socket> {
  const port = proxy.port === '' ? DEFAULT_PORT : Number(proxy.port);
  const socket = connect({ host: hostName(proxy.host), port });
  const peer = new Peer(socket);
  const timeout = (): void => void socket.destroy(new SocksError('it is silent', 'ETIMEDOUT'));
  const timer = setTimeout(timeout, timeoutMs);
  try {
    socket.setNoDelay(true).setKeepAlive(true, 60_000);
    await once(socket, 'connect');
    peer.listen();
    await logIn(peer, proxy);
    await ask(peer, target);
    peer.release();
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function logIn(peer: Peer, proxy: URL): Promise<void> {
  const [user, password] = [proxy.username, proxy.password].map((text) =>
    Buffer.from(decodeURIComponent(text)),
  ) as [Buffer, Buffer];
  const hasLogin = user.length > 0 || password.length > 0;
  const methods = hasLogin ? [NO_LOGIN, PASSWORD_LOGIN] : [NO_LOGIN];
  const [version, method] = await peer.ask([VERSION, methods.length, ...methods], 2);
  if (version !== VERSION) throw new SocksError(NOT_SOCKS);
  if (method === NO_LOGIN) return;
  if (method !== PASSWORD_LOGIN || !hasLogin) {
    throw new SocksError(hasLogin ? 'it takes no password' : 'it wants a user name and a password');
  }
  if (user.length > 255 || password.length > 255) {
    throw new SocksError('the user name or the password is longer than 255 bytes');
  }
  const login = [1, user.length, ...user, password.length, ...password];
  const [, status] = await peer.ask(login, 2);
  if (status !== 0) throw new SocksError('it does not take the user name and password');
}

async function ask(peer: Peer, { host, port }: SocksTarget): Promise<void> {
  const address = addressOf(host);
  const request = [VERSION, CONNECT, 0, ...address, port >> 8, port & 255];
  const [version, reply = 0, , kind = 0] = await peer.ask(request, 4);
  if (version !== VERSION) throw new SocksError(NOT_SOCKS);
  if (reply !== 0) {
    const [message, code] = REPLIES[reply] ?? [`it answers with code ${reply}`];
    throw new SocksError(message, code);
  }
  // Where it connects from is of no use, but stands before the server's bytes.
  const length = kind === NAME ? (await peer.take(1))[0] : ADDRESS_BYTES[kind];
  if (length === undefined) throw new SocksError(NOT_SOCKS);
  await peer.take(length + 2);
}

function addressOf(host: string): number[] {
  const family = isIP(host);
  if (family === 4) return [1, ...host.split('.').map(Number)];
  if (family === 6) return [4, ...ipv6Bytes(host)];
  const name = Buffer.from(host);
  if (name.length > 255) throw new SocksError('the name of the host is longer than 255 bytes');
  return [NAME, name.length, ...name];
}

function ipv6Bytes(address: string): number[] {
  // The parser of addresses writes it with at most one `::` and without dots.
  const plain = hostName(new URL(`http://[${address}]`).host);
  const [head = [], tail = []] = plain
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const gap = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...gap, ...tail].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

/** The proxy's end, until the connection is what was asked for. */
class Peer {
  private readonly socket: Socket;
  private held: Buffer = Buffer.alloc(0);
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', (error) => (this.failure ??= error));
    socket.once('close', () => {
      this.failure ??= new SocksError('it closes the connection', 'ECONNRESET');
      this.wake();
    });
  }

  /** Sends bytes, and takes `size` bytes of the answer. */
  async ask(bytes: readonly number[], size: number): Promise<Buffer> {
    this.socket.write(Buffer.from(bytes));
    return this.take(size);
  }

  async take(size: number): Promise<Buffer> {
    while (this.held.length < size) {
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((done) => (this.wake = done));
    }
    const taken = this.held.subarray(0, size);
    this.held = this.held.subarray(size);
    return taken;
  }

  listen(): void {
    this.socket.on('data', this.onData);
  }

  /** What has come since is for whoever reads next. */
  release(): void {
    this.socket.off('data', this.onData).pause();
    if (this.held.length > 0) this.socket.unshift(this.held);
  }

  private readonly onData = (chunk: Buffer): void => {
    this.held = Buffer.concat([this.held, chunk]);
    if (this.held.length > MAX_ANSWER_BYTES) this.socket.destroy(new SocksError(NOT_SOCKS));
    this.wake();
  };
}
