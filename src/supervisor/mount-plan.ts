import type { Mount } from '../model/container.ts';

/** A volume mount whose volume has a name. */
export type VolumeMount = Extract<Mount, { readonly kind: 'volume' }> & { readonly volume: string };

export interface MountPlanInput {
  readonly mounts: readonly Mount[];
  /** Absolute paths that the image declares as volumes. */
  readonly imageVolumes: readonly string[];
  /** Volumes of the container that this one replaces, by target. */
  readonly inherited: ReadonlyMap<string, string>;
  /** A new name for an anonymous volume. */
  readonly makeName: () => string;
}

export interface MountPlan {
  /** In the order of the config, then those of the image. */
  readonly mounts: readonly Mount[];
  /** The names among them that were made up now. */
  readonly newAnonymous: readonly string[];
}

/**
 * Gives each volume mount a name: its own, else that of the same target in the container that is replaced,
 * else a new one. A declared volume of the image gets a mount unless something else is mounted there.
 * @see image-spec config.md Volumes
 */
export function planMounts(input: MountPlanInput): MountPlan {
  const targets = new Set(input.mounts.map(({ target }) => trimSlashes(target)));
  const declared = input.imageVolumes
    .filter((target) => !targets.has(trimSlashes(target)))
    .map(imageVolume);
  const newAnonymous: string[] = [];
  const mounts = [...input.mounts, ...declared].map((mount) => {
    if (mount.kind !== 'volume' || mount.volume !== undefined) return mount;
    let volume = input.inherited.get(trimSlashes(mount.target));
    if (volume === undefined) {
      volume = input.makeName();
      newAnonymous.push(volume);
    }
    return { ...mount, volume };
  });
  return { mounts, newAnonymous };
}

/** The anonymous volumes of a container by target; `isAnonymous` knows a volume by its name. */
export function inheritableVolumes(
  mounts: readonly Mount[],
  isAnonymous: (volume: string) => boolean,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { target, volume } of volumeMounts(mounts)) {
    if (isAnonymous(volume)) found.set(trimSlashes(target), volume);
  }
  return found;
}

/** The volume mounts among the mounts of a container, all of which have names. */
export function volumeMounts(mounts: readonly Mount[]): readonly VolumeMount[] {
  return mounts.flatMap((mount) =>
    mount.kind === 'volume' && mount.volume !== undefined
      ? [{ ...mount, volume: mount.volume }]
      : [],
  );
}

function imageVolume(target: string): Mount {
  return {
    kind: 'volume',
    volume: undefined,
    target,
    isReadOnly: false,
    noCopy: false,
    subpath: undefined,
  };
}

function trimSlashes(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
