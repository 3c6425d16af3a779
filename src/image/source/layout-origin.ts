import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { OcupError, findErrno, messageOf } from '../../base/errors.ts';
import type { Descriptor } from '../../model/descriptor.ts';
import { digestHex } from '../../model/digest.ts';
import { MAX_DOCUMENT_BYTES, checkDigest } from '../documents.ts';
import { REF_NAME, parseEntries } from '../layout.ts';
import { isName } from '../names.ts';
import type { Origin } from './origin.ts';

const CHUNK_BYTES = 1024 * 1024;

/** An OCI image layout in a folder; `name` is how the user calls it. @see image-spec image-layout.md */
export function layoutOrigin(folder: string, tag: string | undefined, name: string): Origin {
  return layoutEntryOrigin(folder, name, async () =>
    selectEntry(await readLayoutIndex(folder, name), tag, name),
  );
}

/** The entries of a layout's index. @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT */
export async function readLayoutIndex(folder: string, name: string): Promise<Descriptor[]> {
  const bytes = await readPart(join(folder, 'index.json'), name);
  return parseEntries(bytes, `${name}/index.json`);
}

/** What one entry of a layout's index names. */
export function layoutEntryOrigin(
  folder: string,
  name: string,
  getEntry: () => Promise<Descriptor>,
): Origin {
  const path = ({ digest }: Descriptor): string =>
    join(folder, 'blobs', 'sha256', digestHex(digest));
  return {
    resolve: async () => ({ descriptor: await getEntry(), bytes: undefined }),
    async document(descriptor) {
      const bytes = await readPart(path(descriptor), name);
      checkDigest(bytes, descriptor);
      return bytes;
    },
    blob: (descriptor) => readChunks(path(descriptor), name),
    close: () => Promise.resolve(),
  };
}

async function readPart(path: string, name: string): Promise<Buffer> {
  try {
    if ((await stat(path)).size > MAX_DOCUMENT_BYTES) {
      throw new OcupError(
        'E_IMAGE_FORMAT',
        `cannot read ${path}: it is larger than ${MAX_DOCUMENT_BYTES} bytes`,
      );
    }
    return await readFile(path);
  } catch (error) {
    throw unreadable(error, path, name);
  }
}

async function* readChunks(path: string, name: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      yield chunk as Buffer;
    }
  } catch (error) {
    throw unreadable(error, path, name);
  }
}

function unreadable(error: unknown, path: string, name: string): unknown {
  const errno = findErrno(error);
  if (errno === undefined) return error;
  const isMissing = errno === 'ENOENT' || errno === 'ENOTDIR';
  return new OcupError(
    isMissing ? 'E_IMAGE_NOT_FOUND' : 'E_IMAGE_STORE',
    isMissing
      ? `cannot find ${name}: ${path} does not exist`
      : `cannot read ${name}: ${messageOf(error)}`,
    { cause: error },
  );
}

function selectEntry(
  entries: readonly Descriptor[],
  tag: string | undefined,
  name: string,
): Descriptor {
  const exact = entries.filter((entry) => tag === undefined || refName(entry) === tag);
  const alike = entries.filter((entry) => isName(refName(entry) ?? '', tag ?? ''));
  const named = exact.length > 0 ? exact : alike;
  const [first, ...others] = named;
  if (first === undefined) {
    throw new OcupError('E_IMAGE_NOT_FOUND', `cannot find ${name}: the layout has no such image`, {
      hint: hintOf(entries),
    });
  }
  if (tag === undefined && others.some((entry) => entry.digest !== first.digest)) {
    throw new OcupError('E_IMAGE_NOT_FOUND', `cannot choose an image of ${name}: it has several`, {
      hint: hintOf(entries),
    });
  }
  return first;
}

function hintOf(entries: readonly Descriptor[]): string | undefined {
  const names = entries.flatMap((entry) => refName(entry) ?? []);
  if (names.length === 0) return undefined;
  return `Name one of its images behind a colon: ${names.slice(0, 10).join(', ')}.`;
}

function refName(entry: Descriptor): string | undefined {
  return entry.annotations?.[REF_NAME];
}
