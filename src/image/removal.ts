import { OcupError } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import type { Image } from '../model/image.ts';
import { type PruneFilter, isMeant } from '../model/prune-filter.ts';
import { type Catalog, parseLocalSource } from './catalog.ts';
import type { Decision, Garbage } from './garbage.ts';
import { type ImageUsers, describeUsers } from './image-users.ts';
import type { ImageLayout } from './layout.ts';
import { entryName, nameOfSource, withoutName } from './names.ts';

export interface RemoveResult {
  readonly untagged: readonly string[];
  /** Ids of images. */
  readonly deleted: readonly Digest[];
}

export interface PruneRequest {
  /** Those with a name, too. */
  readonly all: boolean;
  readonly filter: PruneFilter;
}

export interface PruneResult {
  /** Names that were taken away. */
  readonly untagged: readonly string[];
  readonly deleted: readonly Digest[];
  readonly freedBytes: number;
  /** As `damaged` gives them. */
  readonly damaged: readonly string[];
}

interface RemovalParts {
  readonly layout: ImageLayout;
  readonly catalog: Catalog;
  readonly garbage: Garbage;
  readonly users: ImageUsers;
}

/** Takes images away; who uses them is asked while nobody can come to use one. `Images` makes the promises. */
export class Removal {
  private readonly parts: RemovalParts;

  constructor(parts: RemovalParts) {
    this.parts = parts;
  }

  async remove(nameOrId: string, options: { readonly force: boolean }): Promise<RemoveResult> {
    const { layout, catalog, garbage, users } = this.parts;
    let result: RemoveResult = { untagged: [], deleted: [] };
    await garbage.collect(async () => {
      const damaged = await catalog.findDamaged(nameOrId);
      if (damaged !== undefined) {
        if (!options.force) throw damagedImage(nameOrId);
        result = { untagged: namesOf([damaged]), deleted: [] };
        return this.drop((entry) => entry === damaged);
      }
      const { image, isById } = await catalog.get(nameOrId);
      const wanted = isById ? undefined : nameOfSource(parseLocalSource(nameOrId));
      const untagged = image.names.filter((name) => wanted === undefined || name === wanted);
      const isLast = untagged.length === image.names.length;
      const inUseBy = users.ofImages(await this.idsBeside(image));
      if (isLast && inUseBy.length > 0 && !options.force) throw imageInUse(nameOrId, inUseBy);
      if (isLast && inUseBy.length === 0) {
        result = { untagged, deleted: [image.id] };
        return this.drop((entry) => entry.digest === image.targetDigest);
      }
      result = { untagged, deleted: [] };
      await layout.update((entries) =>
        untagged.reduce<readonly Descriptor[]>(withoutName, entries),
      );
      return undefined;
    });
    return result;
  }

  /** Removes images without a name, or all, unless a container uses them; and what interrupted pulls left. */
  async prune({ all, filter }: PruneRequest): Promise<PruneResult> {
    const { catalog, garbage, users } = this.parts;
    let idle: readonly Image[] = [];
    const freedBytes = await garbage.collect(async () => {
      const images = await catalog.list();
      const isIdle = ({ id, names, config }: Image): boolean =>
        (all || names.length === 0) &&
        users.ofImages([id]).length === 0 &&
        isMeant(filter, { createdAt: config.created, labels: config.labels });
      const kept = new Set(images.filter((image) => !isIdle(image)).map(targetOf));
      idle = images.filter((image) => isIdle(image) && !kept.has(targetOf(image)));
      const gone = new Set(idle.map(targetOf));
      return this.drop((entry) => gone.has(entry.digest));
    });
    return {
      untagged: [...new Set(idle.flatMap(({ names }) => names))],
      deleted: [...new Set(idle.map((image) => image.id))],
      freedBytes,
      damaged: await catalog.damaged(),
    };
  }

  /** An index may name images for several platforms, which come and go with it. */
  private async idsBeside({ targetDigest }: Image): Promise<readonly string[]> {
    const images = await this.parts.catalog.list();
    return images.filter((image) => image.targetDigest === targetDigest).map(({ id }) => id);
  }

  /** Takes entries out of the index. Within `garbage.collect` only. */
  private async drop(isGone: (entry: Descriptor) => boolean): Promise<Decision> {
    const { layout, catalog } = this.parts;
    const released = await catalog.reachable(layout.entries.filter(isGone));
    await layout.update((entries) => entries.filter((entry) => !isGone(entry)));
    return { needed: await catalog.reachable(), released };
  }
}

function targetOf(image: Image): Digest | undefined {
  return image.targetDigest;
}

function namesOf(entries: readonly Descriptor[]): string[] {
  return entries.flatMap((entry) => entryName(entry) ?? []);
}

function imageInUse(nameOrId: string, users: readonly string[]): OcupError {
  return new OcupError(
    'E_IMAGE_IN_USE',
    `cannot remove image ${nameOrId}: ${describeUsers(users)}`,
    { hint: 'Remove its containers first.' },
  );
}

function damagedImage(nameOrId: string): OcupError {
  return new OcupError(
    'E_IMAGE_STORE',
    `cannot remove image ${nameOrId}: it is damaged, and whose it is cannot be read`,
    { hint: `Repair it with ocup image verify ${nameOrId}, or remove it by force.` },
  );
}
