import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '../base/abort.ts';
import { findErrno } from '../base/errors.ts';
import type { DiskUsage, UsageRow } from '../wire/image-calls.ts';
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
async function imageUsage(rooms: Rooms, signal: AbortSignal): Promise<UsageRow> {
  const { images, containers, dataDir } = rooms;
  const used = new Set(containers.all().map(({ record }) => record.imageId));
  const all = await images.list();
  const active = all.filter(({ id }) => used.has(id));
  const kept = new Set(active.flatMap((image) => images.layerPaths(image)));
  const idle = new Set(
    all.flatMap((image) => images.layerPaths(image)).filter((path) => !kept.has(path)),
  );
  let reclaimableBytes = 0;
  for (const path of idle) reclaimableBytes += await sizeOf(path, signal);
  const unpacked = await sizeOf(join(dataDir, 'snapshots'), signal);
  const blobs = await sizeOf(join(dataDir, 'images'), signal);
  if (unpacked > 0) reclaimableBytes += Math.round((blobs * reclaimableBytes) / unpacked);
  const sizeBytes = unpacked + blobs;
  return { total: all.length, active: active.length, sizeBytes, reclaimableBytes };
}

async function containerUsage(
  { containers, launcher }: Rooms,
  signal: AbortSignal,
): Promise<UsageRow> {
  let [active, sizeBytes, reclaimableBytes] = [0, 0, 0];
  const all = containers.all();
  for (const container of all) {
    const size = await sizeOf(launcher.paths(container.id).upper, signal);
    sizeBytes += size;
    if (container.isActive) active += 1;
    else reclaimableBytes += size;
  }
  return { total: all.length, active, sizeBytes, reclaimableBytes };
}

async function volumeUsage({ volumes, containers }: Rooms, signal: AbortSignal): Promise<UsageRow> {
  let [active, sizeBytes, reclaimableBytes] = [0, 0, 0];
  const all = volumes.list();
  for (const { config, path } of all) {
    const size = await sizeOf(path, signal);
    sizeBytes += size;
    if (containers.usersOfVolume(config.name).length > 0) active += 1;
    else reclaimableBytes += size;
  }
  return { total: all.length, active, sizeBytes, reclaimableBytes };
}

/** Bytes on disk of a folder and all below it; what goes away meanwhile counts nothing. */
async function sizeOf(path: string, signal: AbortSignal): Promise<number> {
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
