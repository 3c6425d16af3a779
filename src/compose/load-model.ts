import { resolve } from 'node:path';
import type { Diagnostic, JsonObject, Position } from '../model/project.ts';
import { applySilence } from './advice.ts';
import { checkResources } from './check-resources.ts';
import { checkConsistency } from './consistency.ts';
import { anyJson, decodeObject } from './decode.ts';
import { discover, namedFiles, projectDirOf } from './discover.ts';
import { resolveEnvFiles } from './env-files.ts';
import {
  type Variables,
  findEnvFiles,
  lookupIn,
  readEnvFiles,
  shellVariables,
  splitList,
  withDefaults,
} from './environment.ts';
import { loadFiles } from './load-files.ts';
import type { LoadOptions } from './load-options.ts';
import type { Loading } from './loading.ts';
import { normalise } from './normalise.ts';
import { ParsedFiles } from './parsed-files.ts';
import { resolvePaths } from './paths.ts';
import type { Problems } from './problems.ts';
import { allProfiles, dropUnused, selectServices } from './profiles.ts';
import { chooseProjectName, normaliseName } from './project-name.ts';
import { type RawMap, findChild, findMap, findText, mapOf, scalar, withEntry } from './raw-tree.ts';
import { fileStart } from './read-documents.ts';
import { PROJECT } from './shapes.ts';
import { substitute } from './template.ts';
import { type SourceFiles, diskFiles } from './source-files.ts';

/** A loaded project before it becomes containers, networks and volumes: what `config` shows. */
export interface Model {
  readonly name: string;
  readonly workingDir: string;
  readonly configFiles: readonly string[];
  readonly environmentFiles: readonly string[];
  /** What variables in the files were replaced by. */
  readonly variables: Variables;
  readonly disabledServices: readonly string[];
  /** Every profile that a service names, active or not. */
  readonly profiles: readonly string[];
  readonly canonical: JsonObject;
  /** The tree behind `canonical`, with positions. */
  readonly root: RawMap;
  readonly diagnostics: readonly Diagnostic[];
}

/** Everything known before the first compose file is read. */
interface Setting {
  readonly options: LoadOptions;
  readonly files: SourceFiles;
  readonly problems: Problems;
  readonly projectDir: string;
  readonly configFiles: readonly string[];
  readonly environmentFiles: readonly string[];
  readonly variables: Variables;
  readonly origins: ReadonlyMap<string, Position>;
}

/**
 * Loads the compose files into one canonical model; `problems` gets what is wrong, and the warnings.
 *
 * @throws E_COMPOSE_NOT_FOUND if there is no file
 * @throws E_COMPOSE_… with all problems of all files
 */
export async function loadModelWith(options: LoadOptions, problems: Problems): Promise<Model> {
  const setting = await settle(options, problems);
  problems.throwIfAny(options.workingDir);
  const parsed = new ParsedFiles(setting.files, problems);
  const name = await projectName(setting, parsed);
  const variables = new Map([...setting.variables, ['COMPOSE_PROJECT_NAME', name]]);
  const loading: Loading = {
    problems,
    files: setting.files,
    parsed,
    variables,
    origins: setting.origins,
    lookup: lookupIn(variables, options.userIds),
    userIds: options.userIds,
    projectDir: setting.projectDir,
    home: variables.get('HOME') ?? '/root',
    interpolates: options.interpolate !== false,
    included: [],
  };
  const loaded = await loadFiles(setting.configFiles, loading);
  if (loaded === undefined) {
    problems.throwIfAny(options.workingDir);
    problems.error(fileStart(setting.configFiles[0] ?? ''), 'empty compose file');
    problems.throwIfAny(options.workingDir);
    throw new Error('an error was told and not thrown');
  }
  applySilence(loaded, variables, problems);
  const completed = await complete(loaded, name, { options, loading });
  problems.throwIfAny(options.workingDir);
  return {
    name,
    workingDir: setting.projectDir,
    configFiles: setting.configFiles,
    environmentFiles: setting.environmentFiles,
    variables,
    ...completed,
    diagnostics: problems.list(),
  };
}

