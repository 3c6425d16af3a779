import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { BigIntStats } from 'node:fs';

import { readAttributes } from '../../native/trees.ts';
import type { TarSink } from './tar-file.ts';
import type { TarMember, TarType } from './tar-header.ts';

const BATCH = 256;

/**
 * Adds a folder and all below it as `name`, in the order of the bytes of their paths, with owners, modes, times,
 * attributes, devices and hard links. The same tree gives the same members, wherever it lies; a file that stands in for a
 * device is packed as that. Sockets are left out.
 */
export async function packTree(sink: TarSink, folder: string, name: string): Promise<void> {
  const paths = await listPaths(folder);
  const links = new Map<string, string>();
  for (let at = 0; at < paths.length; at += BATCH) {
    const batch = paths.slice(at, at + BATCH);
    const attributes = await readAttributes(folder, batch.map(toText));
    for (const [index, path] of batch.entries()) {
      const source = toPath(folder, path);
      const stat = await lstat(source, { bigint: true });
      const member = await describe(stat, source, join(name, path));
      if (member === undefined) continue;
      const inode = `${stat.dev} ${stat.ino}`;
      const first = member.type === 'folder' ? undefined : links.get(inode);
      if (first !== undefined) {
        const { size: _, ...rest } = member;
        await sink.add({ ...rest, type: 'hard-link', link: first, size: 0 });
        continue;
      }
      if (stat.nlink > 1n) links.set(inode, member.path);
      const whole = withDevice({ ...member, attributes: attributes[index] ?? [] });
      if (member.type === 'file') await sink.addFile(whole, source);
      else await sink.add(whole);
    }
  }
}

/** Unpacking without privileges leaves an empty file with this attribute where a device should be. */
const DEVICE_ATTRIBUTE = 'user.ocup.device';

function withDevice(member: TarMember & Required<Pick<TarMember, 'attributes'>>): TarMember {
  const { attributes } = member;
  const value = attributes.find(([name]) => name === DEVICE_ATTRIBUTE)?.[1].toString('latin1');
  const match = /^([bc]) (\d+):(\d+)$/.exec(value ?? '');
  if (member.type !== 'file' || member.size > 0 || match === null) return member;
  return {
    ...member,
    type: match[1] === 'b' ? 'block-device' : 'character-device',
    device: { major: Number(match[2]), minor: Number(match[3]) },
    attributes: attributes.filter(([name]) => name !== DEVICE_ATTRIBUTE),
  };
}

/** Relative paths as strings of bytes, the folder itself first as `.`, each folder before what is in it. */
async function listPaths(folder: string): Promise<string[]> {
  const found: string[] = ['.'];
  const walk = async (path: string): Promise<void> => {
    const entries = await readdir(toPath(folder, path), {
      withFileTypes: true,
      encoding: 'buffer',
    });
    for (const entry of entries) {
      const inner = join(path, entry.name.toString('latin1'));
      found.push(inner);
      if (entry.isDirectory()) await walk(inner);
    }
  };
  await walk('.');
  return found.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** A folder's content comes right behind it: a slash sorts before every other byte. */
function sortKey(path: string): string {
  return path === '.' ? '' : path.replaceAll('/', '\u0000');
}

async function describe(
  stat: BigIntStats,
  source: Buffer,
  path: string,
): Promise<TarMember | undefined> {
  const type = typeOf(stat);
  if (type === undefined) return undefined;
  const nanoseconds = Number(stat.mtimeNs % 1_000_000_000n);
  const base = {
    path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: { seconds: Number(stat.mtimeNs / 1_000_000_000n), nanoseconds },
    size: type === 'file' ? Number(stat.size) : 0,
  };
  if (type === 'symbolic-link') {
    const link = await readlink(source, { encoding: 'buffer' });
    return { ...base, link: link.toString('latin1') };
  }
  if (type !== 'character-device' && type !== 'block-device') return base;
  // @see glibc gnu_dev_major
  const major = ((stat.rdev >> 8n) & 0xfffn) | ((stat.rdev >> 32n) & ~0xfffn);
  const minor = (stat.rdev & 0xffn) | ((stat.rdev >> 12n) & ~0xffn & 0xffffffffn);
  return { ...base, device: { major: Number(major), minor: Number(minor) } };
}

function typeOf(stat: BigIntStats): TarType | undefined {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'folder';
  if (stat.isSymbolicLink()) return 'symbolic-link';
  if (stat.isCharacterDevice()) return 'character-device';
  if (stat.isBlockDevice()) return 'block-device';
  return stat.isFIFO() ? 'fifo' : undefined;
}

function toPath(folder: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, 'latin1')]);
}

function toText(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}
