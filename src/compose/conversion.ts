import type { JsonObject } from '../model/project.ts';
import type { Problems } from './problems.ts';
import { type Path, type RawMap, locate } from './raw-tree.ts';

/** What turning the canonical model into a project shares. */
export interface Conversion {
  readonly projectName: string;
  readonly workingDir: string;
  readonly canonical: JsonObject;
  /** The tree behind `canonical`, for positions. */
  readonly root: RawMap;
  readonly problems: Problems;
  /** Contents of secrets and configs that come from variables, by `secrets.NAME`. */
  readonly contents: ReadonlyMap<string, string>;
  /** True: what cannot be run yet is a warning, since nothing will be run. */
  readonly allowsUnsupported: boolean;
}

/** Tells that what stands at `path` is wrong. */
export function refuse(conversion: Conversion, path: Path, message: string, hint?: string): void {
  const { position } = locate(conversion.root, path);
  conversion.problems.error({ position, path }, message, { hint });
}

/** Tells that what stands at `path` is right, but not something ocup can run. */
export function refuseUnsupported(
  conversion: Conversion,
  path: Path,
  message: string,
  hint?: string,
): void {
  const { position } = locate(conversion.root, path);
  const extras = { hint, code: 'E_COMPOSE_UNSUPPORTED' } as const;
  if (conversion.allowsUnsupported)
    conversion.problems.warning({ position, path }, message, extras);
  else conversion.problems.error({ position, path }, message, extras);
}
