import { lstat, mkdtemp, readFile, readdir, rename } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { extract } from 'tar';

import { ensureFolder } from '../base/ensure-folder.ts';
import { OcupError, findErrno, messageOf } from '../base/errors.ts';
import type { Descriptor } from '../model/descriptor.ts';
import { digestHex } from '../model/digest.ts';
import type { Image } from '../model/image.ts';
import type { PullProgress } from '../model/pull-progress.ts';
import { formatImageSource, parseImageSource } from '../model/reference.ts';
import { removeTree } from '../native/trees.ts';
import { MEDIA_TYPE, checkDigest, digestOf, parseDescriptor, parseObject } from './documents.ts';
import { REF_NAME } from './layout.ts';
import { findFullName } from './names.ts';
import type { SavedArtifact } from './save-archive.ts';
import type { OpenArchive } from './source/open-archive.ts';
import { packTree } from './tar/pack-tree.ts';
import { type TarSink, writeTarFile } from './tar/tar-file.ts';
import { PLAIN_MEMBER } from './tar/tar-header.ts';
import type { Transfers } from './transfers.ts';

const PROJECT_TYPE = 'application/vnd.ocup.project.v1';
const FILES_TYPE = 'application/vnd.ocup.project.files.v1.tar';
const EMPTY = Buffer.from('{}');
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
/** A project is some files of text; data belongs into volumes and images. */
const MAX_PROJECT_BYTES = 256 * 1024 * 1024;

export interface ProjectExport {
  /** The archive, absolute. */
  readonly path: string;
  readonly name: string;
  /** Small files by their name in the project. */
  readonly texts: Readonly<Record<string, string>>;
  /** Files and folders by their name in the project; sources are absolute. */
  readonly files: readonly { readonly name: string; readonly source: string }[];
  /** Images that are here, and the names they are found by after the import. */
  readonly images: readonly { readonly image: string; readonly name: string }[];
  readonly signal: AbortSignal;
  readonly onBytes: (total: number) => void;
}

/**
 * Writes a project, its lock and all its images into one archive, which is an OCI image layout too: other tools read
 * the images. Only its owner may read it, since the files may hold secrets. Failing leaves nothing.
 *
 * @throws E_IMAGE_NOT_FOUND, E_IMAGE_STORE, E_CANCELLED
 */
export async function exportProject(
  transfers: Transfers,
  request: ProjectExport,
): Promise<{ readonly digest: string; readonly sizeBytes: number }> {
  const { path, name, images, signal, onBytes } = request;
  const artifact = await makeArtifact(transfers, request);
  const names = new Map<string, string[]>();
  for (const item of images) {
    names.set(item.image, [...(names.get(item.image) ?? []), item.name]);
  }
  return transfers.save({
    images: [...names.keys()],
    names,
    path,
    format: 'oci',
    platform: undefined,
    artifacts: [artifact(name)],
    mode: 0o600,
    signal,
    onBytes,
  });
}

async function makeArtifact(
  transfers: Transfers,
  request: ProjectExport,
): Promise<(name: string) => SavedArtifact> {
  const folder = await transfers.stage();
  try {
    const packed = join(folder, 'project.tar');
    await writeTarFile(packed, { signal: request.signal }, (sink) => packProject(sink, request));
    const { size } = await lstat(packed);
    if (size > MAX_PROJECT_BYTES) {
      throw new OcupError(
        'E_IMAGE_STORE',
        `cannot export the project: its files have ${size} bytes, and ${MAX_PROJECT_BYTES} is the limit`,
        { hint: 'Keep data in volumes or images, not in folders that are mounted.' },
      );
    }
    const files = await readFile(packed);
    return (name) => describeArtifact(name, files);
  } finally {
    await removeTree(folder);
  }
}

async function packProject(sink: TarSink, { texts, files }: ProjectExport): Promise<void> {
  for (const [path, text] of Object.entries(texts)) {
    const bytes = Buffer.from(text);
    await sink.add({ ...PLAIN_MEMBER, path, type: 'file', size: bytes.length }, bytes);
  }
  for (const { name, source } of files) {
    const stat = await lstat(source);
    if (stat.isDirectory()) await packTree(sink, source, name);
    else if (stat.isFile()) {
      const mode = stat.mode & 0o777;
      await sink.addFile(
        { ...PLAIN_MEMBER, mode, path: name, type: 'file', size: stat.size },
        source,
      );
    }
  }
}

