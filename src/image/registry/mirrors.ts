import { isOcupError } from '../../base/errors.ts';
import { type Authenticator, sendAuthorized } from './authenticator.ts';
import type { Http, HttpRequest, HttpResponse } from './http.ts';
import { TransientError } from './retry.ts';
import type { Endpoint } from './settings/endpoint.ts';
import type { RegistryWay } from './settings/registry-settings.ts';

export interface MirrorQuery {
  readonly method: HttpRequest['method'];
  /** Below `/v2/<name>/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Asks what stands in for a registry. A mirror that lacks something or cannot be reached is passed over, and one that
 * could not be reached is not asked again for this pull.
 */
export class Mirrors {
  private readonly http: Http;
  private readonly authenticator: Authenticator;
  private readonly unreachable = new WeakSet<Endpoint>();

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
    signal: AbortSignal,
  ): Promise<HttpResponse | undefined> {
    const isTag = query.path.startsWith('manifests/') && !query.path.includes(':');
    const able = way.mirrors.filter((one) => (isTag ? one.resolves : one.pulls));
    for (const [at, endpoint] of able.entries()) {
      const isLast = way.isComplete && at === able.length - 1;
      if (this.unreachable.has(endpoint) && !isLast) continue;
      const response = await this.askOne(endpoint, query, isLast, signal);
      if (response === undefined) continue;
      if (isLast || response.status === 200 || response.status === 206) return response;
      response.body.destroy();
    }
    return undefined;
  }

  private async askOne(
    endpoint: Endpoint,
    query: MirrorQuery,
    isLast: boolean,
    signal: AbortSignal,
  ): Promise<HttpResponse | undefined> {
    try {
      return await this.send(endpoint, query, signal);
    } catch (error) {
      const isFailure = error instanceof TransientError || isOcupError(error);
      if (isLast || signal.aborted || !isFailure) throw error;
      this.unreachable.add(endpoint);
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
