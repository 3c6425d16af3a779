import { OcupError, isOcupError } from '../../base/errors.ts';
import { type Digest, parseDigest } from '../../model/digest.ts';
import { type Reference, formatFamiliarReference } from '../../model/reference.ts';
import { ACCEPTED_MEDIA_TYPES } from '../documents.ts';
import { type HttpResponse, header } from './http.ts';
import type { MirrorQuery } from './mirrors.ts';

/** Asks for a manifest or index by tag or digest. */
export function manifestQuery(method: 'GET' | 'HEAD', wanted: string): MirrorQuery {
  const headers = { accept: ACCEPTED_MEDIA_TYPES.join(', ') };
  return { method, path: `manifests/${wanted}`, headers };
}

/** Lower case, without parameters; empty where it is not stated. */
export function mediaTypeOf(response: HttpResponse): string {
  return (header(response, 'content-type') ?? '').replace(/\s*;.*$/, '').toLowerCase();
}

/** Undefined where the registry does not say, or names an algorithm that is not ours. */
export function findDigest(response: HttpResponse): Digest | undefined {
  const text = header(response, 'docker-content-digest');
  if (text === undefined) return undefined;
  try {
    return parseDigest(text);
  } catch (error) {
    if (isOcupError(error, 'E_IMAGE_DIGEST')) return undefined;
    throw error;
  }
}

/** @throws E_IMAGE_DIGEST when a reference with a digest was answered with another one */
export function checkAsked(reference: Reference, digest: Digest): void {
  if (reference.digest === undefined || reference.digest === digest) return;
  throw new OcupError(
    'E_IMAGE_DIGEST',
    `registry answers ${formatFamiliarReference(reference)} with another digest: ${digest}`,
  );
}
