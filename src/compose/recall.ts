import { isDeepStrictEqual } from 'node:util';
import type { Project } from '../model/project.ts';
import type { LoadOptions } from './load-options.ts';
import { diskFiles, type SourceFiles } from './source-files.ts';

/** What a load asked the disk for, and what it got. */
interface Reading {
  readonly texts: Map<string, string | undefined>;
  readonly kinds: Map<string, 'file' | 'folder' | 'missing'>;
}

interface Kept extends Reading {
  readonly options: LoadOptions;
  readonly project: Project;
}

const MAX_KEPT = 4;
/** So many characters of files are compared at the most: reading them again is to be cheaper than loading them. */
const MAX_TEXT_LENGTH = 512 * 1024;

/** Projects that were loaded by this process, the one used last at the end. Projects are never changed in place. */
const kept: Kept[] = [];

/**
 * What `load` gives for `options`, without loading where this process has done so with the same options and every file
 * that was looked at is as it was: the files are read again, and nothing else is done.
 *
 * @throws what `load` throws
 */
export async function recallProject(
  options: LoadOptions,
  load: (options: LoadOptions) => Promise<Project>,
): Promise<Project> {
  if (options.sourceFiles !== undefined) return load(options);
  const disk = diskFiles(options.stdin);
  const known = await findKept(options, disk);
  if (known !== undefined) return known.project;
  const reading: Reading = { texts: new Map(), kinds: new Map() };
  const project = await load({ ...options, sourceFiles: recording(disk, reading) });
  if (isRepeatable(project, reading)) keep({ ...reading, options: asData(options), project });
  return project;
}

async function findKept(options: LoadOptions, disk: SourceFiles): Promise<Kept | undefined> {
  const wanted = asData(options);
  for (const item of kept) {
    if (!isDeepStrictEqual(item.options, wanted) || !(await isUnchanged(item, disk))) continue;
    keep(item);
    return item;
  }
  return undefined;
}

async function isUnchanged({ texts, kinds }: Reading, disk: SourceFiles): Promise<boolean> {
  const checks = [
    ...[...texts].map(async ([path, text]) => (await disk.read(path)) === text),
    ...[...kinds].map(async ([path, kind]) => (await disk.kind(path)) === kind),
  ];
  const results = await Promise.allSettled(checks);
  return results.every((result) => result.status === 'fulfilled' && result.value);
}

function recording(disk: SourceFiles, { texts, kinds }: Reading): SourceFiles {
  return {
    read: async (path) => {
      const text = await disk.read(path);
      texts.set(path, text);
      return text;
    },
    kind: async (path) => {
      const kind = await disk.kind(path);
      kinds.set(path, kind);
      return kind;
    },
  };
}

/** Standard input can be read but once, and inputs of `once` are files that the loader does not show here. */
function isRepeatable(project: Project, { texts }: Reading): boolean {
  if (texts.has('-') || project.services.some(({ once }) => once !== undefined)) return false;
  const length = [...texts.values()].reduce((sum, text = '') => sum + text.length, 0);
  return length <= MAX_TEXT_LENGTH;
}

function keep(item: Kept): void {
  const at = kept.indexOf(item);
  if (at >= 0) kept.splice(at, 1);
  kept.push(item);
  if (kept.length > MAX_KEPT) kept.shift();
}

/** Without what is no data: functions that read. */
function asData({ stdin: _, sourceFiles: __, ...data }: LoadOptions): LoadOptions {
  return data;
}
