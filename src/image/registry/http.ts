import { lookup as lookupAddresses } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';

import { throwIfAborted } from '../../base/abort.ts';
import { OcupError, isOcupError, messageOf } from '../../base/errors.ts';
import { Agents } from './agents.ts';
import type { OwnTls } from './certificates.ts';
import { hostName, isPrivateAddress } from './hosts.ts';
import { redactUrl, secretsOf } from './redact.ts';
import { TransientError, findErrorCode, isTransientCode } from './retry.ts';
import { SocksError } from './socks.ts';

export interface HttpRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly headers: Readonly<Record<string, string>>;
  /** A stream can be sent once: the answer to it is not followed elsewhere. */
  readonly body?: string | Buffer | Readable;
  /** Whether plain HTTP and unverified certificates are accepted from this host. */
  readonly isInsecure: boolean;
  /** Instead of what is kept for this host on this machine. */
  readonly tls?: OwnTls | undefined;
  /** Who named the address, if not the user: it is then held to the rules of a redirect from there. */
  readonly namedBy?: URL;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; several values of one name stay apart. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Must be read to its end or destroyed. */
  readonly body: Readable;
  /** What the request held that the answer may repeat, and nobody else may. */
  readonly secrets: readonly string[];
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

const MAX_REDIRECTS = 10;
const IDLE_TIMEOUT_MS = 60_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const UPLOADS: ReadonlySet<string> = new Set(['PUT', 'PATCH']);
const PROXY_DENIES = 'it wants a user name and password, or others';
/** Meant for the host that was asked, and for no other. */
const SECRET_HEADERS = ['authorization', 'cookie'];

/**
 * HTTP as a registry client needs it: at most six connections a host, limits on silence, proxies of the
 * environment, and redirects that neither carry credentials to another host, nor leave HTTPS, nor lead from a
 * public host to a private address.
 */
export class Http {
  private readonly agents: Agents;
  private readonly idleTimeoutMs: number;

  constructor(env: Readonly<Record<string, string | undefined>>, idleTimeoutMs = IDLE_TIMEOUT_MS) {
    this.agents = new Agents(env);
    this.idleTimeoutMs = idleTimeoutMs;
  }

  /** @throws TransientError, E_IMAGE_REGISTRY, E_CANCELLED */
  async send(first: HttpRequest): Promise<HttpResponse> {
    let current = first;
    let from = first.namedBy;
    let isPublic: Promise<boolean> | undefined;
    for (let redirects = 0; ; redirects += 1) {
      // Whoever the user trusts may be anywhere, and may lead anywhere on networks of its own kind.
      if (from !== undefined) isPublic ??= this.isPublic(first);
      const isBound = (await isPublic) ?? false;
      if (isBound && from !== undefined) checkPublic(current.url, from);
      const response = await this.sendOne(current, isBound);
      const location = header(response, 'location');
      const isFollowed = REDIRECTS.has(response.status) && !UPLOADS.has(current.method);
      if (!isFollowed || location === undefined) return response;
      response.body.destroy();
      if (redirects === MAX_REDIRECTS) throw refused(first.url, 'it redirects in circles');
      from = current.url;
      current = follow(current, location);
    }
  }

  close(): Promise<void> {
    return this.agents.close();
  }

  /** Whether the host that an address is of, or was named by, is of the public internet. */
  private async isPublic({ url, namedBy, isInsecure }: HttpRequest): Promise<boolean> {
    const origin = namedBy ?? url;
    const name = hostName(origin.host);
    if (isInsecure || isPrivateAddress(name)) return false;
    if (isIP(name) !== 0 || (await this.agents.findProxy(origin)) !== undefined) return true;
    const addresses = await lookupAddresses(name, { all: true }).catch(() => []);
    return !(addresses.length > 0 && addresses.every(({ address }) => isPrivateAddress(address)));
  }

  private async sendOne(message: HttpRequest, isBound: boolean): Promise<HttpResponse> {
    const { url, method, headers, body = null, signal } = message;
    throwIfAborted(signal);
    // Loading it takes longer than all else at the supervisor's start, and most of its lives pull nothing.
    const { request } = await import('undici');
    const { dispatcher, proxy } = await this.agents.find({ ...message, isBound });
    try {
      const response = await request(url, {
        method,
        headers: { 'user-agent': 'ocup', 'accept-encoding': 'identity', ...headers },
        body,
        signal,
        dispatcher,
        headersTimeout: this.idleTimeoutMs,
        bodyTimeout: this.idleTimeoutMs,
        reset: false, // else HEAD would cost the connection
      });
      // A body that nobody reads to its end is destroyed, which it tells as an error; who reads it hears it too.
      response.body.on('error', () => undefined);
      const secrets = secretsOf(url, findHeader(headers, 'authorization'), body);
      const { statusCode: status, headers: answered } = response;
      if (status === 407 && proxy !== undefined) {
        response.body.destroy();
        throw new Error(PROXY_DENIES);
      }
      return { status, headers: answered, body: response.body, url, secrets };
    } catch (error) {
      throw connectionError(error, url, signal, proxy);
    }
  }
}

