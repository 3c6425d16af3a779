import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findErrno, messageOf, OcupError } from '../base/errors.ts';
import type { DeviceMapping } from '../model/container.ts';
import type { HostDevice } from '../model/runtime-spec.ts';

/**
 * The devices that the mappings name, with their numbers. A folder stands for every device in it.
 *
 * @throws E_CONTAINER_CREATE for a path that is missing or no device
 * @throws E_HOST_UNSUPPORTED for a CDI name, `vendor/class=name`
 */
export async function lookUpDevices(mappings: readonly DeviceMapping[]): Promise<HostDevice[]> {
  const found: HostDevice[] = [];
  for (const mapping of mappings) found.push(...(await lookUpDevice(mapping)));
  return found;
}

/** Every device of the machine but those that a runtime makes in each container. */
export async function listDevices(): Promise<HostDevice[]> {
  const devices = await walkDevices('/dev', '/dev', 'rwm');
  return devices.filter((device) => !RUNTIME_DEVICES.has(device.path));
}

/** @see runtime-spec config-linux.md#default-devices */
const RUNTIME_DEVICES: ReadonlySet<string> = new Set(
  'null zero full random urandom tty console ptmx'.split(' ').map((name) => `/dev/${name}`),
);

/** Folders of /dev that are file systems of their own. */
const FOREIGN_FOLDERS: ReadonlySet<string> = new Set(
  'pts shm fd mqueue hugepages .lxc .lxd-mounts .udev'.split(' ').map((name) => `/dev/${name}`),
);

async function lookUpDevice(mapping: DeviceMapping): Promise<HostDevice[]> {
  const { source, target, permissions } = mapping;
  if (!source.startsWith('/')) {
    throw new OcupError('E_HOST_UNSUPPORTED', `cannot use device ${source}: CDI is not supported`, {
      hint: 'Name the device files that it stands for.',
    });
  }
  const stats = await statDevice(source);
  if (stats.isDirectory()) return walkDevices(source, target, permissions);
  const device = toDevice(stats, target, permissions);
  if (device !== undefined) return [device];
  throw new OcupError('E_CONTAINER_CREATE', `cannot use ${source}: it is not a device`);
}

async function statDevice(source: string): Promise<Stats> {
  try {
    return await stat(source);
  } catch (cause) {
    const reason = findErrno(cause) === 'ENOENT' ? 'it does not exist' : messageOf(cause);
    throw new OcupError('E_CONTAINER_CREATE', `cannot use device ${source}: ${reason}`, { cause });
  }
}

async function walkDevices(
  source: string,
  target: string,
  permissions: string,
): Promise<HostDevice[]> {
  const names = (await readdir(source)).sort();
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(source, name);
      const stats = await findStats(path);
      if (stats === undefined || FOREIGN_FOLDERS.has(path)) return [];
      if (stats.isDirectory()) return walkDevices(path, join(target, name), permissions);
      return toDevice(stats, join(target, name), permissions) ?? [];
    }),
  );
  return found.flat();
}

/** A device may go while we look. */
async function findStats(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (findErrno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function toDevice(stats: Stats, path: string, permissions: string): HostDevice | undefined {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return undefined;
  return {
    type: stats.isBlockDevice() ? 'b' : 'c',
    path,
    ...deviceNumbers(stats.rdev),
    fileMode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    permissions,
  };
}

/** Splits a device number as the C library does. @see makedev(3) */
export function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  const number = BigInt(rdev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
