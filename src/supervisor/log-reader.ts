import type { FileHandle } from 'node:fs/promises';
import { readLogLine } from '../wire/log-line.ts';
import type { LogLine } from '../wire/protocol.ts';
import { findTail, listLogFiles, type LogFile, openIfThere, statIfThere } from './log-files.ts';

export interface LogRange {
  /** The last so many lines; undefined: all. */
  readonly tail: number | undefined;
  /** As `findComparableTime` gives it. */
  readonly since: string | undefined;
  readonly until: string | undefined;
}

const CHUNK_BYTES = 256 * 1024;
const MAX_MISSES = 10;
const NEWLINE = 0x0a;

/** Reads one container's log from a place on to its end, over rotations, and later from there on. */
export class LogReader {
  private readonly id: string;
  private readonly path: string;
  private readonly history: string | undefined;
  private readonly range: LogRange;
  private readonly chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  private file: FileHandle | undefined;
  private inode = 0;
  private offset = 0;
  private isPastUntil = false;
  /** Nothing more is written to the file. */
  private isRotated = false;
  /** How often in a row the file was not found in the folder. */
  private misses = 0;

  /** `history` is a log that comes before the one at `path`. */
  constructor(
    id: string,
    { path, history }: { readonly path: string; readonly history?: string | undefined },
    range: LogRange,
  ) {
    this.id = id;
    this.path = path;
    this.history = history;
    this.range = range;
  }

  /** The next lines, `[]` at the end of what there is now. */
  async read(): Promise<readonly LogLine[]> {
    while (!this.isPastUntil) {
      const bytes = await this.readBytes();
      if (bytes === undefined) return [];
      const texts = bytes.toString('utf8').split('\n');
      if (bytes.at(-1) === NEWLINE) texts.pop();
      const lines = this.select(texts);
      if (lines.length > 0) return lines;
    }
    return [];
  }

  /**
   * The next lines as they stand in the log, whole ones, whenever they were written; undefined at the end of what there is
   * now. The next call overwrites them.
   */
  async readBytes(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.file === undefined && !(await this.openFirst())) return undefined;
      const bytes = await this.readChunk();
      if (bytes !== undefined) return bytes;
      if (!(await this.openNext())) return undefined;
    }
  }

  /** Whether nothing that is written from now on can belong to the range. */
  get isDone(): boolean {
    return this.isPastUntil;
  }

  async close(): Promise<void> {
    await this.file?.close();
    this.file = undefined;
  }

  private async listFiles(): Promise<readonly LogFile[]> {
    const earlier = this.history === undefined ? [] : await listLogFiles(this.history);
    return [...earlier, ...(await listLogFiles(this.path))];
  }

  private async openFirst(): Promise<boolean> {
    const files = await this.listFiles();
    const start = await this.findStart(files);
    if (start === undefined) return false;
    return this.openFile(start.file, start.offset);
  }

  /** Where the range begins. */
  private async findStart(
    files: readonly LogFile[],
  ): Promise<{ readonly file: LogFile; readonly offset: number } | undefined> {
    const { tail } = this.range;
    const [oldest] = files;
    if (oldest === undefined) return undefined;
    if (tail === undefined) return { file: oldest, offset: 0 };
    let missing = tail;
    let start = { file: oldest, offset: 0 };
    for (const file of [...files].reverse()) {
      await using handle = await openIfThere(file.path);
      if (handle === undefined) continue;
      const found = await findTail(handle, missing);
      start = { file, offset: found.offset };
      missing -= found.lines;
      if (missing <= 0) break;
    }
    return start;
  }

  /** Goes on with the file that came after this one; false while there is none. */
  private async openNext(): Promise<boolean> {
    if (this.file === undefined) return false;
    if ((await statIfThere(this.path))?.ino === this.inode) return false;
    // What was written between the last read and the rotation is still to be read.
    this.isRotated = true;
    const { size, nlink } = await this.file.stat();
    if (size > this.offset) return true;
    const files = await this.listFiles();
    const at = files.findIndex((file) => file.inode === this.inode);
    // It may have been renamed during the listing, unless it was removed or somebody moved it away.
    this.misses = at < 0 ? this.misses + 1 : 0;
    if (at < 0 && nlink > 0 && this.misses < MAX_MISSES) return true;
    const next = files[at + 1];
    return next !== undefined && this.openFile(next, 0);
  }

  private async openFile(file: LogFile, offset: number): Promise<boolean> {
    const handle = await openIfThere(file.path);
    if (handle === undefined) return false;
    const { ino } = await handle.stat();
    if (ino !== file.inode) {
      await handle.close(); // renamed since it was listed
      return true;
    }
    await this.close();
    this.file = handle;
    this.inode = ino;
    this.offset = offset;
    this.isRotated = false;
    this.misses = 0;
    return true;
  }

  /** Undefined at the end of the file. */
  private async readChunk(): Promise<Buffer | undefined> {
    if (this.file === undefined) return undefined;
    const { bytesRead } = await this.file.read(this.chunk, 0, CHUNK_BYTES, this.offset);
    if (bytesRead === 0) return undefined;
    const bytes = this.chunk.subarray(0, bytesRead);
    const last = bytes.lastIndexOf(NEWLINE);
    if (last < 0 && bytesRead < CHUNK_BYTES && !this.isRotated) return undefined;
    // Only whole lines are taken: cut inside a character, a text could not be decoded. A line that does
    // not fit the chunk cannot come from the shim, which cuts at 16 KiB.
    const end = last < 0 ? bytesRead : last + 1;
    this.offset += end;
    return bytes.subarray(0, end);
  }

  private select(texts: readonly string[]): readonly LogLine[] {
    const { since, until } = this.range;
    const lines: LogLine[] = [];
    for (const text of texts) {
      const line = readLogLine(this.id, text);
      if (since !== undefined && line.time < since) continue;
      if (until !== undefined && line.time > until) {
        this.isPastUntil = true;
        break;
      }
      lines.push(line);
    }
    return lines;
  }
}
