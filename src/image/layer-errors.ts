import { types } from 'node:util';

import { OcupError, isOcupError, messageOf } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import type { UnpackResult } from '../native/layers.ts';

/** The error of unpacking `layer` as users know it; errors that are worded already stay as they are. */
export function unpackError(error: unknown, layer: Descriptor): unknown {
  if (!types.isNativeError(error) || isOcupError(error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  const name = shortDigest(layer.digest);
  const reason = messageOf(error);
  switch (code) {
    case 'LAYER_CANCELLED':
      return new OcupError('E_CANCELLED', 'cancelled', { cause: error });
    case 'LAYER_FORMAT':
      return new OcupError('E_IMAGE_FORMAT', `cannot unpack layer ${name}: ${reason}`, {
        cause: error,
      });
    case 'LAYER_LIMIT':
      return new OcupError('E_IMAGE_UNPACK', `cannot unpack layer ${name}: ${reason}`, {
        hint: 'Raise OCUP_MAX_LAYER_BYTES or OCUP_MAX_LAYER_ENTRIES if the image is to be trusted.',
        cause: error,
      });
    default:
      return new OcupError('E_IMAGE_UNPACK', `cannot unpack layer ${name}: ${reason}`, {
        hint:
          code === 'ENOSPC'
            ? 'Free some space: `ocup image prune` removes unused images.'
            : undefined,
        cause: error,
      });
  }
}

/** Holds what a blob came to against what the image says of it. @throws E_IMAGE_DIGEST */
export function checkLayer(
  result: UnpackResult,
  { layer, diffId }: { readonly layer: Descriptor; readonly diffId: Digest },
): void {
  if (result.digest !== layer.digest || result.size !== layer.size) {
    throw new OcupError(
      'E_IMAGE_DIGEST',
      `layer ${shortDigest(layer.digest)} is damaged: its ${result.size} bytes have the digest ${result.digest}`,
    );
  }
  if (result.diffId !== '' && result.diffId !== diffId) {
    throw new OcupError(
      'E_IMAGE_DIGEST',
      `layer ${shortDigest(layer.digest)} is not what the configuration names: its diff ID is ${result.diffId} instead of ${diffId}`,
    );
  }
}

/** Whether the bytes of a blob are to blame, such as those that a disk has lost. */
export function isDamage(error: unknown): boolean {
  if (isOcupError(error, 'E_IMAGE_DIGEST')) return true;
  return types.isNativeError(error) && 'code' in error && error.code === 'LAYER_FORMAT';
}

/** The first twelve digits, as they are shown everywhere. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}
