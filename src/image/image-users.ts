import { basename } from 'node:path';

import { type Digest, parseDigest } from '../model/digest.ts';

/** A container, or whatever else is being made, as the user of an image. */
export interface ImageUser {
  readonly name: string;
  readonly imageId: string;
  /** The folders of its layers. */
  readonly layers: readonly string[];
}

/** Who uses what of the store; asked anew each time. */
export class ImageUsers {
  private readonly list: () => Iterable<ImageUser>;

  constructor(list: () => Iterable<ImageUser>) {
    this.list = list;
  }

  /** The names of those that use one of the images. */
  ofImages(imageIds: readonly string[]): readonly string[] {
    return this.names(({ imageId }) => imageIds.includes(imageId));
  }

  /** The names of those that use a snapshot, whatever the documents say of their images. */
  ofChain(chainId: Digest): readonly string[] {
    return this.names(({ layers }) => layers.some((path) => findChain(path) === chainId));
  }

  /** All snapshots in use. */
  chains(): ReadonlySet<Digest> {
    const paths = [...this.list()].flatMap(({ layers }) => layers);
    return new Set(paths.flatMap((path) => findChain(path) ?? []));
  }

  private names(isMeant: (user: ImageUser) => boolean): readonly string[] {
    return [...new Set([...this.list()].filter(isMeant).map(({ name }) => name))];
  }
}

/** The chain ID of a snapshot's folder; undefined for a folder that is none. */
function findChain(path: string): Digest | undefined {
  const name = basename(path);
  return /^[a-f0-9]{64}$/.test(name) ? parseDigest(`sha256:${name}`) : undefined;
}

/** Who keeps something from being removed: `containers a, b are using it`. The first three are named. */
export function describeUsers(users: readonly string[]): string {
  const named = users.slice(0, 3).join(', ');
  const rest = users.length > 3 ? ` and ${users.length - 3} more` : '';
  return users.length === 1
    ? `container ${named} is using it`
    : `containers ${named}${rest} are using it`;
}
