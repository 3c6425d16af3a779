import { join } from 'node:path';
import type { CgroupController } from '../model/spec-host.ts';
import { isWritable, listFolder, pathExists, readText } from './read.ts';

/** `hybrid`: controllers in v1 hierarchies, and a v2 hierarchy beside them. */
export type CgroupLayout = 'none' | 'v1' | 'v2' | 'hybrid';

export interface CgroupFacts {
  readonly layout: CgroupLayout;
  /** Where the v2 hierarchy is mounted, if it is. */
  readonly unifiedPath: string | undefined;
  /** Where each v1 controller is mounted; a named hierarchy as `name=systemd`. */
  readonly v1Paths: Readonly<Record<string, string>>;
  /** Those that we may use, in a fixed order. */
  readonly controllers: readonly CgroupController[];
  readonly hasSwapLimit: boolean;
  readonly hasBlkioWeight: boolean;
}

/** A hierarchy of control groups, as it is mounted. */
export interface CgroupMount {
  readonly version: 1 | 2;
  readonly path: string;
  /** Of v1 only. */
  readonly controllers: readonly string[];
}

/** Looks at what is mounted here and may be written by this process. */
export async function readCgroups(): Promise<CgroupFacts> {
  const mounts = parseCgroupMounts((await readText('/proc/self/mountinfo')) ?? '');
  const v1Paths = Object.fromEntries(
    mounts.flatMap(({ path, controllers }) => controllers.map((name) => [name, path] as const)),
  );
  const unifiedPath = mounts.find((mount) => mount.version === 2)?.path;
  const hasV1 = Object.keys(v1Paths).some((name) => !name.startsWith('name='));
  const base = { layout: layoutOf(hasV1, unifiedPath !== undefined), unifiedPath, v1Paths };
  if (hasV1) return { ...base, ...(await readV1(v1Paths)) };
  return { ...base, ...(await readV2(unifiedPath)) };
}

/**
 * The hierarchies among the lines of `/proc/self/mountinfo`; the first mount of each.
 * @see proc_pid_mountinfo(5)
 */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split('\n')) {
    const [mount = '', source = ''] = line.split(' - ');
    const path = unescapePath(mount.split(' ')[4] ?? '');
    const [type, , options = ''] = source.split(' ');
    if (type === 'cgroup2') mounts.push({ version: 2, path, controllers: [] });
    if (type === 'cgroup') {
      const controllers = options.split(',').filter((option) => !MOUNT_FLAGS.has(option));
      mounts.push({ version: 1, path, controllers });
    }
  }
  const keyOf = (mount: CgroupMount): string => `${mount.version} ${mount.controllers.join()}`;
  return mounts.filter(
    (mount, index) => mounts.findIndex((other) => keyOf(other) === keyOf(mount)) === index,
  );
}

/** Super block options that are no controllers. */
const MOUNT_FLAGS: ReadonlySet<string> = new Set([
  ...['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'cpuset_v2_mode', 'seclabel'],
]);

const CONTROLLERS: readonly CgroupController[] = ['cpu', 'cpuset', 'memory', 'pids', 'blkio'];

type UsableFacts = Pick<CgroupFacts, 'controllers' | 'hasSwapLimit' | 'hasBlkioWeight'>;

const NOTHING: UsableFacts = { controllers: [], hasSwapLimit: false, hasBlkioWeight: false };

function layoutOf(hasV1: boolean, hasV2: boolean): CgroupLayout {
  if (hasV1) return hasV2 ? 'hybrid' : 'v1';
  return hasV2 ? 'v2' : 'none';
}

async function readV1(paths: Readonly<Record<string, string>>): Promise<UsableFacts> {
  const writable = await Promise.all(
    CONTROLLERS.map(async (name) => {
      const path = paths[name];
      return path !== undefined && (await isWritable(path));
    }),
  );
  const blkio = paths['blkio'];
  const memory = paths['memory'];
  return {
    controllers: CONTROLLERS.filter((_name, index) => writable[index]),
    hasSwapLimit:
      memory !== undefined && (await pathExists(join(memory, 'memory.memsw.limit_in_bytes'))),
    // The weight is missing in the root group, but its statistics are there if the scheduler is.
    hasBlkioWeight:
      blkio !== undefined &&
      ((await pathExists(join(blkio, 'blkio.weight'))) ||
        (await pathExists(join(blkio, 'blkio.bfq.io_serviced')))),
  };
}

async function readV2(root: string | undefined): Promise<UsableFacts> {
  const group = root === undefined ? undefined : await findOwnGroup(root);
  if (group === undefined) return NOTHING;
  const names = ((await readText(join(group, 'cgroup.controllers'))) ?? '').trim().split(/\s+/);
  // Some files are missing in the root group: any other group has them.
  const samples = [group, ...(await listFolder(group)).map((name) => join(group, name))];
  const hasFile = async (controller: string, file: string): Promise<boolean> => {
    if (!names.includes(controller)) return false;
    const found = await Promise.all(samples.map((path) => pathExists(join(path, file))));
    return found.includes(true) || samples.length === 1;
  };
  return {
    controllers: CONTROLLERS.filter((name) => names.includes(name === 'blkio' ? 'io' : name)),
    hasSwapLimit: await hasFile('memory', 'memory.swap.max'),
    hasBlkioWeight: (await hasFile('io', 'io.weight')) || (await hasFile('io', 'io.bfq.weight')),
  };
}

/** The root of the hierarchy if we may write to it, else our own group if we may. */
async function findOwnGroup(root: string): Promise<string | undefined> {
  if (await isWritable(root)) return root;
  const line = /^0::(.*)$/m.exec((await readText('/proc/self/cgroup')) ?? '');
  const own = join(root, line?.[1] ?? '');
  return (await isWritable(own)) ? own : undefined;
}

/** The kernel writes spaces and the like as octal numbers. */
function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
