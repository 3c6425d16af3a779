import { relative } from 'node:path';
import type { Position } from '../model/project.ts';
import type { CanonicalOptions } from './long-forms.ts';
import type { Variables } from './environment.ts';
import type { ParsedFiles } from './parsed-files.ts';
import type { PathBase } from './paths.ts';
import type { Problems } from './problems.ts';
import type { SourceFiles } from './source-files.ts';
import type { Lookup } from './template.ts';

/** What the phases share while the files of a project, or of something it includes, are read. */
export interface Loading {
  readonly problems: Problems;
  readonly files: SourceFiles;
  readonly parsed: ParsedFiles;
  /** Of the project or of the included one. */
  readonly variables: Variables;
  /** The lines that set those variables which come from `.env` files of the project. */
  readonly origins: ReadonlyMap<string, Position>;
  readonly lookup: Lookup;
  readonly userIds: { readonly uid: number; readonly gid: number } | undefined;
  /** Absolute: relative paths in the files are below it. */
  readonly projectDir: string;
  readonly home: string;
  readonly interpolates: boolean;
  /** The files that include what is being read, from the outermost. */
  readonly included: readonly string[];
}

/**
 * Makes the paths of what lies in `folder` relative to the folder of the project that takes it in, so that
 * they are resolved, or shown unresolved, with all others.
 */
export function rebase(loading: Loading, folder: string): PathBase {
  return { folder: relative(loading.projectDir, folder), home: loading.home };
}

/** How short forms are read. */
export function canonicalOptions({ problems, interpolates }: Loading): CanonicalOptions {
  return { problems, keepsVariables: !interpolates };
}
