import { closeSync, fstatSync, statSync } from 'node:fs';
import { constants } from 'node:os';

import { findErrno } from '../base/errors.ts';
import { loadAddon, type RawAddon } from './addon.ts';

export interface SpawnOptions {
  /** Absolute path of the program: nothing is looked up. */
  readonly path: string;
  /** With `args[0]`, the program's name. */
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Undefined: that of this process. */
  readonly cwd?: string | undefined;
  /** The child's descriptor → ours, which stays ours. 0, 1 and 2 that are missing are /dev/null. */
  readonly descriptors: Readonly<Record<number, number | 'null'>>;
  /** Makes the process the leader of a session of its own. */
  readonly newSession?: boolean | undefined;
}

/**
 * Starts a process with these descriptors and no others, no blocked signals and every signal at its default.
 * It must be waited for with `onProcessExit`, and with nothing else, or it stays as a zombie.
 *
 * @throws the system error (`ENOENT`, `EACCES`, …) with the program's path
 * @see man 3 posix_spawn
 */
export function spawnProcess(options: SpawnOptions): { readonly pid: number } {
  return { pid: loadAddon().spawnProcess(...spawnArguments(options)) };
}

/**
 * The same on another thread: until the new process runs its program, the thread that makes it stands still. The
 * descriptors must stay open until it resolves.
 *
 * @throws as `spawnProcess`
 */
export async function spawnProcessAside(options: SpawnOptions): Promise<{ readonly pid: number }> {
  return { pid: await loadAddon().spawnProcessAside(...spawnArguments(options)) };
}

function spawnArguments(options: SpawnOptions): Parameters<RawAddon['spawnProcess']> {
  const descriptors = Object.entries(options.descriptors).flatMap(([to, from]) => [
    Number(to),
    from === 'null' ? -1 : from,
  ]);
  const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
  const { cwd = '', newSession = false } = options;
  return [options.path, options.args, env, { cwd, descriptors, newSession }];
}

/** How a process ended; both undefined for one that is not a child of this process. */
export interface ProcessExit {
  readonly exitCode: number | undefined;
  /** `SIGKILL` */
  readonly signal: string | undefined;
}

/**
 * Resolves once process `pid` has ended and, if it is a child of this process, reaps it. A process that is
 * already gone counts as ended.
 *
 * @see man 2 pidfd_open
 */
export function onProcessExit(pid: number): Promise<ProcessExit> {
  return new Promise((resolve) => {
    try {
      loadAddon().watchExit(pid, (exitCode, signal) => {
        resolve({
          exitCode: exitCode < 0 ? undefined : exitCode,
          signal: findSignalName(signal),
        });
      });
    } catch (error) {
      if (findErrno(error) !== 'ESRCH') throw error;
      resolve({ exitCode: undefined, signal: undefined });
    }
  });
}

/**
 * A descriptor of a detached mount of the file at `path`, through which nobody can write to it, not even a container's
 * process that executes it (CVE-2019-5736). Closed on exec; the caller owns it.
 *
 * @throws the system error: `EPERM` without CAP_SYS_ADMIN, `ENOSYS` before Linux 5.12
 */
export function openReadOnlyView(path: string): number {
  return loadAddon().openReadOnlyView(path);
}

/** A pipe whose ends are closed on exec; the caller owns both. */
export function makePipe(): { readonly readFd: number; readonly writeFd: number } {
  const [readFd, writeFd] = loadAddon().makePipe();
  return { readFd, writeFd };
}

/** Who connected the unix socket. @see man 7 unix, SO_PEERCRED */
export function peerCredentials(socketFd: number): {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
} {
  const [pid, uid, gid] = loadAddon().peerCredentials(socketFd);
  return { pid, uid, gid };
}

/** Holds the lock on a file until `close`, which may be called again, or until the process ends. */
export interface FileLock extends Disposable {
  close(): void;
}

/**
 * Locks the file at `path`, made if it is missing; undefined while another process holds it. The holder may
 * remove the file: a lock is only given on the file that is at `path` then.
 *
 * @see man 2 flock
 */
export function lockFile(path: string): FileLock | undefined {
  let fd = loadAddon().lockFile(path);
  while (fd >= 0 && !isFileAt(fd, path)) {
    closeSync(fd);
    fd = loadAddon().lockFile(path);
  }
  if (fd < 0) return undefined;
  const close = (): void => {
    if (fd >= 0) closeSync(fd);
    fd = -1;
  };
  return { close, [Symbol.dispose]: close };
}

function isFileAt(fd: number, path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  const own = fstatSync(fd);
  return found?.ino === own.ino && found.dev === own.dev;
}

function findSignalName(number: number): string | undefined {
  if (number === 0) return undefined;
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `SIGRTMIN+${number - 34}`;
}
