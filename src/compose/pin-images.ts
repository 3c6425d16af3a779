import { dirname } from 'node:path';
import type { Lock } from '../model/lock.ts';
import type { Project, Service } from '../model/project.ts';
import { formatFamiliarReference, parseImageSource } from '../model/reference.ts';
import { lockKey, lockPath } from './lock-file.ts';

export interface Pinned {
  /** Images of registries have the digest that the lock tells. */
  readonly project: Project;
  /** References that the lock does not know, as the services write them. */
  readonly unlocked: readonly string[];
  /** Local sources that the lock knows: their digest can only be compared. */
  readonly local: readonly { readonly image: string; readonly digest: string }[];
}

/** Gives each service the image that the lock names, whatever its tag stands for now. */
export function pinImages(project: Project, lock: Lock): Pinned {
  const folder = dirname(lockPath(project));
  const unlocked = new Set<string>();
  const local = new Map<string, string>();
  const services = project.services.map((service): Service => {
    const { image } = service.container;
    const source = parseImageSource(image);
    const key = lockKey(source, folder);
    if (key === undefined || isBuilt(service)) return service;
    const locked = lock.images[key];
    if (locked === undefined) {
      unlocked.add(image);
      return service;
    }
    if (source.kind !== 'registry') {
      local.set(image, locked.digest);
      return service;
    }
    const reference = { ...source.reference, digest: locked.digest };
    const pinned = formatFamiliarReference(reference);
    return { ...service, container: { ...service.container, image: pinned } };
  });
  return {
    project: { ...project, services },
    unlocked: [...unlocked],
    local: [...local].map(([image, digest]) => ({ image, digest })),
  };
}

/** A service whose image has no name but the one that building gives it. */
export function isBuilt(service: Service): boolean {
  return service.hasBuild && service.canonical['image'] === undefined;
}
