import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, writeFileAtomic } from '../base/atomic-file.ts';
import { findErrno, isOcupError, messageOf } from '../base/errors.ts';
import { listOf, objectOf, parseShape, text } from '../base/shape.ts';
import { removeTree, spreadSubfolders } from '../native/trees.ts';
import { type Life, LIFE_AT_CREATION } from './life.ts';
import { type ContainerRecord, parseRecord, parseRecordJson, parseState } from './record.ts';

export interface StoredContainer {
  readonly record: ContainerRecord;
  readonly life: Life;
}

export interface LoadedRecords {
  readonly containers: readonly StoredContainer[];
  /** What could not be read and was set aside as `….damaged`, each a sentence. */
  readonly damaged: readonly string[];
  /** Volumes that were made for containers whose creation broke off. */
  readonly strayVolumes: readonly string[];
}

/** Folders on their way out; whatever is left of one is removed at the next start. */
const REMOVED_PREFIX = '.removed-';

/** Stands in a container's folder until its record does. */
const CREATING = 'creating.json';

/** A state file that has grown beyond this is replaced by its last line. */
const MAX_STATE_BYTES = 64 * 1024;

/** The folder `<data>/containers`: one folder a container, with its record and its state. */
export class RecordStore {
  private readonly root: string;
  /** The length of each state file that ends with a whole line written here. */
  private readonly stateBytes = new Map<string, number>();

  constructor(dataDir: string) {
    this.root = join(dataDir, 'containers');
  }

  folder(id: string): string {
    return join(this.root, id);
  }

  /** Reads all; sets damaged ones aside, and removes what a creation or removal left half done. */
  async load(): Promise<LoadedRecords> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    spreadSubfolders(this.root);
    const containers: StoredContainer[] = [];
    const damaged: string[] = [];
    const strayVolumes: string[] = [];
    for (const name of await readdir(this.root)) {
      if (name.startsWith(REMOVED_PREFIX)) {
        await rm(join(this.root, name), { recursive: true, force: true });
        continue;
      }
      const stored = await this.loadOne(name, { damaged, strayVolumes });
      if (stored !== undefined) containers.push(stored);
    }
    return { containers, damaged, strayVolumes };
  }

  /**
   * Notes a container that is about to be made. Until `commit` it does not count, and `load` gives back the
   * volumes that were made for it.
   */
  begin(record: ContainerRecord, newVolumes: readonly string[]): Promise<void> {
    mkdirSync(this.folder(record.id), { recursive: true, mode: 0o711 });
    const content = JSON.stringify({ newVolumes });
    writeFileSync(join(this.folder(record.id), CREATING), content, { mode: 0o600 });
    return Promise.resolve();
  }

  /** Makes it count; durable when it resolves. */
  async commit(record: ContainerRecord): Promise<void> {
    await this.writeRecord(record);
    rmSync(join(this.folder(record.id), CREATING), { force: true });
  }

  /** Durable when it resolves. */
  async writeRecord(record: ContainerRecord): Promise<void> {
    const path = join(this.folder(record.id), 'record.json');
    await writeFileAtomic(path, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  }

  /**
   * Resolves once this state is on disk. It is not synced: processes do not outlive a loss of power either, and a
   * state that got lost then reads as one that ended. A line is appended: replacing the file each time makes some
   * file systems write it out at once (`auto_da_alloc` of ext4).
   */
  writeLife(id: string, life: Life): Promise<void> {
    const path = join(this.folder(id), 'state.json');
    const line = `${JSON.stringify({ version: 1, life })}\n`;
    const bytes = this.stateBytes.get(id) ?? MAX_STATE_BYTES;
    // Until it is known how the write went, the next one must not append to it.
    this.stateBytes.delete(id);
    try {
      const isAppended = bytes + Buffer.byteLength(line) <= MAX_STATE_BYTES;
      if (isAppended) appendFileSync(path, line, { mode: 0o600 });
      else replaceFile(path, line, 0o600);
      this.stateBytes.set(id, (isAppended ? bytes : 0) + Buffer.byteLength(line));
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Removes the container's folder with all that is in it; idempotent. */
  async remove(id: string): Promise<void> {
    const trash = join(this.root, `${REMOVED_PREFIX}${id}`);
    this.stateBytes.delete(id);
    try {
      await rename(this.folder(id), trash);
    } catch (error) {
      if (findErrno(error) !== 'ENOENT') throw error;
    }
    await removeTree(trash);
  }

  private async loadOne(
    name: string,
    found: { readonly damaged: string[]; readonly strayVolumes: string[] },
  ): Promise<StoredContainer | undefined> {
    const folder = join(this.root, name);
    const { damaged } = found;
    const record = await readOrSetAside(join(folder, 'record.json'), parseRecord, damaged);
    if (record !== undefined) {
      const state = await readOrSetAside(join(folder, 'state.json'), parseState, damaged);
      return { record, life: state?.life ?? LIFE_AT_CREATION };
    }
    const names = await readdir(folder);
    if (names.includes('record.json.damaged')) return undefined;
    const begun = await readOrSetAside(join(folder, CREATING), parseBegun, []);
    found.strayVolumes.push(...(begun?.newVolumes ?? []));
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
}

interface Begun {
  readonly newVolumes: readonly string[];
}

const begunShape = objectOf<Begun>({ newVolumes: listOf(text) });

function parseBegun(content: string): Begun {
  return parseShape(begunShape, parseRecordJson(content), {
    code: 'E_RECORD_DAMAGED',
    name: `${CREATING}: record`,
  });
}

/** Undefined where the file is missing or was damaged. */
export async function readOrSetAside<T>(
  path: string,
  parse: (content: string) => T,
  damaged: string[],
): Promise<T | undefined> {
  try {
    return parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return undefined;
    if (!isOcupError(error, 'E_RECORD_DAMAGED')) throw error;
    await rename(path, `${path}.damaged`);
    damaged.push(`set aside ${path}.damaged: ${messageOf(error)}`);
    return undefined;
  }
}
