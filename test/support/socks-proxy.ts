import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export interface SocksOptions {
  /** Only this user gets in. */
  readonly login?: { readonly user: string; readonly password: string };
  /** What every request is answered with instead of being connected. */
  readonly reply?: number;
}

/** A proxy of SOCKS 5 on loopback that leads to one port, whatever it is asked for, and notes what that was. */
export class SocksProxy {
  readonly asked: string[] = [];
  private readonly target: number;
  private readonly options: SocksOptions;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => {
    this.keep(client);
    this.serve(client).catch(() => client.destroy());
  });

  private constructor(target: number, options: SocksOptions) {
    this.target = target;
    this.options = options;
  }

  static async start(target: number, options: SocksOptions = {}): Promise<SocksProxy> {
    const proxy = new SocksProxy(target, options);
    await new Promise<void>((done) => proxy.server.listen(0, '127.0.0.1', done));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.sockets.size;
  }

  stop(): Promise<void> {
    return new Promise((done) => {
      this.server.close(() => done());
      for (const socket of this.sockets) socket.destroy();
    });
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => this.sockets.delete(socket));
  }

  private async serve(client: Socket): Promise<void> {
    const { login, reply } = this.options;
    const [, count = 0] = await take(client, 2);
    const methods = await take(client, count);
    const method = login === undefined ? 0 : 2;
    if (!methods.includes(method)) {
      client.end(Buffer.from([5, 255]));
      return;
    }
    await write(client, [5, method]);
    if (login !== undefined) {
      const [, userLength = 0] = await take(client, 2);
      const user = (await take(client, userLength)).toString();
      const [passwordLength = 0] = await take(client, 1);
      const password = (await take(client, passwordLength)).toString();
      const isRight = user === login.user && password === login.password;
      await write(client, [1, isRight ? 0 : 1]);
      if (!isRight) {
        client.end();
        return;
      }
    }
    const [, , , kind = 0] = await take(client, 4);
    const host = await takeHost(client, kind);
    const port = (await take(client, 2)).readUInt16BE();
    this.asked.push(`${host}:${port}`);
    if (reply !== undefined) {
      client.end(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]));
      return;
    }
    const upstream = connect(this.target, '127.0.0.1');
    this.keep(upstream);
    await once(upstream, 'connect');
    // The longest form of an address there is, to see that all of it is read.
    await write(client, [5, 0, 0, 3, 9, ...Buffer.from('somewhere'), 4, 56]);
    client.pipe(upstream).pipe(client);
  }
}

async function takeHost(client: Socket, kind: number): Promise<string> {
  if (kind === 1) return (await take(client, 4)).join('.');
  if (kind === 4) return (await take(client, 16)).toString('hex');
  const [length = 0] = await take(client, 1);
  return (await take(client, length)).toString();
}

/** Waits for bytes without taking more than these. */
async function take(socket: Socket, size: number): Promise<Buffer> {
  const bytes: number[] = [];
  while (bytes.length < size) {
    const byte = socket.read(1) as Buffer | null;
    if (byte !== null) bytes.push(...byte);
    else if (socket.destroyed || socket.readableEnded) throw new Error('the client has gone');
    else await once(socket, 'readable');
  }
  return Buffer.from(bytes);
}

/** Byte by byte, as a network may. */
async function write(socket: Socket, bytes: readonly number[]): Promise<void> {
  for (const byte of bytes) {
    await new Promise((done) => socket.write(Buffer.from([byte]), done));
  }
}
