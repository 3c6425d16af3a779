import { createHash } from 'node:crypto';

import { OcupError, isOcupError } from '../../base/errors.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credential, Credentials } from './credentials.ts';
import type { RegistryHost } from './hosts.ts';
import { type Http, type HttpResponse, headerValues, readBody } from './http.ts';
import { quoteServerText, redactUrl } from './redact.ts';
import { TransientError } from './retry.ts';

/** What is asked for: something of one repository of one registry. */
export interface Access {
  readonly host: RegistryHost;
  readonly repository: string;
  /** Default: only pulling. */
  readonly isPush?: boolean | undefined;
  /** Another repository that is read from as well. */
  readonly alsoPulls?: string | undefined;
}

interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** How a registry wants to be asked, as learned from its challenge. */
type Method =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: URL; readonly service: string | undefined };

const MAX_TOKEN_ANSWER_BYTES = 1024 * 1024;
const DEFAULT_LIFE_S = 60;
/** A token is not used in the last moments of its life. */
const MARGIN_MS = 5_000;

/**
 * Finds the value of `Authorization` for requests to registries. Tokens are kept until they expire, one for
 * each repository and login, and never fetched twice at once.
 * @see distribution/distribution docs, "Token Authentication Specification"
 */
export class Authenticator {
  private readonly methods = new Map<string, Method>();
  private readonly tokens = new Map<string, Promise<Token>>();
  private readonly http: Http;
  private readonly credentials: Credentials;

  constructor(http: Http, credentials: Credentials) {
    this.http = http;
    this.credentials = credentials;
  }

  /** What to send with the first try: nothing until the registry has said what it wants. */
  async authorize(access: Access, signal: AbortSignal): Promise<string | undefined> {
    const method = this.methods.get(access.host.origin);
    if (method === undefined) return undefined;
    const credential = await this.find(access, signal);
    if (method.kind === 'basic') return credential === undefined ? undefined : basic(credential);
    if (credential?.kind === 'registry') return `Bearer ${credential.token}`;
    return `Bearer ${await this.token(access, method, credential, signal)}`;
  }

  /**
   * Learns from a refusal (status 401) of what was sent as `authorization`. False: there is nothing new to try.
   * @throws E_IMAGE_REGISTRY for a token server that must not be trusted
   */
  async learn(
    access: Access,
    refusal: {
      readonly challenges: readonly Challenge[];
      readonly authorization: string | undefined;
    },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { challenges, authorization } = refusal;
    await this.drop(tokenKey(access, await this.find(access, signal)), authorization);
    const bearer = challenges.find((item) => item.scheme === 'bearer');
    const realm = bearer?.parameters['realm'];
    if (realm !== undefined) {
      const service = bearer?.parameters['service'];
      this.methods.set(access.host.origin, {
        kind: 'bearer',
        realm: parseRealm(realm, access.host),
        service,
      });
      return true;
    }
    if (!challenges.some((item) => item.scheme === 'basic')) return false;
    this.methods.set(access.host.origin, { kind: 'basic' });
    return (await this.find(access, signal)) !== undefined;
  }

  /** Others may have got a new token since: only the one that was refused goes. */
  private async drop(key: string, authorization: string | undefined): Promise<void> {
    const held = this.tokens.get(key);
    const token = await held?.catch(() => undefined);
    if (held !== undefined && `Bearer ${token?.value ?? ''}` === authorization)
      this.forget(key, held);
  }

  private find({ host, repository }: Access, signal: AbortSignal): Promise<Credential | undefined> {
    return this.credentials.find(host.domain, repository, signal);
  }

  private async token(
    access: Access,
    method: Method & { kind: 'bearer' },
    credential: Credential | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const key = tokenKey(access, credential);
    for (;;) {
      const held = this.tokens.get(key);
      const asked = held ?? this.fetchToken(access, method, credential, signal);
      this.tokens.set(key, asked);
      try {
        const token = await asked;
        if (token.expiresAtMs > Date.now()) return token.value;
      } catch (error) {
        this.forget(key, asked);
        // It was another caller's request, and that caller gave up.
        if (held === undefined || !isOcupError(error, 'E_CANCELLED') || signal.aborted) throw error;
      }
      this.forget(key, asked);
    }
  }

  private forget(key: string, token: Promise<Token>): void {
    if (this.tokens.get(key) === token) this.tokens.delete(key);
  }

