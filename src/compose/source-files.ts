import { readFile, stat } from 'node:fs/promises';
import { findErrno } from '../base/errors.ts';

/** Where the loader reads from: the one place that does I/O. */
export interface SourceFiles {
  /** The text of a file; undefined if there is none. @throws the system error of anything else */
  read(path: string): Promise<string | undefined>;
  kind(path: string): Promise<'file' | 'folder' | 'missing'>;
}

/** The files of this machine; `-` is what `stdin` gives. */
export function diskFiles(stdin: (() => Promise<string>) | undefined): SourceFiles {
  let input: Promise<string> | undefined;
  return {
    read: async (path) => {
      if (path === '-' && stdin !== undefined) return (input ??= stdin());
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    kind: async (path) => {
      try {
        return (await stat(path)).isDirectory() ? 'folder' : 'file';
      } catch (error) {
        if (isMissing(error)) return 'missing';
        throw error;
      }
    },
  };
}

function isMissing(error: unknown): boolean {
  const errno = findErrno(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}
