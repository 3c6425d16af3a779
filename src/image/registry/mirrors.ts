import { isOcupError, messageOf } from '../../base/errors.ts';
import type { Digest } from '../../model/digest.ts';
import type { Reference } from '../../model/reference.ts';
import { type Authenticator, sendAuthorized } from './authenticator.ts';
import type { Http, HttpRequest, HttpResponse } from './http.ts';
import { isTransientStatus } from './registry-error.ts';
import { TransientError } from './retry.ts';
import type { Endpoint } from './settings/endpoint.ts';
import type { RegistryWay } from './settings/registry-settings.ts';

export interface MirrorQuery {
  readonly method: HttpRequest['method'];
  /** Below `/v2/<name>/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface MirrorCall {
  readonly signal: AbortSignal;
  /** Told once of each mirror that is passed over. */
  readonly onNotice?: ((message: string) => void) | undefined;
}

/** Why a mirror is not asked: it fails now, or what it gave is not what its digest says. */
type Fault = 'failing' | 'false';

/**
 * Asks what stands in for a registry. A mirror that lacks something is passed over for that; one that cannot be reached,
 * answers with an error of its own or gives something else than was asked for is passed over for the rest of the pull.
 */
export class Mirrors {
  private readonly http: Http;
  private readonly authenticator: Authenticator;
  private readonly faults = new WeakMap<Endpoint, Fault>();
  private readonly told = new WeakSet<Endpoint>();
  /** Who gave an answer; an answer of the registry itself has no entry. */
  private readonly givers = new WeakMap<HttpResponse, Endpoint>();
  /** Who said last what the tag of a reference stands for. */
  private readonly resolvers = new WeakMap<Reference, Endpoint>();
  /** Who gave bytes of a blob. */
  private readonly blobGivers = new WeakMap<Reference, Map<Digest, Set<Endpoint>>>();

  constructor(http: Http, authenticator: Authenticator) {
    this.http = http;
    this.authenticator = authenticator;
  }

  /**
   * The first answer that is one; undefined: the registry itself is to be asked. Where it is among the mirrors, the last
   * answer, whatever it is.
   * @throws what reaching the last one came to, where the registry is among them; E_CANCELLED
   */
  async ask(
    way: RegistryWay,
    query: MirrorQuery,
    call: MirrorCall,
  ): Promise<HttpResponse | undefined> {
    const isTag = query.path.startsWith('manifests/') && !query.path.includes(':');
    const able = way.mirrors.filter((one) => (isTag ? one.resolves : one.pulls));
    for (const [at, endpoint] of able.entries()) {
      const isLast = way.isComplete && at === able.length - 1;
      if (this.faults.has(endpoint) && !isLast) continue;
      const response = await this.askOne(endpoint, query, isLast, call);
      if (response === undefined) continue;
      if (isLast) return response;
      if (response.status === 200 || response.status === 206) {
        this.givers.set(response, endpoint);
        return response;
      }
      response.body.destroy();
      if (isTransientStatus(response.status)) {
        this.note(endpoint, 'failing', `it answers with status ${response.status}`, call);
      }
    }
    return undefined;
  }

  /** Passes over the mirror whose answer came to `error`. False: it is not a mirror's, or the caller has given up. */
  passOver(response: HttpResponse, error: unknown, call: MirrorCall): boolean {
    const endpoint = this.givers.get(response);
    const isFailure = error instanceof TransientError || isOcupError(error);
    if (endpoint === undefined || call.signal.aborted || !isFailure) return false;
    const fault = isOcupError(error, 'E_IMAGE_DIGEST') ? 'false' : 'failing';
    this.note(endpoint, fault, messageOf(error), call);
    return true;
  }

  /** Mirrors that only failed are worth another try when the registry failed as well. */
  forgive(way: RegistryWay): void {
    for (const endpoint of way.mirrors) {
      if (this.faults.get(endpoint) === 'failing') this.faults.delete(endpoint);
    }
  }

  /** Notes who gave the answer to what a tag stands for. */
  noteResolver(reference: Reference, response: HttpResponse): void {
    const endpoint = this.givers.get(response);
    if (endpoint === undefined) this.resolvers.delete(reference);
    else this.resolvers.set(reference, endpoint);
  }

  /** Whether whoever said what the tag stands for has since turned out to give something else. */
  isMisled(reference: Reference): boolean {
    const endpoint = this.resolvers.get(reference);
    return endpoint !== undefined && this.faults.get(endpoint) === 'false';
  }

  /** Notes who gives bytes of a blob. */
  noteBlob(reference: Reference, digest: Digest, response: HttpResponse): void {
    const endpoint = this.givers.get(response);
    if (endpoint === undefined) return;
    const blobs = this.blobGivers.get(reference) ?? new Map<Digest, Set<Endpoint>>();
    this.blobGivers.set(reference, blobs);
    blobs.set(digest, (blobs.get(digest) ?? new Set()).add(endpoint));
  }

  /** Passes over the mirrors that gave bytes of a blob that is not what its digest says. False: none did. */
  distrust(reference: Reference, digest: Digest, reason: string, call: MirrorCall): boolean {
    const blobs = this.blobGivers.get(reference);
    const endpoints = [...(blobs?.get(digest) ?? [])];
    blobs?.delete(digest);
    for (const endpoint of endpoints) this.note(endpoint, 'false', reason, call);
    return endpoints.length > 0 && !call.signal.aborted;
  }

  private note(endpoint: Endpoint, fault: Fault, reason: string, { onNotice }: MirrorCall): void {
    if (this.faults.get(endpoint) !== 'false') this.faults.set(endpoint, fault);
    if (endpoint.isGuess || this.told.has(endpoint)) return;
    this.told.add(endpoint);
    onNotice?.(`mirror ${endpoint.host.domain} is passed over: ${reason}`);
  }

  private async askOne(
    endpoint: Endpoint,
    query: MirrorQuery,
    isLast: boolean,
    call: MirrorCall,
  ): Promise<HttpResponse | undefined> {
    const { signal } = call;
    try {
      return await this.send(endpoint, query, signal);
    } catch (error) {
      const isFailure = error instanceof TransientError || isOcupError(error);
      if (isLast || signal.aborted || !isFailure) throw error;
      this.note(endpoint, 'failing', messageOf(error), call);
      return undefined;
    }
  }

  private send(endpoint: Endpoint, query: MirrorQuery, signal: AbortSignal): Promise<HttpResponse> {
    const { host, apiPath, repository, namespace, tls } = endpoint;
    const url = new URL(`${apiPath}/${repository}/${query.path}`, host.origin);
    if (namespace !== undefined) url.searchParams.set('ns', namespace);
    const headers = { ...endpoint.headers, ...query.headers };
    const access = { host, repository };
    return sendAuthorized(this.authenticator, access, signal, (authorization) =>
      this.http.send({
        url,
        method: query.method,
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        isInsecure: host.isInsecure,
        tls,
        signal,
      }),
    );
  }
}
