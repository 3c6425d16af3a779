/** What `up`, `create` and `run` ask of the planner. */
export interface UpOptions {
  /** Named services; empty: all. */
  readonly services: readonly string[];
  /** Whether what they depend on is part of it. */
  readonly withDependencies: boolean;
  readonly recreate: 'diverged' | 'force' | 'never';
  /** The same for services that were not named. */
  readonly recreateDependencies: 'diverged' | 'force';
  readonly orphans: 'warn' | 'remove' | 'ignore';
  /** `service → number of containers`, before the project's own number. */
  readonly scale: Readonly<Record<string, number>>;
  /** Undefined: what each service says, `missing` by default. */
  readonly pull: 'always' | 'missing' | 'never' | undefined;
  /** `imageKey`s that were pulled just now and need no further look at a registry. */
  readonly pulled: ReadonlySet<string>;
  /** False: containers are made, not started. */
  readonly start: boolean;
  /** Whether anonymous volumes begin empty in a container that replaces another. */
  readonly renewVolumes: boolean;
  /** Grace for what is stopped; undefined: each container's own. */
  readonly timeoutMs: number | undefined;
  /** Of ocup, for labels. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** What a plain `ocup up` asks for. */
export function defaultUpOptions(known: {
  readonly version: string;
  readonly nowMs: number;
}): UpOptions {
  return {
    services: [],
    withDependencies: true,
    recreate: 'diverged',
    recreateDependencies: 'diverged',
    orphans: 'warn',
    scale: {},
    pull: undefined,
    pulled: new Set(),
    start: true,
    renewVolumes: false,
    timeoutMs: undefined,
    ...known,
  };
}
