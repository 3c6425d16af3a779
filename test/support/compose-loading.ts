import { isOcupError } from '../../src/base/errors.ts';
import type { LoadOptions } from '../../src/compose/load-options.ts';
import { loadModel, loadProject } from '../../src/compose/load-project.ts';
import type { Model } from '../../src/compose/load-model.ts';
import type { SourceFiles } from '../../src/compose/source-files.ts';
import type { Diagnostic, Project, Service } from '../../src/model/project.ts';

/** Files below `/project`, by path. */
export type Files = Readonly<Record<string, string>>;

/** A total fake of the disk: the files given, and the folders they lie in. */
export function memoryFiles(files: Files): SourceFiles {
  const absolute = new Map(
    Object.entries(files).map(([path, text]) => [
      path.startsWith('/') ? path : `/project/${path}`,
      text,
    ]),
  );
  const isFolder = (path: string): boolean =>
    [...absolute.keys()].some((file) => file.startsWith(`${path}/`));
  return {
    read: (path) => {
      if (isFolder(path))
        return Promise.reject(new Error('EISDIR: illegal operation on a directory'));
      return Promise.resolve(absolute.get(path));
    },
    kind: (path) =>
      Promise.resolve(absolute.has(path) ? 'file' : isFolder(path) ? 'folder' : 'missing'),
  };
}

/** The options to load `files` from `/project`; a text alone is `compose.yaml`. */
export function loadOptions(
  files: Files | string,
  options: Partial<LoadOptions> = {},
): LoadOptions {
  return {
    workingDir: '/project',
    environment: { HOME: '/home/user' },
    sourceFiles: memoryFiles(typeof files === 'string' ? { 'compose.yaml': files } : files),
    ...options,
  };
}

export function load(files: Files | string, options: Partial<LoadOptions> = {}): Promise<Project> {
  return loadProject(loadOptions(files, options));
}

export function model(files: Files | string, options: Partial<LoadOptions> = {}): Promise<Model> {
  return loadModel(loadOptions(files, options));
}

/** The service `a` of `services: {a: {image: x, <attributes>}, b: {image: y}}`. */
export async function loadService(
  attributes: string,
  options: Partial<LoadOptions> = {},
): Promise<Service> {
  const project = await load(`services: {a: {image: x, ${attributes}}, b: {image: y}}`, options);
  const service = project.services.find(({ name }) => name === 'a');
  if (service === undefined) throw new Error('no service a');
  return service;
}

/** The errors that loading ends with, as `LINE:COLUMN PATH: MESSAGE`. */
export async function errorsOf(
  files: Files | string,
  options: Partial<LoadOptions> = {},
): Promise<readonly string[]> {
  return (await diagnosticsOf(files, options))
    .filter(({ severity }) => severity === 'error')
    .map(describe);
}

/** The warnings of a project that loads, but for those about images without a tag: cases need no tag. */
export async function warningsOf(
  files: Files | string,
  options: Partial<LoadOptions> = {},
): Promise<readonly string[]> {
  const { diagnostics } = await load(files, options);
  return diagnostics.filter(({ topic }) => topic !== 'latest-tag').map(describe);
}

/** Everything that is told when loading fails. */
export async function diagnosticsOf(
  files: Files | string,
  options: Partial<LoadOptions> = {},
): Promise<readonly Diagnostic[]> {
  try {
    await load(files, options);
    return [];
  } catch (error) {
    if (!isOcupError(error)) throw error;
    const { diagnostics } = error.details;
    if (!Array.isArray(diagnostics)) throw error;
    return diagnostics as Diagnostic[];
  }
}

function describe({ position, path, message }: Diagnostic): string {
  const where = position === undefined ? '' : `${position.line}:${position.column} `;
  return `${where}${path === '' ? '' : `${path}: `}${message}`;
}
