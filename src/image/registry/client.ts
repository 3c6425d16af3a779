import type { Readable } from 'node:stream';

import type { Descriptor } from '../../model/descriptor.ts';
import type { Digest } from '../../model/digest.ts';
import type { Reference } from '../../model/reference.ts';
import { MAX_DOCUMENT_BYTES, checkDigest, digestOf } from '../documents.ts';
import { Authenticator, sendAuthorized } from './authenticator.ts';
import { type Credential, CredentialStore } from './credentials.ts';
import { type RegistryHost, registryHost } from './hosts.ts';
import { Http, type HttpRequest, type HttpResponse, header, readBody } from './http.ts';
import { checkAsked, findDigest, manifestQuery, mediaTypeOf } from './manifest-answer.ts';
import { type MirrorCall, Mirrors } from './mirrors.ts';
import { noticesOf } from './rate-limit.ts';
import { isTransientStatus, registryError } from './registry-error.ts';
import { TransientError, findErrorCode, retrying } from './retry.ts';
import { RegistrySettings } from './settings/registry-settings.ts';

export interface ClientOptions {
  /** Where proxies, credentials and `OCUP_INSECURE_REGISTRIES` are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Instead of what is kept. */
  readonly credential?: Credential;
  /** How long a server may be silent. */
  readonly idleTimeoutMs?: number | undefined;
  /** Of the first pause before another try. */
  readonly retryDelayMs?: number | undefined;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly onRetry: (reason: string, delayMs: number) => void;
  /** What the registry wants its user to know, such as a limit that is nearly reached. */
  readonly onNotice?: ((message: string) => void) | undefined;
}

/** What a tag stands for, and its content when it came along. */
export interface Resolved {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer | undefined;
}

interface Query {
  readonly method: HttpRequest['method'];
  /** Below `/v2/<name>/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  readonly isPush?: boolean;
  readonly alsoPulls?: string | undefined;
}

/** A request of a push. */
export interface PushQuery {
  readonly method: HttpRequest['method'];
  /** Below `/v2/<name>/`, or an address that the registry gave. */
  readonly to: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is made anew for another try. */
  readonly body?: Buffer | (() => Readable);
  readonly alsoPulls?: string | undefined;
}

const RETRY_DELAY_MS = 1_000;

/**
 * Pulls from registries. Failed connections, overload and server errors are tried again with growing pauses.
 * @see distribution-spec spec.md#pull
 */
export class RegistryClient {
  readonly retryDelayMs: number;
  private readonly http: Http;
  private readonly authenticator: Authenticator;
  private readonly settings: RegistrySettings;
  private readonly mirrors: Mirrors;
  /** Insecure registries that turned out to speak TLS. */
  private readonly withTls = new Set<string>();

  constructor(options: ClientOptions) {
    this.http = new Http(options.env, options.idleTimeoutMs);
    const { credential } = options;
    const credentials =
      credential === undefined
        ? new CredentialStore(options.env)
        : { find: () => Promise.resolve(credential) };
    this.authenticator = new Authenticator(this.http, credentials);
    this.settings = new RegistrySettings(options.env);
    this.mirrors = new Mirrors(this.http, this.authenticator);
    this.retryDelayMs = options.retryDelayMs ?? RETRY_DELAY_MS;
  }

  /**
   * Asks what a reference stands for, by HEAD where the registry can, since many count GET against a limit.
   * @throws E_IMAGE_NOT_FOUND, E_IMAGE_DENIED, E_IMAGE_REGISTRY, E_IMAGE_DIGEST, E_CANCELLED
   */
  async resolve(reference: Reference, options: CallOptions): Promise<Resolved> {
    const wanted = reference.digest ?? reference.tag ?? 'latest';
    const { notice } = await this.settings.find(reference);
    if (notice !== undefined) options.onNotice?.(notice);
    return this.retrying(options, async () => {
      const resolved = await this.reading(reference, manifestQuery('HEAD', wanted), options, {
        read: (response) => this.readHead(reference, response, options.signal),
      });
      return resolved ?? this.resolveByGet(reference, wanted, options);
    });
  }

  /** Asks whether the registry lets this user in. @throws E_IMAGE_DENIED, E_IMAGE_REGISTRY, E_CANCELLED */
  check(domain: string, options: CallOptions): Promise<void> {
    const reference = { domain, repository: '', tag: undefined, digest: undefined };
    return this.retrying(options, async () => {
      const query = { method: 'GET', path: '', headers: {} } as const;
      const response = await this.askUpstream(reference, query, options.signal);
      if (response.status !== 200) {
        throw await registryError(response, { kind: 'blob', reference }, options.signal);
      }
      response.body.destroy();
    });
  }

