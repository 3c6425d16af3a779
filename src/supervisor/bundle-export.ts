import { chmod, copyFile, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findErrno, OcupError } from '../base/errors.ts';
import { Scope } from '../base/scope.ts';
import { formatSpec } from '../bundle/format-spec.ts';
import { INIT_TARGET } from '../bundle/mounts.ts';
import { portableHost } from '../bundle/portable-host.ts';
import type { ContainerConfig } from '../model/container.ts';
import { executablePath } from '../native/executables.ts';
import type { BundleResult } from '../wire/protocol.ts';
import { buildExportSpec } from './bundle-writer.ts';
import { timestamp } from './clock.ts';
import { getImage, lookUpUser } from './container-maker.ts';
import type { ImagesPort } from './images-port.ts';
import type { ContainerRecord } from './record.ts';
import type { Volumes } from './volumes.ts';

/**
 * Writes `rootfs/` and `config.json` into a folder, for other OCI runtimes. Nothing is left when it fails.
 *
 * @throws E_BUNDLE_EXISTS when the folder has something in it, E_BUNDLE_INVALID, E_IMAGE_NOT_FOUND
 */
export async function exportBundle(
  config: ContainerConfig,
  path: string,
  rooms: { readonly images: ImagesPort; readonly volumes: Volumes },
): Promise<BundleResult> {
  const { images, volumes } = rooms;
  const image = await getImage(images, config);
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
  const spec = await buildExportSpec(record, {
    host: portableHost(image.config.platform.architecture),
    sources: { mounts: exportableMounts(config), volumes, filesFolder: '' },
  });
  await using scope = new Scope();
  await takeFolder(path, scope);
  const rootfs = join(path, 'rootfs');
  await mkdir(rootfs);
  await images.exportRootfs(image, rootfs);
  if (config.hasInit) await installInit(rootfs);
  await writeFile(join(path, 'config.json'), formatSpec(spec));
  scope.release();
  return { path, imageId: image.id };
}

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
    if (findErrno(error) !== 'ENOENT') throw error;
    isNew = true;
  }
  if (names.length > 0) {
    throw new OcupError('E_BUNDLE_EXISTS', `cannot write a bundle to ${path}: it is not empty`, {
      hint: 'Name a folder that is empty or does not exist.',
    });
  }
  await mkdir(path, { recursive: true });
  scope.defer(async () => {
    if (isNew) await rm(path, { recursive: true, force: true });
    else for (const name of await readdir(path)) await rm(join(path, name), { recursive: true });
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
}
