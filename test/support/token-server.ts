import { X509Certificate, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Certificate, makeCertificate } from './certificate.ts';

export interface TokenUser {
  readonly name: string;
  readonly password: string;
  /** Repositories that may be written to. */
  readonly pushes: readonly string[];
}

/** What was granted: `ann repository:team/app:pull,push`; nobody has no name. */
export type Grant = string;

/**
 * A token server on loopback that `docker-registry` believes: it knows users, lets everybody pull what is below `open/`,
 * its users pull all, and push where they may.
 */
export class TokenServer {
  readonly service = 'registry.test';
  readonly issuer = 'tokens.test';
  readonly grants: Grant[] = [];
  readonly certificate: Certificate;
  private readonly users: readonly TokenUser[];
  private readonly server = createServer((request, response) => this.serve(request, response));

  private constructor(certificate: Certificate, users: readonly TokenUser[]) {
    this.certificate = certificate;
    this.users = users;
  }

  /** Its certificate is made in `folder`. */
  static async start(folder: string, users: readonly TokenUser[]): Promise<TokenServer> {
    const tokens = new TokenServer(makeCertificate(folder, ['DNS:tokens.test']), users);
    await new Promise<void>((done) => tokens.server.listen(0, '127.0.0.1', done));
    return tokens;
  }

  get realm(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/token`;
  }

  stop(): Promise<void> {
    return new Promise((done) => {
      this.server.close(() => done());
      this.server.closeAllConnections();
    });
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.realm);
    const [name = '', password] = loginOf(request);
    const user = this.users.find((one) => one.name === name && one.password === password);
    if (request.method !== 'GET') {
      response.writeHead(405).end();
      return;
    }
    if (password !== undefined && user === undefined) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ details: 'incorrect username or password' }));
      return;
    }
    const scopes = url.searchParams.getAll('scope').flatMap((text) => text.split(' '));
    const access = scopes.map((scope) => grant(scope, user));
    for (const { type, name: repository, actions } of access) {
      this.grants.push(`${name} ${type}:${repository}:${actions.join(',')}`);
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ token: this.sign(name, access), expires_in: 60 }));
  }

  /** A JSON web token of RFC 7519. */
  private sign(subject: string, access: readonly Access[]): string {
    const [pem, key] = [this.certificate.certificate, this.certificate.key].map((path) =>
      readFileSync(path),
    ) as [Buffer, Buffer];
    const now = Math.floor(Date.now() / 1000);
    const header = {
      typ: 'JWT',
      alg: 'ES256',
      x5c: [new X509Certificate(pem).raw.toString('base64')],
    };
    const claims = {
      iss: this.issuer,
      sub: subject,
      aud: this.service,
      iat: now,
      nbf: now - 10,
      exp: now + 60,
      jti: randomUUID(),
      access,
    };
    const text = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }
}

interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

function grant(scope: string, user: TokenUser | undefined): Access {
  const [type = '', name = '', actions = ''] = scope.split(':');
  const mayPull = user !== undefined || name.startsWith('open/');
  const mayPush = user?.pushes.includes(name) ?? false;
  const granted = actions
    .split(',')
    .filter((action) => (action === 'pull' && mayPull) || (action === 'push' && mayPush));
  return { type, name, actions: granted };
}

function loginOf({ headers }: IncomingMessage): string[] {
  const encoded = /^Basic (.*)$/.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return [];
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
}
