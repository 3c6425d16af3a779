import { lookup as lookupDns } from 'node:dns';
import { type LookupFunction } from 'node:net';
import type { Dispatcher, buildConnector } from 'undici';

import { toError } from '../../base/errors.ts';
import { type OwnTls, ownTls, trustedCertificates } from './certificates.ts';
import { hostName, isLoopback, isPrivateAddress } from './hosts.ts';
import { findProxy, isSocks } from './proxies.ts';
import { readDockerProxies } from './settings/docker-daemon.ts';
import { connectThroughSocks } from './socks.ts';

type Env = Readonly<Record<string, string | undefined>>;
type ConnectOptions = buildConnector.BuildOptions & { readonly timeout: number };

/** What a connection is for. */
export interface Target {
  readonly url: URL;
  /** Whether unverified certificates are accepted. */
  readonly isInsecure: boolean;
  /** Whether it must not lead to a private address. */
  readonly isBound: boolean;
  /** Instead of what is kept for this host on this machine. */
  readonly tls?: OwnTls | undefined;
}

/** Who carries a request, and the proxy on the way. */
export interface Way {
  readonly dispatcher: Dispatcher;
  readonly proxy: URL | undefined;
}

const CONNECT_TIMEOUT_MS = 30_000;
const CONNECTIONS_PER_HOST = 6;

/**
 * Connections that are kept for further requests: at most six a host, by the proxies of the environment and of Docker's
 * daemon, which loopback needs none of.
 */
export class Agents {
  private readonly known = new Map<string, Dispatcher>();
  private readonly env: Env;

  constructor(env: Env) {
    this.env = env;
  }

  /** @throws E_IMAGE_REGISTRY when a proxy's address cannot be used */
  async find(target: Target): Promise<Way> {
    const { url, isInsecure, isBound } = target;
    const proxy = await this.findProxy(url);
    const own = url.protocol === 'https:' ? (target.tls ?? ownTls(url.host)) : undefined;
    const key = JSON.stringify([url.protocol, isInsecure, isBound, proxy?.href, own]);
    const known = this.known.get(key);
    if (known !== undefined) return { dispatcher: known, proxy };
    const options = {
      timeout: CONNECT_TIMEOUT_MS,
      rejectUnauthorized: !isInsecure,
      ...(url.protocol === 'https:' && {
        ca: trustedCertificates(own?.authorities ?? [], this.env),
        cert: own?.certificate,
        key: own?.key,
      }),
      ...(isBound && { lookup: lookupPublic }),
    };
    const dispatcher = await this.create(url, proxy, options);
    this.known.set(key, dispatcher);
    return { dispatcher, proxy };
  }

  /** The proxy on the way to an address. @throws E_IMAGE_REGISTRY when it cannot be used */
  async findProxy(url: URL): Promise<URL | undefined> {
    if (isLoopback(hostName(url.host))) return undefined;
    return findProxy(url, this.env, await readDockerProxies(this.env));
  }

  async close(): Promise<void> {
    await Promise.all([...this.known.values()].map((agent) => agent.destroy()));
    this.known.clear();
  }

  private async create(
    { protocol }: URL,
    proxy: URL | undefined,
    options: ConnectOptions,
  ): Promise<Dispatcher> {
    // Loading it takes longer than all else at the supervisor's start, and most of its lives pull nothing.
    const { Agent, ProxyAgent, buildConnector } = await import('undici');
    const connections = CONNECTIONS_PER_HOST;
    if (proxy === undefined) return new Agent({ connections, connect: options });
    if (isSocks(proxy)) {
      const connect = socksConnector(proxy, options, buildConnector(options));
      return new Agent({ connections, connect });
    }
    if (protocol === 'http:' && proxy.protocol === 'http:') {
      // Many proxies open tunnels for TLS only.
      const { timeout } = options;
      return new Agent({ connections, connect: { timeout } }).compose(askProxy(proxy));
    }
    const authorization = authorizationFor(proxy);
    return new ProxyAgent({
      uri: proxy.origin,
      ...(authorization !== undefined && { token: authorization }),
      connections,
      requestTls: options,
      proxyTls: { ca: trustedCertificates([], this.env), timeout: CONNECT_TIMEOUT_MS },
    });
  }
}

/** Sends requests to the proxy with whole addresses. @see RFC 9112, section 3.2.2 */
function askProxy(proxy: URL): Dispatcher.DispatcherComposeInterceptor {
  const authorization = authorizationFor(proxy);
  return (dispatch) => (options, handler) => {
    const { host, origin } = new URL(String(options.origin));
    const headers = {
      ...(options.headers as Record<string, string>),
      host,
      ...(authorization !== undefined && { 'proxy-authorization': authorization }),
    };
    const path = `${origin}${options.path}`;
    return dispatch({ ...options, origin: proxy.origin, path, headers }, handler);
  };
}

/** The user and password of a proxy's address, as it wants to be told. */
function authorizationFor({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const joined = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(joined).toString('base64')}`;
}

/** Connects through the proxy; `secure` begins TLS on such a connection. */
function socksConnector(
  proxy: URL,
  { timeout }: ConnectOptions,
  secure: buildConnector.connector,
): buildConnector.connector {
  return (options, callback) => {
    const isPlain = options.protocol === 'http:';
    const port = options.port === '' ? (isPlain ? 80 : 443) : Number(options.port);
    connectThroughSocks(proxy, { host: options.hostname, port }, timeout).then(
      (httpSocket) => {
        if (isPlain) callback(null, httpSocket);
        else secure({ ...options, httpSocket }, callback);
      },
      (error: unknown) => callback(toError(error), null),
    );
  };
}

/** A public name that leads to a private address is refused like the address itself. */
const lookupPublic: LookupFunction = (name, options, callback) => {
  lookupDns(name, { ...options, all: true }, (error, addresses) => {
    const first = addresses.at(0);
    if (error !== null || first === undefined) {
      callback(error, '', 0);
    } else if (addresses.some(({ address }) => isPrivateAddress(address))) {
      callback(new Error(`${name} is at a private address`), '', 0);
    } else if (options.all === true) {
      callback(null, addresses);
    } else {
      callback(null, first.address, first.family);
    }
  });
};
