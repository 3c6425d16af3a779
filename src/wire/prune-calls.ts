import type { PruneFilter } from '../model/prune-filter.ts';

interface Call<Params, Result> {
  readonly params: Params;
  readonly result: Result;
  readonly event: never;
}

/** Calls that remove whatever nobody uses. What comes into use meanwhile stays. */
export interface PruneCalls {
  /** `all`: those with a name, too. `damaged` as in `image.list`: nothing that may be of them is removed. */
  'image.prune': Call<
    { readonly all: boolean; readonly filter: PruneFilter },
    {
      readonly untagged: readonly string[];
      readonly deleted: readonly string[];
      readonly freedBytes: number;
      readonly damaged: readonly string[];
    }
  >;
  /** Containers that do not run; ids. */
  'container.prune': Call<
    { readonly filter: PruneFilter },
    { readonly deleted: readonly string[]; readonly freedBytes: number }
  >;
  /** Networks that no container names; names. */
  'network.prune': Call<{ readonly filter: PruneFilter }, { readonly deleted: readonly string[] }>;
  /** Anonymous volumes that no container mounts; names. When they were made does not count. */
  'volume.prune': Call<
    { readonly filter: PruneFilter },
    { readonly deleted: readonly string[]; readonly freedBytes: number }
  >;
}
