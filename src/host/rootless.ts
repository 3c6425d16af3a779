import { userInfo } from 'node:os';
import { join } from 'node:path';
import { isExecutable, readNumber, readText } from './read.ts';

/** What a user without root's rights finds here. */
export interface RootlessFacts {
  /** How many user namespaces there may be; 0 switches them off. */
  readonly maxUserNamespaces: number;
  /** Undefined: nothing forbids user namespaces; else the sysctl that does. */
  readonly forbiddenBy: string | undefined;
  /** Ids beside the own one that the user may map. */
  readonly subUids: number;
  readonly subGids: number;
  /** Whether `newuidmap` and `newgidmap`, which map them, are installed. */
  readonly hasIdMappers: boolean;
}

/** Reads sysctls, `/etc/subuid` and `/etc/subgid`, and looks for programs in `PATH`. */
export async function readRootless(): Promise<RootlessFacts> {
  const { username, uid } = userInfo();
  const [max, clone, apparmor, subUids, subGids] = await Promise.all([
    readNumber('/proc/sys/user/max_user_namespaces'),
    readNumber('/proc/sys/kernel/unprivileged_userns_clone'),
    readNumber('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    readText('/etc/subuid'),
    readText('/etc/subgid'),
  ]);
  const mappers = await Promise.all(['newuidmap', 'newgidmap'].map(hasCommand));
  return {
    maxUserNamespaces: max ?? 0,
    forbiddenBy:
      clone === 0
        ? 'kernel.unprivileged_userns_clone=0'
        : apparmor === 1
          ? 'kernel.apparmor_restrict_unprivileged_userns=1'
          : undefined,
    subUids: countSubordinateIds(subUids ?? '', username, uid),
    subGids: countSubordinateIds(subGids ?? '', username, uid),
    hasIdMappers: mappers.every(Boolean),
  };
}

/** How many ids the lines `user:first:count` give to a user, by name or number. @see subuid(5) */
export function countSubordinateIds(text: string, username: string, uid: number): number {
  return text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter(([user]) => user === username || user === uid.toString())
    .map(([, , count = '']) => (/^\d+$/.test(count) ? Number(count) : 0))
    .reduce((sum, count) => sum + count, 0);
}

async function hasCommand(name: string): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '/usr/bin:/bin').split(':').filter(Boolean);
  const found = await Promise.all(folders.map((folder) => isExecutable(join(folder, name))));
  return found.includes(true);
}
