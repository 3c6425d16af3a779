import { createHash } from 'node:crypto';

// INVARIANT: every kernel object that ocup makes for networks says whose it is, so that what has no record
// any more is found: a link by its alias, the firewall's tables by their name. The tag keeps several data
// folders on one machine (tests, rootless users) out of each other's way.

/** Eight hex digits that stand for a data folder. */
export function instanceTag(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
}

/** The bridge of a network, unless its options name another. */
export function bridgeName(networkId: string): string {
  return `ocup-${networkId.slice(0, 8)}`;
}

/** The host's end of a container's link to a network; 15 characters are all a name may have. */
export function vethName(containerId: string, networkId: string): string {
  return `ov${containerId.slice(0, 9)}${networkId.slice(0, 4)}`;
}

/** The firewall table of a data folder. */
export function tableName(tag: string): string {
  return `ocup_${tag}`;
}

/** Whose a link is. */
export type LinkOwner =
  | { readonly kind: 'network'; readonly id: string }
  | { readonly kind: 'container'; readonly id: string };

export function formatLinkAlias(tag: string, owner: LinkOwner): string {
  return `ocup:${tag}:${owner.kind}:${owner.id}`;
}

/** The owner that a link's alias names; undefined for links that are not of this data folder. */
export function findLinkOwner(tag: string, alias: string | undefined): LinkOwner | undefined {
  const match = /^ocup:([0-9a-f]{8}):(network|container):(\S+)$/.exec(alias ?? '');
  if (match?.[1] !== tag || match[3] === undefined) return undefined;
  return { kind: match[2] === 'network' ? 'network' : 'container', id: match[3] };
}
