import type { Stats } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findErrno } from '../base/errors.ts';

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** A log that rotates: `log` is the newest file, `log.1` the one before, and so on. */
export interface LogFile {
  readonly path: string;
  readonly inode: number;
  readonly sizeBytes: number;
}

/** A rotation takes less than a scan or two; beyond this many the folder is not settling. */
const MAX_SCANS = 100;

/** The files of a log, oldest first, as they are between two rotations. */
export async function listLogFiles(path: string): Promise<readonly LogFile[]> {
  let files = await scanLogFiles(path);
  for (let scans = 1; scans < MAX_SCANS; scans += 1) {
    // A file that is renamed during a scan may be missed by it, or be seen twice.
    const again = await scanLogFiles(path);
    if (hasSameFiles(files, again)) return again;
    files = again;
  }
  return files;
}

function hasSameFiles(a: readonly LogFile[], b: readonly LogFile[]): boolean {
  if (a.length !== b.length || new Set(a.map(({ inode }) => inode)).size < a.length) return false;
  return a.every((file, index) => {
    const other = b[index];
    return other?.inode === file.inode && other.path === file.path;
  });
}

async function scanLogFiles(path: string): Promise<readonly LogFile[]> {
  const names = await readdir(dirname(path)).catch((error: unknown): string[] => {
    if (findErrno(error) === 'ENOENT') return [];
    throw error;
  });
  const prefix = `${basename(path)}.`;
  const numbers = names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a);
  const paths = numbers.map((number) => join(dirname(path), `${prefix}${number}`));
  const found: LogFile[] = [];
  for (const candidate of [...paths, path]) {
    const status = await statIfThere(candidate);
    if (status !== undefined) {
      found.push({ path: candidate, inode: status.ino, sizeBytes: status.size });
    }
  }
  return found;
}

/** Undefined where there is no such file. */
export async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined where there is no such file. */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export interface TailStart {
  /** Where the last lines begin. */
  readonly offset: number;
  /** How many of them this file has. */
  readonly lines: number;
}

/** Finds the last `lines` lines of a file by reading it from its end; parts of one long line are one. */
export async function findTail(file: FileHandle, lines: number): Promise<TailStart> {
  const { size } = await file.stat();
  let seen = 0;
  let start = size;
  /** What of the block behind this one belongs to a line that begins here. */
  let carried: Buffer = Buffer.alloc(0);
  for (let end = size; end > 0;) {
    const from = Math.max(0, end - BLOCK_BYTES);
    const block = Buffer.alloc(end - from);
    const { bytesRead } = await file.read(block, 0, block.length, from);
    const bytes = Buffer.concat([block.subarray(0, bytesRead), carried]);
    let lineEnd = bytes.length;
    for (;;) {
      const newline = lineEnd < 2 ? -1 : bytes.lastIndexOf(NEWLINE, lineEnd - 2);
      if (newline < 0 && from > 0) break;
      if (lineEnd > newline + 1) {
        const isPart = isPartial(bytes.subarray(newline + 1, lineEnd));
        if (!isPart && seen === lines) return { offset: start, lines: seen };
        if (!isPart) seen += 1;
        start = from + newline + 1;
      }
      lineEnd = newline + 1;
      if (newline < 0) break;
    }
    carried = bytes.subarray(0, lineEnd);
    end = from;
  }
  return { offset: start, lines: seen };
}

/** Whether the entry is a part of a line that goes on: its flag, the third word, is `P`. */
function isPartial(entry: Buffer): boolean {
  const head = entry.toString('latin1', 0, 64).split(' ', 3);
  return head[2] === 'P';
}
