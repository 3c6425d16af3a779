import { OcupError } from '../base/errors.ts';

/** `sha256:` and 64 hex digits. Only `parseDigest` makes one. @see image-spec descriptor.md#digests */
export type Digest = string & { readonly __brand: 'Digest' };

const SHA256 = /^sha256:[a-f0-9]{64}$/;

/** @throws E_IMAGE_DIGEST for another algorithm or a wrong form */
export function parseDigest(text: string): Digest {
  if (!SHA256.test(text)) {
    throw new OcupError('E_IMAGE_DIGEST', `not a sha256 digest: ${JSON.stringify(text)}`);
  }
  return text as Digest;
}

/** The 64 hex digits. */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