  private async fetchToken(
    access: Access,
    method: Method & { kind: 'bearer' },
    credential: Credential | undefined,
    signal: AbortSignal,
  ): Promise<Token> {
    const scopes = scopesOf(access);
    if (credential?.kind === 'identity') {
      const form = refreshForm(method, scopes.join(' '), credential.token);
      const response = await this.post(access, method.realm, form, signal);
      if (![400, 401, 404, 405].includes(response.status))
        return readToken(response, access, signal);
      response.body.destroy();
    }
    const url = new URL(method.realm);
    if (method.service !== undefined) url.searchParams.set('service', method.service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const headers: Record<string, string> = {};
    if (credential?.kind === 'password') {
      url.searchParams.set('account', credential.username);
      headers['authorization'] = basic(credential);
    }
    const { isInsecure, origin } = access.host;
    const namedBy = new URL(origin);
    const response = await this.http.send({
      url,
      method: 'GET',
      headers,
      isInsecure,
      namedBy,
      signal,
    });
    return readToken(response, access, signal);
  }

  private post(
    access: Access,
    url: URL,
    form: URLSearchParams,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const { isInsecure, origin } = access.host;
    return this.http.send({
      url,
      namedBy: new URL(origin),
      method: 'POST',
      headers,
      body: form.toString(),
      isInsecure,
      signal,
    });
  }
}

/** Sends with what is known of the registry's wishes, and a second time with what its refusal says. */
export async function sendAuthorized(
  authenticator: Authenticator,
  access: Access,
  signal: AbortSignal,
  send: (authorization: string | undefined) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const authorization = await authenticator.authorize(access, signal);
  const response = await send(authorization);
  if (response.status !== 401) return response;
  const challenges = parseChallenges(headerValues(response, 'www-authenticate'));
  if (!(await authenticator.learn(access, { challenges, authorization }, signal))) return response;
  response.body.destroy();
  return send(await authenticator.authorize(access, signal));
}

function refreshForm(
  method: Method & { kind: 'bearer' },
  scope: string,
  token: string,
): URLSearchParams {
  return new URLSearchParams({
    grant_type: 'refresh_token',
    service: method.service ?? '',
    scope,
    client_id: 'ocup',
    refresh_token: token,
  });
}

function scopesOf({ repository, isPush, alsoPulls }: Access): string[] {
  if (repository === '') return [];
  const own = `repository:${repository}:${isPush === true ? 'pull,push' : 'pull'}`;
  return alsoPulls === undefined ? [own] : [own, `repository:${alsoPulls}:pull`];
}

/** A token is for whoever it was given to: another login, or none, gets another. */
function tokenKey(access: Access, credential: Credential | undefined): string {
  const who = createHash('sha256').update(JSON.stringify(credential ?? null));
  return [access.host.origin, who.digest('hex'), ...scopesOf(access)].join(' ');
}

/** Credentials go to the token server: not in the clear when the registry itself is asked by HTTPS. */
function parseRealm(realm: string, host: RegistryHost): URL {
  let url: URL;
  try {
    url = new URL(realm, host.origin);
  } catch (cause) {
    throw new OcupError(
      'E_IMAGE_REGISTRY',
      `cannot use the token server of ${host.domain}: its address is not valid`,
      { cause },
    );
  }
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && host.isInsecure);
  if (isSafe) return url;
  throw new OcupError(
    'E_IMAGE_REGISTRY',
    `cannot use the token server of ${host.domain}: ${redactUrl(url)} is not encrypted`,
  );
}

function basic(credential: Credential): string {
  if (credential.kind !== 'password') return `Bearer ${credential.token}`;
  const joined = `${credential.username}:${credential.password}`;
  return `Basic ${Buffer.from(joined).toString('base64')}`;
}

async function readToken(
  response: HttpResponse,
  { host, repository }: Access,
  signal: AbortSignal,
): Promise<Token> {
  const bytes = await readBody(response, MAX_TOKEN_ANSWER_BYTES, signal);
  const where = `the token server of ${host.domain}`;
  if (response.status !== 200) {
    const said = quoteServerText(bytes.toString('utf8'), response.secrets);
    if (response.status === 429 || response.status >= 500) {
      throw new TransientError(
        new OcupError(
          'E_IMAGE_REGISTRY',
          `${where} answers with status ${response.status}: ${said}`,
        ),
      );
    }
    throw new OcupError(
      'E_IMAGE_DENIED',
      `access to ${repository} denied by ${where}: status ${response.status}${said === '' ? '' : `: ${said}`}`,
      {
        hint: `Log in: ocup login ${host.domain}`,
      },
    );
  }
  return parseToken(bytes, where);
}

function parseToken(bytes: Buffer, where: string): Token {
  let fields: Record<string, unknown> = {};
  try {
    fields = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  } catch {
    throw new OcupError('E_IMAGE_REGISTRY', `cannot read the answer of ${where}: it is not JSON`);
  }
  const value = fields['token'] ?? fields['access_token'];
  if (typeof value !== 'string' || value === '') {
    throw new OcupError('E_IMAGE_REGISTRY', `cannot read the answer of ${where}: it has no token`);
  }
  const life = fields['expires_in'];
  const lifeS = typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE_S;
  return { value, expiresAtMs: Date.now() + Math.max(lifeS * 1000 - MARGIN_MS, 1000) };
}
