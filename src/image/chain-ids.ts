import { createHash } from 'node:crypto';

import { type Digest, parseDigest } from '../model/digest.ts';

/**
 * The chain ID of each layer together with those below it, the base first.
 * @see image-spec config.md#layer-chainid
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : link(below, diffId));
  }
  return chain;
}

function link(below: Digest, diffId: Digest): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`);
}
