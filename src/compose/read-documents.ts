import { idsOf } from './environment.ts';
import { type Values, interpolate } from './interpolate.ts';
import type { Loading } from './loading.ts';
import type { Place } from './problems.ts';
import { type RawMap, isNull } from './raw-tree.ts';

/**
 * The documents of a compose file, interpolated; none where nothing is written in it. Those that are no maps are
 * told and left out; a file that cannot be read is told at `place`, where it is named.
 */
export async function readDocuments(
  path: string,
  loading: Loading,
  place: Place = fileStart(path),
): Promise<readonly RawMap[]> {
  const { problems } = loading;
  const file = await loading.parsed.read(path);
  if (file.kind === 'unreadable') {
    problems.error(place, file.reason, { code: 'E_COMPOSE_READ' });
    return [];
  }
  const values: Values = {
    lookup: (name) => loading.variables.get(name),
    ids: idsOf(loading.userIds),
  };
  const maps: RawMap[] = [];
  for (const document of file.documents) {
    if (document.kind !== 'map') {
      const message = 'top-level object must be a mapping';
      const hint = isNull(document) ? 'remove the `---` that nothing follows' : undefined;
      problems.error({ position: document.position, path: [] }, message, { hint });
      continue;
    }
    const read = loading.interpolates ? interpolate(document, values, problems) : document;
    if (read.kind === 'map') maps.push(read);
  }
  return maps;
}

/** Where a file begins. */
export function fileStart(path: string): Place {
  return { position: { file: path, line: 1, column: 1 }, path: [] };
}
