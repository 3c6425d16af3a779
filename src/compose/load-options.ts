import type { SourceFiles } from './source-files.ts';

/** What to load, and how. */
export interface LoadOptions {
  /** The folder the command was started in; absolute. */
  readonly workingDir: string;
  /** The variables of the shell. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Given with `-f`, in their order; `-` is standard input. Found by name if there are none. */
  readonly files?: readonly string[] | undefined;
  readonly projectName?: string | undefined;
  readonly projectDirectory?: string | undefined;
  /** Given with `--env-file`; a later one overrides an earlier one. */
  readonly envFiles?: readonly string[] | undefined;
  readonly profiles?: readonly string[] | undefined;
  /** Services named on the command line: their profiles are active. */
  readonly services?: readonly string[] | undefined;
  readonly stdin?: (() => Promise<string>) | undefined;
  /** `UID` and `GID` in files, unless they are set. */
  readonly userIds?: { readonly uid: number; readonly gid: number } | undefined;
  /** False keeps `${…}` as it is written. */
  readonly interpolate?: boolean | undefined;
  /** False leaves out what is implied: names, the default network, dependencies. */
  readonly normalize?: boolean | undefined;
  /** False keeps relative paths. */
  readonly resolvePaths?: boolean | undefined;
  /** False lets undefined volumes, networks and services pass. */
  readonly checkConsistency?: boolean | undefined;
  /** False keeps `env_file` instead of reading it. */
  readonly resolveEnvironment?: boolean | undefined;
  /** True: what ocup cannot run is a warning instead of an error, for commands that only show things. */
  readonly allowsUnsupported?: boolean | undefined;
  /** Read from instead of the disk. */
  readonly sourceFiles?: SourceFiles | undefined;
}