/** All values of a header. */
export function headerValues(response: HttpResponse, name: string): string[] {
  const value = response.headers[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function findHeader(headers: HttpRequest['headers'], name: string): string | undefined {
  return Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

/** The first value of a header. */
export function header(response: HttpResponse, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'object' ? value[0] : value;
}

/**
 * The whole body. @throws E_IMAGE_REGISTRY when it is larger than `maxBytes`; TransientError when it breaks off
 */
export async function readBody(
  response: HttpResponse,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      total += chunk.length;
      if (total > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw connectionError(error, response.url, signal);
  }
  if (total > maxBytes) throw refused(response.url, `its answer is larger than ${maxBytes} bytes`);
  return Buffer.concat(chunks);
}

/** A failed connection as an error: transient where another try may help. */
export function connectionError(
  error: unknown,
  url: URL,
  signal: AbortSignal,
  proxy?: URL,
): unknown {
  throwIfAborted(signal);
  if (error instanceof TransientError || isOcupError(error)) return error;
  const way = proxy === undefined ? '' : ` through the proxy ${proxy.protocol}//${proxy.host}`;
  const failure = new OcupError(
    'E_IMAGE_REGISTRY',
    `cannot reach ${redactUrl(url)}${way}: ${describe(error)}`,
    { hint: hintFor(error, url, proxy), cause: error },
  );
  return isTransientCode(error) ? new TransientError(failure) : failure;
}

function describe(error: unknown): string {
  if (error instanceof SocksError) return error.message;
  const code = findErrorCode(error);
  if (code === 'ENOTFOUND') return 'no such host';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENETUNREACH') return 'there is no network on the way to it';
  if (code === 'EHOSTUNREACH') return 'there is no way to that host';
  if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') {
    return 'it has been silent for too long';
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'it does not speak TLS';
  const text = withoutPlaces(messageOf(error));
  const status = /^Proxy response \((\d+)\)/.exec(text)?.[1];
  if (status === '407') return PROXY_DENIES;
  if (status !== undefined) return `it answers with status ${status}`;
  return text === '' ? (code ?? 'connection failed') : text;
}

/** OpenSSL says where in its sources something came up, between numbers. */
function withoutPlaces(text: string): string {
  const [line = ''] = text.split('\n');
  return /:error:[^:]*:[^:]*:[^:]*:([^:]+):/.exec(line)?.[1] ?? line;
}

/** Where the host itself is what cannot be reached, and not a proxy on the way. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'Check the name of the registry, and that this machine can look names up.',
  ECONNREFUSED: 'Check that the registry runs, and its port.',
  ENETUNREACH: 'Connect the machine to the network, or use images that are here: --pull never.',
};

function hintFor(error: unknown, url: URL, proxy: URL | undefined): string | undefined {
  const code = findErrorCode(error) ?? '';
  if (code in ADVICE) return proxy === undefined ? ADVICE[code] : 'Check the address of the proxy.';
  if (url.protocol === 'https:' && code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return `If ${url.host} may be spoken to in the clear, add it to OCUP_INSECURE_REGISTRIES.`;
  }
  if (
    url.protocol === 'https:' &&
    /^(ERR_SSL|ERR_TLS|CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE)/.test(code)
  ) {
    return `If ${url.host} is to be trusted without a valid certificate, add it to OCUP_INSECURE_REGISTRIES.`;
  }
  return undefined;
}

function checkPublic(url: URL, from: URL): void {
  if (!isPrivateAddress(hostName(url.host))) return;
  throw refused(from, `it leads to a private address, ${url.host}`);
}

function follow(current: HttpRequest, location: string): HttpRequest {
  const url = new URL(location, current.url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refused(current.url, `it redirects to ${url.protocol}`);
  }
  if (url.protocol === 'http:' && current.url.protocol === 'https:') {
    throw refused(current.url, 'it redirects from HTTPS to plain HTTP');
  }
  const isSameHost = url.host === current.url.host;
  const headers = Object.entries(current.headers).filter(
    ([name]) => isSameHost || !SECRET_HEADERS.includes(name.toLowerCase()),
  );
  return {
    url,
    method: current.method === 'POST' ? 'GET' : current.method,
    headers: Object.fromEntries(headers),
    isInsecure: isSameHost && current.isInsecure,
    ...(isSameHost && current.tls !== undefined && { tls: current.tls }),
    signal: current.signal,
  };
}

function refused(url: URL, why: string): OcupError {
  return new OcupError('E_IMAGE_REGISTRY', `cannot use ${redactUrl(url)}: ${why}`);
}
