import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { findErrno, messageOf, OcupError } from '../base/errors.ts';
import { exactly, listOf, mapOf, objectOf, parsedBy, parseShape } from '../base/shape.ts';
import { type Digest, parseDigest } from '../model/digest.ts';
import type { Lock, LockedImage, LockedPlatform } from '../model/lock.ts';
import type { Project } from '../model/project.ts';
import { formatImageSource, formatReference, type ImageSource } from '../model/reference.ts';

const LOCK_NAME = 'ocup.lock';
const VERSION = 1;

interface LockDocument extends Lock {
  readonly version: typeof VERSION;
}

const digest = parsedBy<Digest>(parseDigest);

const lockShape = objectOf<LockDocument>({
  version: exactly(VERSION),
  images: mapOf(
    objectOf<LockedImage>({
      digest,
      platforms: mapOf(
        objectOf<LockedPlatform>({ manifest: digest, config: digest, diffIds: listOf(digest) }),
      ),
    }),
  ),
});

/** Beside the first compose file; where that came from standard input, in the project's folder. */
export function lockPath({ configFiles, workingDir }: Project): string {
  const [first] = configFiles;
  return join(first === undefined || first === '-' ? workingDir : dirname(first), LOCK_NAME);
}

/** The lock in a file; undefined where there is none. @throws E_IMAGE_LOCK for a damaged one */
export async function findLock(path: string): Promise<Lock | undefined> {
  try {
    return parseLock(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws E_IMAGE_LOCK @see schemas/lock.schema.json */
export function parseLock(text: string, path: string): Lock {
  try {
    const value: unknown = JSON.parse(text);
    const { images } = parseShape(lockShape, value, { code: 'E_IMAGE_LOCK', name: '' });
    return { images };
  } catch (cause) {
    const reason = messageOf(cause).replace(/^\./, '').replace(/^ /, 'it ');
    throw new OcupError('E_IMAGE_LOCK', `cannot read ${path}: ${reason}`, {
      hint: 'Restore the file, or remove it and write it anew: ocup lock.',
      cause,
    });
  }
}

/** The text that parses to `lock` again, keys sorted: the same lock gives the same bytes. */
export function formatLock(lock: Lock): string {
  const images = sorted(lock.images, ({ digest: target, platforms }) => ({
    digest: target,
    platforms: sorted(platforms, ({ manifest, config, diffIds }) => ({
      manifest,
      config,
      diffIds,
    })),
  }));
  return `${JSON.stringify({ version: VERSION, images }, undefined, 2)}\n`;
}

/** The key of a source in the lock of `folder`; undefined for a plain folder, which nothing fixes. */
export function lockKey(source: ImageSource, folder: string): string | undefined {
  if (source.kind === 'rootfs') return undefined;
  if (source.kind === 'registry') return formatReference(source.reference);
  const path = relative(folder, resolve(folder, source.path));
  return formatImageSource({ ...source, path: path === '' ? '.' : `./${path}` });
}

function sorted<T, R>(
  map: Readonly<Record<string, T>>,
  change: (value: T) => R,
): Record<string, R> {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, change(value)]));
}
