import { canonicalise } from './canonicalise.ts';
import { setDefaults } from './defaults.ts';
import { applyExtends } from './extends.ts';
import { applyInclude } from './include.ts';
import { type Loading, canonicalOptions } from './loading.ts';
import { mergeFiles } from './merge.ts';
import { type RawMap, withoutEntry } from './raw-tree.ts';
import { readDocuments } from './read-documents.ts';
import { resolveVariables } from './resolve-variables.ts';
import { dropRepeated } from './unique.ts';
import { validate } from './validate.ts';

/**
 * The files `paths` as one canonical tree: each is interpolated, what it extends and includes is put in, and
 * it is merged over those before it. Paths stay relative. What is wrong goes to the problems of `loading`;
 * undefined where nothing is written in any of them.
 */
export async function loadFiles(
  paths: readonly string[],
  loading: Loading,
): Promise<RawMap | undefined> {
  let merged: RawMap | undefined;
  for (const path of paths) {
    for (const document of await readDocuments(path, loading)) {
      merged = await addDocument(merged, document, { path, loading });
    }
  }
  if (merged === undefined) return undefined;
  const complete = setDefaults(merged);
  return loading.interpolates ? resolveVariables(complete, loading) : complete;
}

async function addDocument(
  merged: RawMap | undefined,
  document: RawMap,
  { path, loading }: { path: string; loading: Loading },
): Promise<RawMap> {
  const { problems } = loading;
  const shaped = checkSections(document, loading);
  const extended = await applyExtends(shaped, path, loading);
  const complete = await applyInclude(extended, path, { loading, loadFiles });
  const together = mergeFiles(merged, complete, { problems, keepsTags: false });
  const valid = validate(dropRepeated(together), problems);
  return dropRepeated(canonicalise(dropVersion(valid, loading), canonicalOptions(loading)));
}

/** Before the schema is looked at, services are extended: they must be maps for that. */
function checkSections(document: RawMap, { problems }: Loading): RawMap {
  const services = document.entries.get('services');
  if (services === undefined || services.node.kind === 'map' || services.node.merge !== undefined)
    return document;
  problems.error(
    { position: services.position, path: ['services'] },
    'services must be a mapping',
    {
      hint: 'write each service as `NAME:` with its attributes below',
    },
  );
  return withoutEntry(document, 'services');
}

function dropVersion(root: RawMap, { problems }: Loading): RawMap {
  const version = root.entries.get('version');
  if (version === undefined) return root;
  const { position } = version;
  const message =
    'the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential confusion';
  problems.warning({ position, path: ['version'] }, message, { topic: 'obsolete-version' });
  return withoutEntry(root, 'version');
}
