import type { OwnTls } from '../certificates.ts';
import { type RegistryHost, hostName, isLoopback } from '../hosts.ts';

/** A place where a repository's content may be asked for instead of at its registry. */
export interface Endpoint {
  readonly host: RegistryHost;
  /** Where the API is: `/v2`, or what the settings say. */
  readonly apiPath: string;
  /** What the repository is called there. */
  readonly repository: string;
  /** The registry it stands in for, where it wants to be told: `?ns=docker.io`. */
  readonly namespace: string | undefined;
  /** Whether it may be asked for what a tag stands for, and for what a digest names. */
  readonly resolves: boolean;
  readonly pulls: boolean;
  readonly tls: OwnTls | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the next endpoint is the same place by another protocol. */
  readonly isGuess: boolean;
}

export interface EndpointOptions {
  readonly url: URL;
  readonly repository: string;
  /** Whether a certificate need not be valid. */
  readonly isInsecure?: boolean;
  readonly apiPath?: string;
  readonly namespace?: string | undefined;
  readonly resolves?: boolean;
  readonly pulls?: boolean;
  readonly tls?: OwnTls | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isGuess?: boolean;
}

/** An endpoint at an address; its API is at `/v2` below that unless told. */
export function endpointAt(options: EndpointOptions): Endpoint {
  const { url, repository, namespace, tls, headers = {}, resolves = true, pulls = true } = options;
  const isPlain = url.protocol === 'http:';
  const isInsecure = options.isInsecure === true || isPlain || isLoopback(hostName(url.host));
  return {
    host: { domain: url.host, origin: url.origin, isInsecure },
    apiPath: options.apiPath ?? `${url.pathname.replace(/\/+$/, '')}/v2`,
    repository,
    namespace,
    resolves,
    pulls,
    tls,
    headers,
    isGuess: options.isGuess ?? false,
  };
}
