import type { Position } from '../model/project.ts';
import { toEntries } from './env-files.ts';
import { type RawMap, findChild, findMap, isNull, scalarText } from './raw-tree.ts';

/** A variable of a service. */
export interface ServiceVariable {
  readonly name: string;
  /** Undefined: taken over from outside, where it is not set; containers do not have it. */
  readonly value: string | undefined;
  /** Of the line in a compose file, or in a file of `env_file`. */
  readonly position: Position;
  /** Of the line in `.env` that a variable without a value is taken from. */
  readonly valuePosition: Position | undefined;
}

/** The variables that the files give to a service, sorted by name; undefined if there is no such service. */
export function serviceVariables(
  root: RawMap,
  service: string,
): readonly ServiceVariable[] | undefined {
  const node = findMap(findMap(root, 'services'), service);
  if (node === undefined) return undefined;
  const variables: ServiceVariable[] = [];
  for (const [name, entry] of toEntries(findChild(node, 'environment'))) {
    const { node: value, position } = entry;
    variables.push({
      name,
      value: value.kind === 'scalar' && !isNull(value) ? scalarText(value.value) : undefined,
      position,
      valuePosition: value.position.file === position.file ? undefined : value.position,
    });
  }
  return variables.sort((a, b) => (a.name < b.name ? -1 : 1));
}
