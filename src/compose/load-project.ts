import type { Diagnostic, Project } from '../model/project.ts';
import { advise } from './advice.ts';
import { type AttributeUse, attributesInUse, inOrder } from './attributes.ts';
import type { LoadOptions } from './load-options.ts';
import { type Model, loadModelWith } from './load-model.ts';
import { Problems } from './problems.ts';
import { type RawMap, entriesOf, findText } from './raw-tree.ts';
import { CONTENT_KEY } from './resolve-variables.ts';
import { recallProject } from './recall.ts';
import { reportSupport } from './support.ts';
import { toProject } from './to-project.ts';
import { findUnmade } from './unmade.ts';

/**
 * Loads the compose files, and everything they refer to, into a complete project. Reads files, and does
 * nothing else: the same files and options make the same project.
 *
 * @throws E_COMPOSE_NOT_FOUND if there is no compose file
 * @throws E_COMPOSE_… with all problems of all files: as text, a line each with `file:line:column`, and as
 *   `details.diagnostics`
 */
export function loadProject(options: LoadOptions): Promise<Project> {
  return recallProject(options, load);
}

async function load(options: LoadOptions): Promise<Project> {
  const problems = new Problems();
  const model = await loadModelWith(options, problems);
  const project = convert(model, options, problems);
  problems.throwIfAny(options.workingDir);
  reportSupport(model.root, problems);
  advise(model.root, problems);
  return { ...project, diagnostics: problems.list() };
}

/**
 * Loads the compose files into their canonical model only, which is what `config` shows: also of what cannot
 * be run, and with variables, relative paths or inconsistencies kept when the options say so.
 *
 * @throws E_COMPOSE_… as `loadProject` does
 */
export async function loadModel(options: LoadOptions): Promise<Model> {
  const problems = new Problems();
  return loadModelWith(options, problems);
}

/** Every attribute that the files use, and what ocup makes of it. */
export interface SupportReport {
  readonly uses: readonly AttributeUse[];
  /** Warnings about anything else than support. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Loads the compose files and tells what ocup makes of each attribute in use, those of `up`'s errors too.
 *
 * @throws E_COMPOSE_… as `loadProject` does
 */
export async function loadSupport(options: LoadOptions): Promise<SupportReport> {
  const stdin = readOnce(options.stdin);
  const problems = new Problems();
  const model = await loadModelWith({ ...options, stdin }, problems);
  convert(model, { ...options, allowsUnsupported: true }, problems);
  problems.throwIfAny(options.workingDir);
  advise(model.root, problems);
  const asWritten = { ...options, stdin, normalize: false, resolveEnvironment: false };
  const { root } = await loadModelWith(asWritten, new Problems());
  const refused = problems.listRefused('E_COMPOSE_UNSUPPORTED');
  return {
    uses: withRefused(attributesInUse(root), [...refused.flatMap(toUse), ...findUnmade(root)]),
    diagnostics: problems.list().filter((diagnostic) => !refused.includes(diagnostic)),
  };
}

function readOnce(read: LoadOptions['stdin']): LoadOptions['stdin'] {
  if (read === undefined) return undefined;
  let text: Promise<string> | undefined;
  return () => (text ??= read());
}

function toUse({ path, position, message }: Diagnostic): readonly AttributeUse[] {
  return position === undefined ? [] : [{ path, position, status: 'refused', reason: message }];
}

/** What lies below a group that comes to nothing comes to nothing with it. */
function withRefused(
  uses: readonly AttributeUse[],
  refused: readonly AttributeUse[],
): readonly AttributeUse[] {
  const isRefused = ({ path }: AttributeUse): boolean =>
    refused.some((use) => path === use.path || path.startsWith(`${use.path}.`));
  return inOrder([...uses.filter((use) => !isRefused(use)), ...refused]);
}

function convert(
  model: Model,
  options: LoadOptions,
  problems: Problems,
): Omit<Project, 'diagnostics'> {
  return toProject(model, {
    projectName: model.name,
    workingDir: model.workingDir,
    canonical: model.canonical,
    root: model.root,
    problems,
    contents: contentsOf(model.root),
    allowsUnsupported: options.allowsUnsupported === true,
  });
}

function contentsOf(root: RawMap): ReadonlyMap<string, string> {
  const contents = new Map<string, string>();
  for (const section of ['secrets', 'configs']) {
    for (const [name, { node }] of entriesOf(root, section)) {
      const content = findText(node, CONTENT_KEY);
      if (content !== undefined) contents.set(`${section}.${name}`, content);
    }
  }
  return contents;
}