/** @see image-spec manifest.md#guidelines-for-artifact-usage */
function describeArtifact(name: string, files: Buffer): SavedArtifact {
  const describe = (mediaType: string, bytes: Buffer): Descriptor => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: PROJECT_TYPE,
    config: describe(EMPTY_TYPE, EMPTY),
    layers: [describe(FILES_TYPE, files)],
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return {
    entry: {
      ...describe(MEDIA_TYPE.ociManifest, bytes),
      artifactType: PROJECT_TYPE,
      annotations: { [REF_NAME]: name },
    },
    blobs: new Map([bytes, EMPTY, files].map((content) => [digestOf(content), content])),
  };
}

export interface ProjectImport {
  readonly path: string;
  /** Gets the files; undefined: a new folder in `parent`, called like the project. */
  readonly folder: string | undefined;
  readonly parent: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PullProgress) => void;
}

/**
 * Takes a project's images in and writes its files into a new folder. Without success no folder is left.
 * @throws E_BUNDLE_EXISTS for a folder with something in it, E_IMAGE_FORMAT for an archive without a project, E_IMAGE_…
 */
export async function importProject(
  transfers: Transfers,
  request: ProjectImport,
): Promise<{ readonly folder: string; readonly images: readonly Image[] }> {
  const { path, signal, onProgress } = request;
  const archive = await transfers.openArchive(path);
  try {
    const entry = archive.artifacts.find((item) => item.artifactType === PROJECT_TYPE);
    if (entry === undefined) {
      throw new OcupError('E_IMAGE_FORMAT', `cannot import ${path}: it holds no project`, {
        hint: 'Load its images: ocup image load.',
      });
    }
    const name = entry.annotations?.[REF_NAME] ?? 'project';
    const folder = request.folder ?? join(request.parent, basename(name));
    await checkFree(folder);
    const files = await readFiles(archive, entry, path);
    const rename = (names: readonly string[]): string[] =>
      names.flatMap((item) => importedName(item, folder) ?? []);
    const call = { path, platform: undefined, signal, onProgress, rename };
    const images = archive.images.length === 0 ? [] : await transfers.loadFrom(archive, call);
    await writeFiles(files, folder);
    return { folder, images };
  } finally {
    await archive.close();
  }
}

/** A path in a name is relative to the project. */
function importedName(name: string, folder: string): string | undefined {
  if (!/^(?:oci|oci-archive|docker-archive):/.test(name)) return findFullName(name);
  const source = parseImageSource(name);
  if (source.kind === 'registry') return undefined;
  return formatImageSource({ ...source, path: resolve(folder, source.path) });
}

async function readFiles(archive: OpenArchive, entry: Descriptor, path: string): Promise<string> {
  const blob = ({ digest }: Descriptor): string =>
    join(archive.folder, 'blobs/sha256', digestHex(digest));
  const bytes = await readFile(blob(entry));
  checkDigest(bytes, entry);
  const { layers } = parseObject(bytes, path);
  const [first] = Array.isArray(layers) ? (layers as readonly unknown[]) : [];
  const layer = parseDescriptor(first, `the project in ${path}`);
  checkDigest(await readFile(blob(layer)), layer);
  return blob(layer);
}

async function checkFree(folder: string): Promise<void> {
  try {
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return;
    throw new OcupError('E_BUNDLE_EXISTS', `cannot import into ${folder}: ${messageOf(error)}`);
  }
  throw new OcupError('E_BUNDLE_EXISTS', `cannot import into ${folder}: it is not empty`, {
    hint: 'Name another folder with --output.',
  });
}

/** tar refuses names and links that lead outside. */
async function writeFiles(packed: string, folder: string): Promise<void> {
  let staged: string | undefined;
  try {
    await ensureFolder(dirname(folder));
    staged = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
    await extract({ file: packed, cwd: staged, strict: true, preserveOwner: false });
    await rename(staged, folder);
  } catch (error) {
    if (staged !== undefined) await removeTree(staged);
    throw new OcupError('E_IMAGE_STORE', `cannot write ${folder}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
