import { chmod, chown, lstat, mkdir, readdir, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureFolder } from '../base/ensure-folder.ts';
import { findErrno, messageOf, OcupError } from '../base/errors.ts';
import { unreachable } from '../base/unreachable.ts';
import type { BundleMount } from '../bundle/mounts.ts';
import type { Mount } from '../model/container.ts';
import type { ShimConfig } from '../wire/shim.ts';
import { volumeMounts } from './mount-plan.ts';
import type { Volumes } from './volumes.ts';

/** What the mounts of a container are made from on the host. */
export interface MountSources {
  readonly mounts: readonly Mount[];
  readonly volumes: Volumes;
  /** Where files with content are written. */
  readonly filesFolder: string;
}

/**
 * Makes sure that everything that is mounted is there: folders of the host where `createHostPath` says so,
 * and files with content. Idempotent.
 *
 * @throws E_CONTAINER_MOUNT for a source that is missing, E_VOLUME_NOT_FOUND
 */
export async function ensureMountSources(sources: MountSources): Promise<void> {
  for (const [index, mount] of sources.mounts.entries()) {
    if (mount.kind === 'bind') await ensureBindSource(mount.source, mount.createHostPath);
    else if (mount.kind === 'file') await writeMountFile(filePath(sources, index), mount);
    else if (mount.kind === 'volume') await volumePath(sources, mount);
  }
}

/** The mounts as binds of paths on the host. @throws E_VOLUME_NOT_FOUND, E_CONTAINER_MOUNT */
export async function toBundleMounts(sources: MountSources): Promise<readonly BundleMount[]> {
  const mounts: BundleMount[] = [];
  for (const [index, mount] of sources.mounts.entries()) {
    switch (mount.kind) {
      case 'bind': {
        const { source, target, isReadOnly, propagation, isRecursive } = mount;
        mounts.push({ kind: 'bind', source, target, isReadOnly, propagation, isRecursive });
        break;
      }
      case 'volume':
        mounts.push(bindOf(await volumePath(sources, mount), mount.target, mount.isReadOnly));
        break;
      case 'file':
        mounts.push(bindOf(filePath(sources, index), mount.target, true));
        break;
      case 'tmpfs':
        mounts.push(mount);
        break;
      default:
        unreachable(mount);
    }
  }
  return mounts;
}

/** The volumes that the image fills: those that are empty now and may be filled. */
export async function findCopyUps(
  mounts: readonly Mount[],
  volumes: Volumes,
): Promise<ShimConfig['copyUps']> {
  const found: { source: string; volume: string }[] = [];
  for (const { volume, target, noCopy, subpath } of volumeMounts(mounts)) {
    const path = volumes.find(volume)?.path;
    if (noCopy || subpath !== undefined || path === undefined) continue;
    if ((await readdir(path)).length === 0) found.push({ source: target, volume: path });
  }
  return found;
}

function bindOf(source: string, target: string, isReadOnly: boolean): BundleMount {
  return { kind: 'bind', source, target, isReadOnly, propagation: undefined, isRecursive: true };
}

async function volumePath(
  { volumes }: MountSources,
  mount: Extract<Mount, { readonly kind: 'volume' }>,
): Promise<string> {
  const { path } = volumes.get(mount.volume ?? '');
  if (mount.subpath === undefined) return path;
  const inside = await realpath(join(path, mount.subpath)).catch(() => undefined);
  const root = await realpath(path);
  if (inside === root || inside?.startsWith(`${root}/`) === true) return inside;
  throw new OcupError(
    'E_CONTAINER_MOUNT',
    `cannot access path ${mount.subpath} of volume ${mount.volume ?? ''}: no such file or directory`,
  );
}

async function ensureBindSource(source: string, createHostPath: boolean): Promise<void> {
  try {
    await stat(source);
    return;
  } catch (cause) {
    if (findErrno(cause) !== 'ENOENT') {
      const message = `cannot mount ${source}: ${messageOf(cause)}`;
      throw new OcupError('E_CONTAINER_MOUNT', message, { cause });
    }
  }
  if (!createHostPath || (await isDangling(source))) {
    throw new OcupError(
      'E_CONTAINER_MOUNT',
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      { hint: 'Make the file or folder, or set create_host_path: true.' },
    );
  }
  try {
    await ensureFolder(source);
  } catch (cause) {
    const message = `cannot make ${source} to mount it: ${messageOf(cause)}`;
    throw new OcupError('E_CONTAINER_MOUNT', message, { cause });
  }
}

/** A link to nothing cannot be made a folder. */
async function isDangling(path: string): Promise<boolean> {
  const status = await lstat(path).catch(() => undefined);
  return status?.isSymbolicLink() ?? false;
}

function filePath({ filesFolder }: MountSources, index: number): string {
  return join(filesFolder, String(index));
}

async function writeMountFile(
  path: string,
  mount: Extract<Mount, { readonly kind: 'file' }>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, mount.content, { mode: 0o600 });
  await chown(path, mount.uid, mount.gid);
  await chmod(path, mount.mode);
}