/** Finds the files, and the variables that hold for them. */
async function settle(options: LoadOptions, problems: Problems): Promise<Setting> {
  const files = options.sourceFiles ?? diskFiles(options.stdin);
  const reading = { files, problems };
  let variables: Variables = shellVariables(options);
  const read = new Set<string>();
  const origins = new Map<string, Position>();
  const add = async (folder: string): Promise<void> => {
    const paths = await findEnvFiles(options, variables, { folder, files });
    const fresh = paths.filter((path) => !read.has(path));
    const found = new Map<string, Position>();
    const known = lookupIn(variables, options.userIds);
    const added = await readEnvFiles(fresh, known, { ...reading, origins: found });
    for (const [name, at] of found) if (!variables.has(name)) origins.set(name, at);
    for (const path of fresh) read.add(path);
    variables = withDefaults(variables, added);
  };
  // `.env` may say which files make the project; their folder may have another one.
  const first = namedFiles(options, variables);
  await add(first.length > 0 ? projectDirOf(options, first) : startFolder(options));
  const { files: configFiles, projectDir } = await discover(options, variables, reading);
  await add(projectDir);
  return {
    options,
    files,
    problems,
    projectDir,
    configFiles,
    environmentFiles: [...read],
    variables,
    origins,
  };
}

function startFolder(options: LoadOptions): string {
  return resolve(options.workingDir, options.projectDirectory ?? '.');
}

async function projectName(setting: Setting, parsed: ParsedFiles): Promise<string> {
  const { options, variables, projectDir } = setting;
  const given = [options.projectName, variables.get('COMPOSE_PROJECT_NAME')];
  const chosen = given.find((name) => name !== undefined && name !== '');
  const written = await nameInFiles(setting, parsed);
  if (chosen === undefined && written !== undefined && normaliseName(written.name) === '') {
    const hint = 'give the variables in it a value, or name the project with -p';
    const place = { position: written.position, path: ['name'] };
    setting.problems.error(place, 'project name must not be empty', { hint });
    setting.problems.throwIfAny(options.workingDir);
  }
  return chooseProjectName({
    given: chosen,
    inFiles: written?.name,
    folders: [projectDir, options.workingDir],
  });
}

/** The `name` of the last file that has one. */
async function nameInFiles(
  setting: Setting,
  parsed: ParsedFiles,
): Promise<{ readonly name: string; readonly position: Position } | undefined> {
  const { options, variables, configFiles } = setting;
  let found: { name: string; position: Position } | undefined;
  for (const path of configFiles) {
    const file = await parsed.read(path);
    if (file.kind === 'unreadable') continue;
    for (const document of file.documents) {
      const name = findText(document, 'name');
      if (name === undefined || name === '') continue;
      const text =
        options.interpolate === false
          ? name
          : substitute(name, lookupIn(variables, options.userIds)).text;
      found = { name: text, position: findChild(document, 'name')?.position ?? document.position };
    }
  }
  return found;
}

const NO_VARIABLES: Variables = new Map();

interface Completed {
  readonly root: RawMap;
  readonly canonical: JsonObject;
  readonly disabledServices: readonly string[];
  readonly profiles: readonly string[];
}

async function complete(
  loaded: RawMap,
  name: string,
  { options, loading }: { options: LoadOptions; loading: Loading },
): Promise<Completed> {
  const { problems, variables } = loading;
  checkResources(loaded, problems);
  let root = loaded;
  if (options.resolvePaths !== false)
    root = resolvePaths(root, { folder: loading.projectDir, home: loading.home });
  if (options.normalize !== false)
    root = normalise(root, name, loading.interpolates ? variables : NO_VARIABLES);
  const profiles = allProfiles(root);
  if (options.interpolate === false) {
    const plain = anyJson(root);
    const canonical = isObject(plain) ? plain : {};
    return { root, canonical, disabledServices: [], profiles };
  }
  const active = options.profiles ?? [];
  const chosen = active.length > 0 ? active : splitList(variables.get('COMPOSE_PROFILES'), ',');
  const selection = selectServices(root, chosen, options.services ?? []);
  root = dropUnused(selection.root);
  if (options.checkConsistency !== false) {
    checkConsistency(selection.root, problems, selection.disabled);
    root = alignReplicas(root);
  }
  if (options.resolveEnvironment !== false)
    root = await resolveEnvFiles(root, { ...loading, variables });
  root = withEntry(root, 'name', scalar(name, findChild(root, 'name')?.position ?? root.position));
  if (findMap(root, 'services') === undefined)
    root = withEntry(root, 'services', mapOf({}, root.position));
  const canonical = decodeObject(root, PROJECT, problems);
  return { root, canonical, disabledServices: selection.disabled, profiles };
}

/** `scale` says what `deploy.replicas` says: where there is a `deploy`, both stand. */
function alignReplicas(root: RawMap): RawMap {
  const services = findMap(root, 'services');
  if (services === undefined) return root;
  let made = services;
  for (const [name, { node }] of services.entries) {
    const deploy = findMap(node, 'deploy');
    const scale = findChild(node, 'scale');
    if (node.kind !== 'map' || deploy === undefined || scale === undefined) continue;
    made = withEntry(made, name, withEntry(node, 'deploy', withEntry(deploy, 'replicas', scale)));
  }
  return made === services ? root : withEntry(root, 'services', made);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
