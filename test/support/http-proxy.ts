import { readFileSync } from 'node:fs';
import { type IncomingMessage, createServer, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, type Socket, connect } from 'node:net';
import type { Certificate } from './certificate.ts';

export interface HttpProxy {
  readonly port: number;
  /** `METHOD address` of each request. */
  readonly asked: string[];
  /** What `Proxy-Authorization` said, empty where it was missing. */
  readonly credentials: string[];
  stop(): Promise<void>;
}

export interface HttpProxyOptions {
  /** It answers with this only. */
  readonly status?: number;
  /** It speaks TLS. */
  readonly tls?: Certificate;
}

/** A proxy of HTTP on loopback that leads to one port whatever it is asked for, and notes what that was. */
export async function startProxy(
  port: number,
  { status, tls }: HttpProxyOptions = {},
): Promise<HttpProxy> {
  const asked: string[] = [];
  const credentials: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  };
  const note = ({ method = '', url = '', headers }: IncomingMessage): void => {
    asked.push(`${method} ${url}`);
    credentials.push(headers['proxy-authorization'] ?? '');
  };
  const server = (tls === undefined ? createServer() : createTlsServer(filesOf(tls))).on(
    'request',
    (message, response) => {
      note(message);
      if (status !== undefined) {
        response.writeHead(status).end();
        return;
      }
      const { pathname, search } = new URL(message.url ?? '');
      const { method, headers } = message;
      request({ port, method, path: pathname + search, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      }).end();
    },
  );
  server.on('connection', keep);
  server.on('connect', (message, client: Socket, head) => {
    note(message);
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    keep(upstream);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    credentials,
    stop: () =>
      new Promise((done) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => done());
      }),
  };
}

function filesOf({ certificate, key }: Certificate): {
  readonly cert: Buffer;
  readonly key: Buffer;
} {
  return { cert: readFileSync(certificate), key: readFileSync(key) };
}
