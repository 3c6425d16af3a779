import { dirname, resolve } from 'node:path';
import { findEnvFile, lookupIn, readEnvFiles, withDefaults } from './environment.ts';
import { type Loading, rebase } from './loading.ts';
import { resolvePaths } from './paths.ts';
import type { Problems } from './problems.ts';
import {
  type Path,
  type RawMap,
  type RawNode,
  findChild,
  findMap,
  findText,
  fingerprint,
  withEntry,
  withoutEntry,
} from './raw-tree.ts';
import { validateInclude } from './validate.ts';

/** Loads files as `loadFiles` does; handed in, since including and loading call each other. */
type LoadFiles = (paths: readonly string[], loading: Loading) => Promise<RawMap | undefined>;

/** An entry of `include`. */
interface Include {
  readonly paths: readonly string[];
  readonly projectDirectory: string | undefined;
  readonly envFiles: readonly string[];
  readonly node: RawNode;
  readonly path: Path;
}

const SECTIONS = ['services', 'volumes', 'networks', 'secrets', 'configs', 'models'];

/**
 * `root` with the resources of the files it includes; each of those is loaded with its own project folder and
 * variables. A resource that both define differently goes to the problems, as circles do.
 *
 * @see compose-spec 14-include.md
 */
export async function applyInclude(
  root: RawMap,
  file: string,
  { loading, loadFiles }: { loading: Loading; loadFiles: LoadFiles },
): Promise<RawMap> {
  const entry = root.entries.get('include');
  if (entry === undefined) return root;
  let made = withoutEntry(root, 'include');
  for (const include of readIncludes(entry.node, loading)) {
    const imported = await load(include, { file, loading, loadFiles });
    if (imported !== undefined) made = importResources(made, imported, loading);
  }
  return made;
}

function readIncludes(node: RawNode, { problems }: Loading): readonly Include[] {
  if (node.kind !== 'list') {
    if (node.kind === 'scalar' && node.value === null) return [];
    problems.error({ position: node.position, path: ['include'] }, '`include` must be a list', {
      hint: 'put `- ` in front of each file',
    });
    return [];
  }
  const includes: Include[] = [];
  for (const [index, item] of node.items.entries()) {
    const path = ['include', index];
    const valid = validateInclude(withoutUnknown(item, path, problems), path, problems);
    if (valid === undefined) continue;
    const paths = valid.kind === 'map' ? textsAt(valid, 'path') : textsOf(valid);
    if (paths.length === 0) {
      problems.error({ position: item.position, path }, "missing property 'path'");
      continue;
    }
    includes.push({
      paths,
      projectDirectory: findText(valid, 'project_directory'),
      envFiles: textsAt(valid, 'env_file'),
      node: valid,
      path,
    });
  }
  return includes;
}

/** Other keys have always been let pass here; they are told all the same. */
function withoutUnknown(item: RawNode, path: Path, problems: Problems): RawNode {
  if (item.kind !== 'map') return item;
  let known = item;
  for (const [key, { position }] of item.entries) {
    if (['path', 'project_directory', 'env_file'].includes(key)) continue;
    problems.warning({ position, path: [...path, key] }, 'is not known, and ignored');
    known = withoutEntry(known, key);
  }
  return known;
}

async function load(
  include: Include,
  { file, loading, loadFiles }: { file: string; loading: Loading; loadFiles: LoadFiles },
): Promise<RawMap | undefined> {
  const { problems, projectDir } = loading;
  const paths = include.paths.map((path) => resolve(projectDir, path));
  const included = [...loading.included, file];
  const place = { position: include.node.position, path: include.path };
  const first = paths[0] ?? '';
  if (included.includes(first)) {
    const chain = [...included, first].join('\n include ');
    problems.error(place, `include cycle detected:\n${chain}`);
    return undefined;
  }
  for (const path of paths) {
    if ((await loading.files.kind(path)) === 'file') continue;
    const hint = 'the path is relative to the folder of the project';
    problems.error(place, `open ${path}: no such file or directory`, {
      hint,
      code: 'E_COMPOSE_READ',
    });
    return undefined;
  }
  const own =
    include.projectDirectory === undefined
      ? dirname(first)
      : resolve(projectDir, include.projectDirectory);
  const variables = await includedVariables(include, own, loading);
  const below: Loading = {
    ...loading,
    variables,
    lookup: lookupIn(variables, loading.userIds),
    projectDir: own,
    included,
  };
  const imported = await loadFiles(paths, below);
  return imported === undefined ? undefined : resolvePaths(imported, rebase(loading, own));
}

/** The project's variables, and beyond them those of the files named, or of `.env` in the folder. */
async function includedVariables(
  include: Include,
  folder: string,
  loading: Loading,
): Promise<Map<string, string>> {
  const { files, problems } = loading;
  const place = { position: include.node.position, path: include.path };
  const named = include.envFiles.map((path) => resolve(loading.projectDir, path));
  const paths = named.length > 0 ? named : await findEnvFile(folder, loading.files);
  return withDefaults(
    loading.variables,
    await readEnvFiles(paths, loading.lookup, { files, problems, place }),
  );
}

function importResources(root: RawMap, imported: RawMap, { problems }: Loading): RawMap {
  let made = root;
  for (const section of SECTIONS) {
    const source = findMap(imported, section);
    if (source === undefined) continue;
    const target = findMap(made, section);
    const entries = new Map(target?.entries);
    for (const [name, entry] of source.entries) {
      const existing = entries.get(name);
      if (existing === undefined) entries.set(name, entry);
      else if (fingerprint(existing.node) !== fingerprint(entry.node)) {
        const { file, line } = entry.position;
        const message = `${section}.${name} conflicts with imported resource`;
        const hint = `it is defined in ${file}:${line} too: rename one, or override it in a second file of \`include.path\``;
        problems.error({ position: existing.position, path: [section, name] }, message, { hint });
      }
    }
    made = withEntry(made, section, {
      kind: 'map',
      entries,
      position: (target ?? source).position,
    });
  }
  return made;
}

function textsAt(node: RawNode, key: string): readonly string[] {
  const child = findChild(node, key);
  return child === undefined ? [] : textsOf(child);
}

function textsOf(node: RawNode): readonly string[] {
  const items = node.kind === 'list' ? node.items : [node];
  return items.flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [],
  );
}
