import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { throwIfAborted } from '../../base/abort.ts';
import { syncFolder } from '../../base/atomic-file.ts';
import { OcupError, findErrno, messageOf } from '../../base/errors.ts';
import { type Digest, parseDigest } from '../../model/digest.ts';
import { TAR_END, type TarMember, formatTarHeader, tarPadding } from './tar-header.ts';

const CHUNK_BYTES = 1024 * 1024;

/** An archive that is being written. */
export interface TarSink {
  /** Adds a member whose content is `bytes`. */
  add(member: TarMember, bytes?: Buffer): Promise<void>;
  /** Adds a file from disk; its size must be `member.size`. @throws E_IMAGE_STORE when it is another */
  addFile(member: TarMember, path: string | Buffer): Promise<void>;
}

export interface TarResult {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface TarOptions {
  readonly mode?: number;
  readonly signal: AbortSignal;
  /** Told how many bytes have been written so far. */
  readonly onBytes?: (total: number) => void;
}

/**
 * Writes an archive to `path` with what `fill` adds, under a temporary name beside it until it is complete and on
 * disk. Without a path only its digest is found. Failing or cancelling leaves nothing.
 *
 * @throws E_IMAGE_STORE when it cannot be written, E_CANCELLED, and what `fill` throws
 */
export async function writeTarFile(
  path: string | undefined,
  options: TarOptions,
  fill: (sink: TarSink) => Promise<void>,
): Promise<TarResult> {
  if (path === undefined) return fillTar(undefined, options, fill);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const file = await openNew(temporary, path, options.mode ?? 0o644);
  try {
    const result = await fillTar(file, options, fill);
    await file.sync();
    throwIfAborted(options.signal);
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw writeError(error, path);
  } finally {
    await file.close();
  }
}

async function fillTar(
  file: FileHandle | undefined,
  { signal, onBytes }: TarOptions,
  fill: (sink: TarSink) => Promise<void>,
): Promise<TarResult> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const write = async (bytes: Buffer): Promise<void> => {
    if (bytes.length === 0) return;
    throwIfAborted(signal);
    hash.update(bytes);
    sizeBytes += bytes.length;
    if (file !== undefined) await file.writeFile(bytes);
    onBytes?.(sizeBytes);
  };
  await fill({
    async add(member, bytes = Buffer.alloc(0)) {
      await write(Buffer.concat([formatTarHeader(member), bytes, tarPadding(bytes.length)]));
    },
    async addFile(member, source) {
      await write(formatTarHeader(member));
      let size = 0;
      if (member.size > 0) {
        for await (const chunk of createReadStream(source, { highWaterMark: CHUNK_BYTES })) {
          size += (chunk as Buffer).length;
          await write(chunk as Buffer);
        }
      }
      if (size !== member.size) throw changed(source, member.size, size);
      await write(tarPadding(size));
    },
  });
  await write(TAR_END);
  return { digest: parseDigest(`sha256:${hash.digest('hex')}`), sizeBytes };
}

async function openNew(temporary: string, path: string, mode: number): Promise<FileHandle> {
  try {
    return await open(temporary, 'wx', mode);
  } catch (error) {
    throw writeError(error, path);
  }
}

function changed(path: string | Buffer, expected: number, found: number): OcupError {
  const message = `cannot read ${path.toString()}: it has ${found} bytes instead of ${expected}`;
  return new OcupError('E_IMAGE_STORE', message);
}

function writeError(error: unknown, path: string): unknown {
  const errno = findErrno(error);
  if (errno === undefined) return error;
  return new OcupError('E_IMAGE_STORE', `cannot write ${path}: ${messageOf(error)}`, {
    cause: error,
    hint: errno === 'ENOENT' ? 'Make the folder first.' : undefined,
  });
}
