import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '../base/abort.ts';
import { findErrno } from '../base/errors.ts';
import type { DiskUsage } from '../wire/image-calls.ts';
import type { Rooms } from './rooms.ts';

/** What images, containers and volumes take on disk, and what of it nobody uses. @throws E_CANCELLED */
export async function measureUsage(rooms: Rooms, signal: AbortSignal): Promise<DiskUsage> {
  return {
    images: await imageUsage(rooms, signal),
    containers: await containerUsage(rooms, signal),
    volumes: await volumeUsage(rooms, signal),
  };
}

/** Layers that only unused images have can be had back, and their blobs with them. */
async function imageUsage(rooms: Rooms, signal: AbortSignal): Promise<DiskUsage['images']> {
  const { images, containers, dataDir } = rooms;
  const used = containers.all().map(({ record }) => record.imageId);
  const all = await images.list();
  const sizes = await sizesIn(join(dataDir, 'snapshots'), signal);
  const sizeOfAll = (paths: Iterable<string>): number =>
    [...paths].reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
  const owners = countOwners(all.map((image) => images.layerPaths(image)));
  const active = all.filter(({ id }) => used.includes(id));
  const kept = new Set(active.flatMap((image) => images.layerPaths(image)));
  const unpacked = sizeOfAll(sizes.keys());
  let reclaimableBytes = sizeOfAll([...owners.keys()].filter((path) => !kept.has(path)));
  const blobs = await sizeOf(join(dataDir, 'images'), signal);
  if (unpacked > 0) reclaimableBytes += Math.round((blobs * reclaimableBytes) / unpacked);
  return {
    total: all.length,
    active: active.length,
    sizeBytes: unpacked + blobs,
    reclaimableBytes,
    items: all.map((image) => {
      const paths = images.layerPaths(image);
      const isShared = (path: string): boolean => (owners.get(path) ?? 0) > 1;
      return {
        id: image.id,
        sharedBytes: sizeOfAll(paths.filter(isShared)),
        uniqueBytes: sizeOfAll(paths.filter((path) => !isShared(path))),
        containers: used.filter((id) => id === image.id).length,
      };
    }),
  };
}

/** How many images have each layer. */
function countOwners(images: readonly (readonly string[])[]): Map<string, number> {
  const owners = new Map<string, number>();
  for (const path of images.flat()) owners.set(path, (owners.get(path) ?? 0) + 1);
  return owners;
}

async function containerUsage(
  { containers, launcher }: Rooms,
  signal: AbortSignal,
): Promise<DiskUsage['containers']> {
  let [active, sizeBytes, reclaimableBytes] = [0, 0, 0];
  const all = containers.all();
  const items: Record<string, number> = {};
  for (const container of all) {
    const size = await sizeOf(launcher.paths(container.id).upper, signal);
    items[container.id] = size;
    sizeBytes += size;
    if (container.isActive) active += 1;
    else reclaimableBytes += size;
  }
  return { total: all.length, active, sizeBytes, reclaimableBytes, items };
}

async function volumeUsage(
  { volumes, containers }: Rooms,
  signal: AbortSignal,
): Promise<DiskUsage['volumes']> {
  let [active, total, reclaimableBytes] = [0, 0, 0];
  const items: DiskUsage['volumes']['items'][number][] = [];
  for (const { config, path } of volumes.list()) {
    const sizeBytes = await sizeOf(path, signal);
    const links = containers.usersOfVolume(config.name).length;
    items.push({ name: config.name, sizeBytes, links });
    total += sizeBytes;
    if (links > 0) active += 1;
    else reclaimableBytes += sizeBytes;
  }
  return { total: items.length, active, sizeBytes: total, reclaimableBytes, items };
}

/** Of everything directly in a folder, by its path. */
async function sizesIn(folder: string, signal: AbortSignal): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const name of await readdir(folder)) {
    sizes.set(join(folder, name), await sizeOf(join(folder, name), signal));
  }
  return sizes;
}

/** Bytes on disk of a folder and all below it; what goes away meanwhile counts nothing. @throws E_CANCELLED */
export async function sizeOf(path: string, signal: AbortSignal): Promise<number> {
  throwIfAborted(signal);
  try {
    const stat = await lstat(path);
    const own = stat.blocks * 512;
    if (!stat.isDirectory()) return stat.nlink > 1 ? Math.round(own / stat.nlink) : own;
    let total = own;
    for (const name of await readdir(path)) total += await sizeOf(join(path, name), signal);
    return total;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(findErrno(error) ?? '')) return 0;
    throw error;
  }
}
