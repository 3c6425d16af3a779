import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureFolder } from '../base/ensure-folder.ts';
import { findErrno, messageOf, OcupError } from '../base/errors.ts';
import { Scope } from '../base/scope.ts';
import { formatSpec } from '../bundle/format-spec.ts';
import { INIT_TARGET } from '../bundle/mounts.ts';
import { portableHost } from '../bundle/portable-host.ts';
import { packTree } from '../image/tar/pack-tree.ts';
import { type TarResult, writeTarFile } from '../image/tar/tar-file.ts';
import { PLAIN_MEMBER } from '../image/tar/tar-header.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { Image } from '../model/image.ts';
import type { RuntimeSpec } from '../model/runtime-spec.ts';
import { executablePath } from '../native/executables.ts';
import { removeTree } from '../native/trees.ts';
import type { BundleParams, BundleResult } from '../wire/protocol.ts';
import { buildExportSpec } from './bundle-writer.ts';
import { timestamp } from './clock.ts';
import { holdImage, lookUpUser } from './container-maker.ts';
import type { Containers } from './containers.ts';
import type { ImagesPort } from './images-port.ts';
import type { ContainerRecord } from './record.ts';
import type { Volumes } from './volumes.ts';

interface ExportRooms {
  readonly images: ImagesPort;
  readonly containers: Containers;
  readonly volumes: Volumes;
}

/**
 * Writes `rootfs/` and `config.json` into a folder, an archive or both, for other OCI runtimes. Nothing is left when it
 * fails. The same image and configuration give the same bytes, on whatever machine and at whatever time.
 *
 * @throws E_BUNDLE_EXISTS when the folder has something in it, E_BUNDLE_INVALID, also where owners cannot be kept and
 *   a digest is asked for, E_IMAGE_NOT_FOUND, E_CANCELLED
 */
export async function exportBundle(
  { config, path, archive, isDigested }: BundleParams,
  rooms: ExportRooms,
  signal: AbortSignal,
): Promise<BundleResult> {
  const { images } = rooms;
  const isPacked = isDigested || archive !== undefined;
  if (isPacked) await checkOwners();
  const { image, letGo } = await holdImage(rooms, config);
  await using held = new Scope();
  held.defer(letGo);
  const spec = await exportSpec(config, image, rooms);
  await using scope = new Scope();
  const folder = path ?? (await images.transfers.stage());
  if (path === undefined) scope.defer(() => removeTree(folder).then(() => undefined));
  else await takeFolder(path, scope);
  const rootfs = join(folder, 'rootfs');
  await mkdir(rootfs);
  await images.exportRootfs(image, rootfs);
  if (config.hasInit) await installInit(rootfs);
  const text = Buffer.from(formatSpec(spec));
  await writeFile(join(folder, 'config.json'), text);
  const packed = isPacked ? await pack(archive, { rootfs, text, signal }) : undefined;
  if (path !== undefined) scope.release();
  return { path, imageId: image.id, digest: packed?.digest };
}

async function exportSpec(
  config: ContainerConfig,
  image: Image,
  { images, volumes }: ExportRooms,
): Promise<RuntimeSpec> {
  const record: ContainerRecord = {
    version: 1,
    id: '',
    createdAt: timestamp(),
    config,
    imageId: image.id,
    image: image.config,
    layers: [],
    user: await lookUpUser(images, image, config),
    mounts: config.mounts,
  };
  return buildExportSpec(record, {
    host: portableHost(image.config.platform.architecture),
    sources: { mounts: exportableMounts(config), volumes, filesFolder: '' },
  });
}

/** `config.json` and the tree as one archive whose bytes tell nothing of when and where it was made. */
function pack(
  archive: string | undefined,
  bundle: { readonly rootfs: string; readonly text: Buffer; readonly signal: AbortSignal },
): Promise<TarResult> {
  const { rootfs, text, signal } = bundle;
  return writeTarFile(archive, { signal }, async (sink) => {
    const size = text.length;
    await sink.add({ ...PLAIN_MEMBER, path: 'config.json', type: 'file', size }, text);
    await packTree(sink, rootfs, 'rootfs');
  });
}

/** Without all ids, files lose their owners when they are unpacked, and a digest would be of another tree. */
async function checkOwners(): Promise<void> {
  const map = await readFile('/proc/self/uid_map', 'utf8');
  const count = map
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2] ?? 0), 0);
  if (process.getuid?.() === 0 && count >= MIN_IDS) return;
  throw new OcupError(
    'E_BUNDLE_INVALID',
    'cannot make a reproducible bundle: files cannot keep their owners for want of privileges',
    { hint: 'Run ocup as root, or give the user subordinate ids in /etc/subuid and /etc/subgid.' },
  );
}

const MIN_IDS = 65_536;

/** Volumes and files with content are here only: another machine would not find them. */
function exportableMounts(config: ContainerConfig): ContainerConfig['mounts'] {
  return config.mounts.filter(({ kind }) => kind === 'bind' || kind === 'tmpfs');
}

/** Makes the folder or takes an empty one; what is written into it goes again on failure. */
async function takeFolder(path: string, scope: Scope): Promise<void> {
  let isNew = false;
  let names: string[] = [];
  try {
    names = await readdir(path);
  } catch (error) {
    if (findErrno(error) !== 'ENOENT') throw unwritable(path, error);
    isNew = true;
  }
  if (names.length > 0) {
    throw new OcupError('E_BUNDLE_EXISTS', `cannot write a bundle to ${path}: it is not empty`, {
      hint: 'Name a folder that is empty or does not exist.',
    });
  }
  try {
    await ensureFolder(path);
  } catch (error) {
    throw unwritable(path, error);
  }
  scope.defer(async () => {
    if (isNew) await rm(path, { recursive: true, force: true });
    else for (const name of await readdir(path)) await rm(join(path, name), { recursive: true });
  });
}

function unwritable(path: string, cause: unknown): OcupError {
  const message = `cannot write a bundle to ${path}: ${messageOf(cause)}`;
  return new OcupError('E_BUNDLE_INVALID', message, {
    hint: 'Name a folder that this user can make.',
    cause,
  });
}

/** The image may have a link where the init program goes; nothing is written through one. */
async function installInit(rootfs: string): Promise<void> {
  const target = join(rootfs, INIT_TARGET);
  for (let folder = dirname(target); folder !== rootfs; folder = dirname(folder)) {
    const status = await lstat(folder).catch(() => undefined);
    if (status?.isSymbolicLink() === true) {
      const message = `cannot add the init program to the bundle: ${folder} is a link in the image`;
      throw new OcupError('E_BUNDLE_INVALID', message, { hint: 'Leave init out.' });
    }
  }
  await mkdir(dirname(target), { recursive: true });
  await rm(target, { force: true });
  await copyFile(executablePath('ocup-init'), target);
  await chmod(target, 0o755);
  await utimes(target, 0, 0);
  for (let folder = dirname(target); folder.startsWith(rootfs); folder = dirname(folder)) {
    await utimes(folder, 0, 0);
  }
}
