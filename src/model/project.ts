import type { ContainerConfig, Labels, RestartPolicy } from './container.ts';
import type { HealthcheckConfig } from './healthcheck.ts';
import type { NetworkConfig, VolumeConfig } from './network.ts';

/** Where a value stands: line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something to tell the user about a file; loading went on. */
export interface Diagnostic {
  readonly severity: 'warning' | 'error';
  readonly position: Position | undefined;
  /** `services.web.ports[1]`. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** What kind of warning it is, if that kind can be silenced. */
  readonly topic: string | undefined;
}

/** JSON as it stands in files: keys in the compose specification's words. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export type DependencyCondition =
  'service_started' | 'service_healthy' | 'service_completed_successfully';

/** @see compose-spec 05-services.md#depends_on */
export interface Dependency {
  readonly service: string;
  readonly condition: DependencyCondition;
  /** False: only a warning when the service is missing. */
  readonly isRequired: boolean;
  /** Restart with it when it is explicitly restarted or recreated. */
  readonly restart: boolean;
}

export type PullPolicy =
  | { readonly kind: 'always' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'never' }
  | { readonly kind: 'build' }
  | { readonly kind: 'every'; readonly periodMs: number };

/** A service whose work is done when it ended with 0: it does not run again while it is unchanged. */
export interface Once {
  /** A hash of the files it works on; undefined where none are named. */
  readonly inputs: string | undefined;
}

/** A service of a loaded project. */
export interface Service {
  readonly name: string;
  /**
   * What each of its containers is made from. `name` and the number, slug, hash and project labels are not
   * set yet: the planner adds them, since they differ per replica. Networks and volumes carry final names.
   */
  readonly container: Omit<ContainerConfig, 'name'>;
  /** `container_name`; undefined: `<project>-<service>-<n>`. */
  readonly containerName: string | undefined;
  /** Whether `build` is set. ocup cannot build images yet. */
  readonly hasBuild: boolean;
  readonly scale: number;
  readonly profiles: readonly string[];
  readonly dependsOn: readonly Dependency[];
  readonly pullPolicy: PullPolicy | undefined;
  readonly healthcheck: HealthcheckConfig | undefined;
  readonly restart: RestartPolicy;
  /** False: no logs of it in an attached `up`. */
  readonly attach: boolean;
  /** `x-ocup.once`; undefined: each `up` runs it again. */
  readonly once: Once | undefined;
  /** SHA-256 over all that must recreate its containers when it changes, as 64 hex digits. */
  readonly configHash: string;
  /** The service in canonical form, for `config` and for naming what changed. */
  readonly canonical: JsonObject;
  readonly position: Position | undefined;
}

/** A network of a project: made by it, or expected to be there. */
export interface ProjectNetwork {
  readonly key: string;
  readonly isExternal: boolean;
  readonly config: NetworkConfig;
}

export interface ProjectVolume {
  readonly key: string;
  readonly isExternal: boolean;
  readonly config: VolumeConfig;
}

/** A loaded, validated, complete project. */
export interface Project {
  readonly name: string;
  /** Absolute. */
  readonly workingDir: string;
  /** Absolute, in the order they were merged. */
  readonly configFiles: readonly string[];
  readonly environmentFiles: readonly string[];
  /** Those whose profiles are active, sorted by name. */
  readonly services: readonly Service[];
  /** Names of services that no active profile enables. */
  readonly disabledServices: readonly string[];
  /** Only those that an active service uses, sorted by key. */
  readonly networks: readonly ProjectNetwork[];
  readonly volumes: readonly ProjectVolume[];
  readonly labels: Labels;
  /** The whole model in canonical form: what `ocup config` prints. */
  readonly canonical: JsonObject;
  readonly diagnostics: readonly Diagnostic[];
}
