import { mkdtemp, open } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar';

import { OcupError, findErrno, messageOf } from '../../base/errors.ts';
import { removeTree } from '../../native/trees.ts';

export interface ArchiveSource {
  readonly path: string;
  /** How the user calls it. */
  readonly name: string;
  /** Where it may be unpacked for the time of the import. */
  readonly scratch: string;
}

/**
 * Unpacks an archive of images, compressed by gzip or not, into a new folder in `scratch`.
 * @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT
 */
export async function unpackArchive({ path, scratch, name }: ArchiveSource): Promise<string> {
  await checkCompression(path, name);
  const folder = await mkdtemp(join(scratch, '.staged-archive-'));
  try {
    // Nothing but the files and links that images are kept in; tar refuses names that lead outside.
    await extract({
      file: path,
      cwd: folder,
      strict: false,
      preserveOwner: false,
      noMtime: true,
      filter: (_, entry) =>
        !('type' in entry) || /^(File|OldFile|Directory|SymbolicLink|Link)$/.test(entry.type),
    });
    return folder;
  } catch (error) {
    await removeTree(folder);
    throw badArchive(name, error);
  }
}

function badArchive(name: string, error: unknown): OcupError {
  const text = messageOf(error);
  const isBad = text.startsWith('TAR_BAD_ARCHIVE');
  const isCut = isBad && text.includes('Truncated');
  const reason = isCut ? 'it is cut off' : isBad ? 'it is not a tar archive, or damaged' : text;
  return new OcupError('E_IMAGE_FORMAT', `cannot read ${name}: ${reason}`, {
    cause: error,
    ...(isBad && {
      hint: isCut
        ? 'Copy or save it anew.'
        : 'Name an archive that docker, podman, skopeo or ocup saved.',
    }),
  });
}

const FOREIGN_COMPRESSIONS = [
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68'],
] as const;

/** Layers may be compressed by zstd, the archive around them only by gzip. */
async function checkCompression(path: string, name: string): Promise<void> {
  const start = (await readStart(path, name)).toString('hex');
  const found = FOREIGN_COMPRESSIONS.find(([, magic]) => start.startsWith(magic));
  if (found === undefined) return;
  const [program] = found;
  throw new OcupError('E_IMAGE_FORMAT', `cannot read ${name}: it is compressed by ${program}`, {
    hint: `Decompress it first: ${program} -d.`,
  });
}

async function readStart(path: string, name: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (findErrno(error) === 'ENOENT' || findErrno(error) === 'ENOTDIR') {
      throw new OcupError('E_IMAGE_NOT_FOUND', `cannot find ${name}: ${path} does not exist`);
    }
    throw new OcupError('E_IMAGE_STORE', `cannot read ${name}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