  /** The content of a manifest or index. @throws as `resolve` */
  manifest(reference: Reference, descriptor: Descriptor, options: CallOptions): Promise<Buffer> {
    const read = async (response: HttpResponse): Promise<Buffer> => {
      if (response.status === 200) noticesOf(response).forEach((text) => options.onNotice?.(text));
      const bytes = await this.readDocument(response, reference, options.signal);
      checkDigest(bytes, descriptor);
      return bytes;
    };
    const query = manifestQuery('GET', descriptor.digest);
    return this.retrying(options, () => this.reading(reference, query, options, { read }));
  }

  /** Whether what `resolve` gave came from a mirror that has since turned out to give something else. */
  isMisled(reference: Reference): boolean {
    return this.mirrors.isMisled(reference);
  }

  /**
   * Says that the bytes of a blob were not what its digest says. True: they came from a mirror, which is passed over
   * from now on; a further try asks elsewhere.
   */
  distrust(reference: Reference, digest: Digest, reason: string, options: MirrorCall): boolean {
    return this.mirrors.distrust(reference, digest, reason, options);
  }

  /** Says that reading an answer of `openBlob` came to `error`. True: it was a mirror's; the next place is asked. */
  passOver(response: HttpResponse, error: unknown, options: MirrorCall): boolean {
    return this.mirrors.passOver(response, error, options);
  }

  /**
   * Starts to read a blob from `offset`; the answer may begin at 0 all the same (status 200).
   * @throws TransientError, and as `resolve`
   */
  async openBlob(
    reference: Reference,
    digest: Digest,
    options: MirrorCall & { readonly offset: number },
  ): Promise<HttpResponse> {
    const { offset, signal } = options;
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const query = { method: 'GET', path: `blobs/${digest}`, headers } as const;
    const response = await this.ask(reference, query, options);
    if (response.status === 200 || response.status === 206) {
      this.mirrors.noteBlob(reference, digest, response);
      return response;
    }
    throw await registryError(response, { kind: 'blob', reference }, signal);
  }

  /** Reads from an address outside the registry, where a layer may be kept. @throws as `openBlob` */
  async openUrl(
    url: URL,
    reference: Reference,
    options: { readonly offset: number; readonly signal: AbortSignal },
  ): Promise<HttpResponse> {
    const { offset, signal } = options;
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const way = await this.settings.find(reference);
    const { isInsecure, origin } = registryHost(way.upstream, way.isInsecure);
    const namedBy = new URL(origin);
    const response = await this.http.send({
      url,
      method: 'GET',
      headers,
      isInsecure,
      namedBy,
      signal,
    });
    if (response.status === 200 || response.status === 206) return response;
    throw await registryError(response, { kind: 'blob', reference }, signal);
  }

  /**
   * Sends a request of a push, whatever the answer; the caller reads or destroys it.
   * @throws TransientError, E_IMAGE_DENIED, E_IMAGE_REGISTRY, E_CANCELLED
   */
  async push(reference: Reference, query: PushQuery, signal: AbortSignal): Promise<HttpResponse> {
    const { method, to, headers = {}, body, alsoPulls } = query;
    if (typeof to === 'string') {
      if (typeof body === 'function') throw new Error('a stream goes to an address');
      const asked = { method, path: to, headers, body, isPush: true, alsoPulls };
      return this.askUpstream(reference, asked, signal);
    }
    const { isInsecure } = await this.settings.find(reference);
    const host = registryHost(reference, isInsecure, to.protocol === 'https:');
    const isOwn = to.host === new URL(host.origin).host;
    const access = { host, repository: reference.repository, isPush: true };
    const send = (authorization: string | undefined): Promise<HttpResponse> => {
      const content = typeof body === 'function' ? body() : body;
      return this.http.send({
        url: to,
        method,
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        ...(content !== undefined && { body: content }),
        isInsecure: isOwn && host.isInsecure,
        signal,
      });
    };
    // A token may end in the middle of a long upload.
    return isOwn ? sendAuthorized(this.authenticator, access, signal, send) : send(undefined);
  }

  close(): Promise<void> {
    return this.http.close();
  }

  private retrying<T>({ signal, onRetry }: CallOptions, work: () => Promise<T>): Promise<T> {
    return retrying(work, { signal, onRetry, baseDelayMs: this.retryDelayMs });
  }

  /** Reads the answer to a query; a mirror's that is of no use is passed over, and the next place is asked. */
  private async reading<T>(
    reference: Reference,
    query: Query,
    call: MirrorCall,
    { read }: { readonly read: (response: HttpResponse) => Promise<T> },
  ): Promise<T> {
    for (;;) {
      const response = await this.ask(reference, query, call);
      try {
        return await read(response);
      } catch (error) {
        if (!this.mirrors.passOver(response, error, call)) throw error;
      }
    }
  }

