import { join } from 'node:path';
import { type CgroupMount, parseCgroupMounts } from './cgroups.ts';
import { readText } from './read.ts';

/** What a container has used, and may use. */
export interface ContainerUsage {
  /** Processor time since it began. */
  readonly cpuNs: number;
  /** Without file pages that nobody has used lately. */
  readonly memoryBytes: number;
  /** Undefined: no limit but the machine's memory. */
  readonly memoryLimitBytes: number | undefined;
  readonly pids: number;
  readonly blockReadBytes: number;
  readonly blockWrittenBytes: number;
  /** Of all its interfaces but loopback. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/**
 * Reads what the cgroup and the network of a process say, under cgroup v1, v2 or both. What a kernel does not
 * tell counts as 0; undefined when the process is gone.
 *
 * @see man 7 cgroups, kernel admin-guide/cgroup-v1, admin-guide/cgroup-v2.rst
 */
export async function readContainerUsage(pid: number): Promise<ContainerUsage | undefined> {
  const [membership, mountinfo, network] = await Promise.all([
    readText(`/proc/${pid}/cgroup`),
    readText('/proc/self/mountinfo'),
    readText(`/proc/${pid}/net/dev`),
  ]);
  if (membership === undefined || membership === '' || mountinfo === undefined) return undefined;
  const folders = findCgroupFolders(membership, parseCgroupMounts(mountinfo));
  const usage = await (folders.has('cpuacct') || folders.has('memory')
    ? readV1(folders)
    : readV2(folders.get('') ?? ''));
  return { ...usage, ...parseNetDev(network ?? '') };
}

/** The folder of a process's cgroup by controller; '' is the v2 tree. */
export function findCgroupFolders(
  membership: string,
  mounts: readonly CgroupMount[],
): ReadonlyMap<string, string> {
  const folders = new Map<string, string>();
  for (const line of membership.trim().split('\n')) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const controller of controllers.split(',')) {
      const mount = mounts.find(({ version, controllers: mounted }) =>
        controller === '' ? version === 2 : mounted.includes(controller),
      );
      if (mount !== undefined) folders.set(controller, join(mount.path, path));
    }
  }
  return folders;
}

type CgroupUsage = Omit<ContainerUsage, 'receivedBytes' | 'sentBytes'>;

async function readV1(folders: ReadonlyMap<string, string>): Promise<CgroupUsage> {
  const read = async (controller: string, file: string): Promise<string> => {
    const folder = folders.get(controller);
    return folder === undefined ? '' : ((await readText(join(folder, file))) ?? '');
  };
  const [cpu, memory, stat, limit, pids, block] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('memory', 'memory.usage_in_bytes'),
    read('memory', 'memory.stat'),
    read('memory', 'memory.limit_in_bytes'),
    read('pids', 'pids.current'),
    read('blkio', 'blkio.throttle.io_service_bytes_recursive'),
  ]);
  const inactive = keyedNumber(stat, 'total_inactive_file');
  return {
    cpuNs: Number(cpu),
    memoryBytes: Math.max(0, Number(memory) - inactive),
    memoryLimitBytes: memoryLimit(limit),
    pids: Number(pids),
    blockReadBytes: sumOf(block, /^\d+:\d+ Read (\d+)$/gm),
    blockWrittenBytes: sumOf(block, /^\d+:\d+ Write (\d+)$/gm),
  };
}

async function readV2(folder: string): Promise<CgroupUsage> {
  const read = async (file: string): Promise<string> => (await readText(join(folder, file))) ?? '';
  const [cpu, memory, stat, limit, pids, io] = await Promise.all([
    read('cpu.stat'),
    read('memory.current'),
    read('memory.stat'),
    read('memory.max'),
    read('pids.current'),
    read('io.stat'),
  ]);
  return {
    cpuNs: keyedNumber(cpu, 'usage_usec') * 1000,
    memoryBytes: Math.max(0, Number(memory) - keyedNumber(stat, 'inactive_file')),
    memoryLimitBytes: memoryLimit(limit),
    pids: Number(pids),
    blockReadBytes: sumOf(io, /\brbytes=(\d+)/g),
    blockWrittenBytes: sumOf(io, /\bwbytes=(\d+)/g),
  };
}

/** The kernel's word for no limit is `max`, or the largest number of pages. */
function memoryLimit(text: string): number | undefined {
  const limit = Number(text.trim() || 'max');
  return Number.isFinite(limit) && limit < Number.MAX_SAFE_INTEGER ? limit : undefined;
}

function keyedNumber(text: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

function sumOf(text: string, pattern: RegExp): number {
  return Array.from(text.matchAll(pattern)).reduce((sum, match) => sum + Number(match[1]), 0);
}

/** @see man 5 proc_pid_net */
export function parseNetDev(text: string): { receivedBytes: number; sentBytes: number } {
  let [receivedBytes, sentBytes] = [0, 0];
  for (const line of text.split('\n').slice(2)) {
    const [name = '', rest = ''] = line.split(':');
    if (rest === '' || name.trim() === 'lo') continue;
    const numbers = rest.trim().split(/\s+/).map(Number);
    receivedBytes += numbers[0] ?? 0;
    sentBytes += numbers[8] ?? 0;
  }
  return { receivedBytes, sentBytes };
}
