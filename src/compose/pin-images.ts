import { dirname } from 'node:path';
import type { Hooks } from '../model/container.ts';
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
  const pin = (image: string): string => {
    const source = parseImageSource(image);
    const key = lockKey(source, folder);
    if (key === undefined) return image;
    const locked = lock.images[key];
    if (locked === undefined) {
      unlocked.add(image);
      return image;
    }
    if (source.kind !== 'registry') {
      local.set(image, locked.digest);
      return image;
    }
    return formatFamiliarReference({ ...source.reference, digest: locked.digest });
  };
  const services = project.services.map((service): Service => {
    const { image, hooks } = service.container;
    const pinned = isBuilt(service) ? image : pin(image);
    const container = { ...service.container, image: pinned, hooks: pinHooks(hooks, pin) };
    return { ...service, container };
  });
  return {
    project: { ...project, services },
    unlocked: [...unlocked],
    local: [...local].map(([image, digest]) => ({ image, digest })),
  };
}

function pinHooks(hooks: Hooks | undefined, pin: (image: string) => string): Hooks | undefined {
  if (hooks?.preStart === undefined) return hooks;
  const preStart = hooks.preStart.map((hook) => ({
    ...hook,
    image: hook.image === undefined ? undefined : pin(hook.image),
  }));
  return { ...hooks, preStart };
}

/** A service whose image has no name but the one that building gives it. */
export function isBuilt(service: Service): boolean {
  return service.hasBuild && service.canonical['image'] === undefined;
}
