import { OcupError } from '../base/errors.ts';
import { type Digest, parseDigest } from './digest.ts';

/** A name in a registry. Only `parseReference` makes one. @see distribution-spec spec.md#pulling-manifests */
export interface Reference {
  /** `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** `library/nginx`. */
  readonly repository: string;
  /** Always set when there is no digest: `latest` if none was written. */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/**
 * Where an image comes from: a registry, or a local source in the terms of containers-transports(5).
 * Paths are as written; whoever parsed the file they stand in makes them absolute.
 */
export type ImageSource =
  | { readonly kind: 'registry'; readonly reference: Reference }
  | { readonly kind: 'oci'; readonly path: string; readonly tag: string | undefined }
  | { readonly kind: 'oci-archive'; readonly path: string; readonly tag: string | undefined }
  | { readonly kind: 'docker-archive'; readonly path: string; readonly tag: string | undefined }
  | { readonly kind: 'rootfs'; readonly path: string };

const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const REPOSITORY =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

/**
 * Parses `[domain/]path[:tag][@digest]` and fills in what Docker fills in: `docker.io`, `library/`, and
 * `latest` when there is neither tag nor digest.
 *
 * @throws E_IMAGE_REFERENCE with the text and what is wrong with it
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : parseReferenceDigest(text, text.slice(at + 1));
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag))
    throw invalid(text, `tag ${JSON.stringify(tag)} is not valid`);
  const { domain, repository } = splitDomain(hasTag ? named.slice(0, colon) : named, text);
  return { domain, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

/**
 * Parses what stands behind `image:`.
 * @throws E_IMAGE_REFERENCE
 * @see containers-transports(5)
 */
export function parseImageSource(text: string): ImageSource {
  const match = /^(oci|oci-archive|docker-archive|rootfs|docker):(.*)$/s.exec(text);
  if (match === null) return { kind: 'registry', reference: parseReference(text) };
  const [, transport, rest = ''] = match;
  if (transport === 'docker') {
    if (rest.startsWith('//'))
      return { kind: 'registry', reference: parseReference(rest.slice(2)) };
    return { kind: 'registry', reference: parseReference(text) };
  }
  if (rest === '') throw invalid(text, `a path is missing behind "${transport ?? ''}:"`);
  if (transport === 'rootfs') return { kind: 'rootfs', path: rest };
  const { path, tag } = splitPathTag(rest);
  if (transport === 'oci') return { kind: 'oci', path, tag };
  return { kind: transport === 'oci-archive' ? 'oci-archive' : 'docker-archive', path, tag };
}

/** The text that parses to `source` again; registry names are written out in full. */
export function formatImageSource(source: ImageSource): string {
  if (source.kind === 'registry') return formatReference(source.reference);
  if (source.kind === 'rootfs') return `rootfs:${source.path}`;
  return `${source.kind}:${source.path}${source.tag === undefined ? '' : `:${source.tag}`}`;
}

/** `docker.io/library/nginx:1.27@sha256:…`. */
export function formatReference(reference: Reference): string {
  const { domain, repository, tag, digest } = reference;
  return `${domain}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The short form that people write: without `docker.io/library/`. */
export function formatFamiliarReference(reference: Reference): string {
  return formatReference(reference).replace(/^docker\.io\/(?:library\/(?=[^/]+$))?/, '');
}

function splitDomain(name: string, text: string): { domain: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = /[.:A-Z]/.test(first) || first === 'localhost';
  let domain = isDomain ? first : 'docker.io';
  let repository = isDomain ? name.slice(slash + 1) : name;
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && !repository.includes('/')) repository = `library/${repository}`;
  if (!isDomain && /^[a-f0-9]{64}$/.test(name)) {
    throw invalid(text, 'a bare image id cannot be looked up: name a repository');
  }
  if (!DOMAIN.test(domain)) throw invalid(text, `registry ${JSON.stringify(domain)} is not valid`);
  if (!REPOSITORY.test(repository)) {
    const lower = repository !== repository.toLowerCase();
    throw invalid(
      text,
      lower ? 'repository name must be lowercase' : 'repository name is not valid',
    );
  }
  if (domain.length + 1 + repository.length > 255)
    throw invalid(text, 'name is longer than 255 characters');
  return { domain, repository };
}

/** `PATH[:REFERENCE]`: the reference may be a whole name with colons of its own, so a path cannot hold one. */
function splitPathTag(rest: string): { path: string; tag: string | undefined } {
  const match = /^([^:]+):(.+)$/s.exec(rest);
  if (match?.[1] === undefined) return { path: rest, tag: undefined };
  return { path: match[1], tag: match[2] };
}

function parseReferenceDigest(text: string, digest: string): Digest {
  try {
    return parseDigest(digest);
  } catch (error) {
    throw new OcupError(
      'E_IMAGE_REFERENCE',
      `invalid image reference ${JSON.stringify(text)}: digest is not valid`,
      { cause: error },
    );
  }
}

function invalid(text: string, reason: string): OcupError {
  return new OcupError(
    'E_IMAGE_REFERENCE',
    `invalid image reference ${JSON.stringify(text)}: ${reason}`,
  );
}
