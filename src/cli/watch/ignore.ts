import { readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { findErrno } from '../../base/errors.ts';
import type { WatchRule } from './rules.ts';

/** Tells which paths a rule is about. */
export interface PathFilter {
  /** Whether a change of this file counts. */
  readonly isWanted: (path: string) => boolean;
  /** Whether nothing below this folder can count. */
  readonly isClosed: (folder: string) => boolean;
}

/** What editors and version control write beside the files of a project. */
const PASSING_FILES = [
  '**/.git',
  '**/.idea',
  '**/.DS_Store',
  '**/*~',
  '**/.#*',
  '**/#*#',
  '**/.*.sw?',
  '**/4913',
  '**/.*.kate-swp',
  '**/*___jb_tmp___',
  '**/*___jb_old___',
];

/** @throws the error of a `.dockerignore` that cannot be read */
export async function pathFilter(rule: WatchRule): Promise<PathFilter> {
  const { path, include, buildContext } = rule;
  const ignored = [
    patternsBelow(path, [...PASSING_FILES, ...rule.ignore]),
    ...(buildContext === undefined
      ? []
      : [patternsBelow(buildContext, await readDockerignore(buildContext))]),
  ];
  const wanted = include.length === 0 ? undefined : patternsBelow(path, include);
  const isIgnored = (item: string): boolean => ignored.some(({ matches }) => matches(item));
  return {
    isWanted: (item) => !isIgnored(item) && (wanted?.matches(item) ?? true),
    // An exception may bring something below it back.
    isClosed: (folder) =>
      ignored.some(({ matches, hasExceptions }) => !hasExceptions && matches(folder)),
  };
}

interface Patterns {
  readonly matches: (path: string) => boolean;
  readonly hasExceptions: boolean;
}

/** Patterns in the syntax of `.dockerignore`, relative to `folder`. What is outside matches none of them. */
function patternsBelow(folder: string, patterns: readonly string[]): Patterns {
  const compiled = dockerignore.default({ ignorecase: false }).add([...patterns]);
  return {
    matches(path) {
      const inner = relative(folder, path);
      const isBelow = inner !== '' && inner !== '..' && !inner.startsWith(`..${sep}`);
      return isBelow && compiled.ignores(inner);
    },
    hasExceptions: patterns.some((pattern) => pattern.startsWith('!')),
  };
}

async function readDockerignore(context: string): Promise<readonly string[]> {
  try {
    const text = await readFile(join(context, '.dockerignore'), 'utf8');
    return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  } catch (error) {
    // A context that is no folder here has no such file.
    if (['ENOENT', 'ENOTDIR'].includes(findErrno(error) ?? '')) return [];
    throw error;
  }
}