  /** What an answer to HEAD says; undefined: not enough. */
  private async readHead(
    reference: Reference,
    response: HttpResponse,
    signal: AbortSignal,
  ): Promise<Resolved | undefined> {
    if (isTransientStatus(response.status)) {
      throw await registryError(response, { kind: 'manifest', reference }, signal);
    }
    response.body.destroy();
    const digest = findDigest(response);
    const size = Number(header(response, 'content-length') ?? 'NaN');
    const mediaType = mediaTypeOf(response);
    const isComplete = Number.isSafeInteger(size) && size > 0 && mediaType !== '';
    if (response.status !== 200 || digest === undefined || !isComplete) return undefined;
    checkAsked(reference, digest);
    this.mirrors.noteResolver(reference, response);
    return { descriptor: { mediaType, digest, size }, bytes: undefined };
  }

  private resolveByGet(
    reference: Reference,
    wanted: string,
    options: MirrorCall,
  ): Promise<Resolved> {
    return this.reading(reference, manifestQuery('GET', wanted), options, {
      read: (response) => this.readResolved(reference, response, options.signal),
    });
  }

  private async readResolved(
    reference: Reference,
    response: HttpResponse,
    signal: AbortSignal,
  ): Promise<Resolved> {
    const mediaType = mediaTypeOf(response);
    const stated = findDigest(response);
    const bytes = await this.readDocument(response, reference, signal);
    const digest = digestOf(bytes);
    const descriptor = { mediaType, digest, size: bytes.length };
    if (stated !== undefined) checkDigest(bytes, { ...descriptor, digest: stated });
    checkAsked(reference, digest);
    this.mirrors.noteResolver(reference, response);
    return { descriptor, bytes };
  }

  private async readDocument(
    response: HttpResponse,
    reference: Reference,
    signal: AbortSignal,
  ): Promise<Buffer> {
    if (response.status === 200) return readBody(response, MAX_DOCUMENT_BYTES, signal);
    throw await registryError(response, { kind: 'manifest', reference }, signal);
  }

  /** Asks the mirrors, and the registry itself when none of them has an answer. */
  private async ask(reference: Reference, query: Query, call: MirrorCall): Promise<HttpResponse> {
    const way = await this.settings.find(reference);
    const answer = await this.mirrors.ask(way, query, call);
    if (answer !== undefined) return answer;
    try {
      const response = await this.askUpstream(reference, query, call.signal);
      if (isTransientStatus(response.status)) this.mirrors.forgive(way);
      return response;
    } catch (error) {
      if (error instanceof TransientError) this.mirrors.forgive(way);
      throw error;
    }
  }

  /** Of an insecure registry it is not known whether it speaks TLS: plain HTTP is tried first. */
  private async askUpstream(
    named: Reference,
    query: Query,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { upstream, isInsecure } = await this.settings.find(named);
    // Settings say where to read from; what is written goes where the user says.
    const reference = query.isPush === true ? named : upstream;
    const host = registryHost(reference, isInsecure, this.withTls.has(reference.domain));
    if (!host.origin.startsWith('http:')) return this.askAt(host, reference, query, signal);
    let answer: HttpResponse | undefined;
    let failure: unknown;
    try {
      answer = await this.askAt(host, reference, query, signal);
      if (answer.status !== 400) return answer;
    } catch (error) {
      if (!(error instanceof TransientError) || findErrorCode(error) === 'ECONNREFUSED')
        throw error;
      failure = error;
    }
    try {
      const secured = registryHost(reference, isInsecure, true);
      const response = await this.askAt(secured, reference, query, signal);
      answer?.body.destroy();
      this.withTls.add(reference.domain);
      return response;
    } catch (error) {
      if (signal.aborted) throw error;
      if (answer !== undefined) return answer;
      throw failure;
    }
  }

  private askAt(
    host: RegistryHost,
    reference: Reference,
    query: Query,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { isPush, alsoPulls } = query;
    const access = { host, repository: reference.repository, isPush, alsoPulls };
    return sendAuthorized(this.authenticator, access, signal, (authorization) =>
      this.send(host, reference, query, { authorization, signal }),
    );
  }

  private send(
    host: RegistryHost,
    reference: Reference,
    query: Query,
    options: { readonly authorization: string | undefined; readonly signal: AbortSignal },
  ): Promise<HttpResponse> {
    const { authorization, signal } = options;
    const below = reference.repository === '' ? '' : `${reference.repository}/${query.path}`;
    return this.http.send({
      url: new URL(`/v2/${below}`, host.origin),
      method: query.method,
      ...(query.body !== undefined && { body: query.body }),
      headers: { ...query.headers, ...(authorization !== undefined && { authorization }) },
      isInsecure: host.isInsecure,
      signal,
    });
  }
}
