import { writeSync } from 'node:fs';
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { delay } from '../base/abort.ts';
import { ensureFolder } from '../base/ensure-folder.ts';
import { findErrno, messageOf, OcupError } from '../base/errors.ts';
import { idleTimeMs } from '../base/idle-time.ts';
import type { Logger } from '../base/logger.ts';
import { readCgroups } from '../host/cgroups.ts';
import { hostPaths, type HostPaths } from '../host/paths.ts';
import { openImages } from '../image/images.ts';
import { type FileLock, lockFile } from '../native/processes.ts';
import { openFileLogger } from './file-logger.ts';
import { closeInherited } from './inherited-descriptors.ts';
import { openSupervisor } from './supervisor.ts';
import { TIMELINES } from './timelines.ts';

/** The one who holds the lock may be ending itself, or be about to listen. */
const LOCK_TIMEOUT_MS = 10_000;
const LOCK_PAUSE_MS = 10;

/**
 * `supervisor.cjs [--ready-fd N]`: becomes the user's supervisor, or leaves that to the one that runs. Writes
 * `ready` on the descriptor once calls are taken, by whichever of the two.
 */
async function main(): Promise<void> {
  const readyFd = parseReadyFd(process.argv.slice(2));
  closeInherited(readyFd === undefined ? [] : [readyFd]);
  const paths = hostPaths(process.env, process.getuid?.() ?? 0);
  const logger = openFileLogger(paths.supervisorLog);
  process.umask(0o022);
  process.on('uncaughtException', (error) => {
    // Containers run on, and the next call starts a supervisor that knows what it does.
    logger.error(`ends because of a bug: ${error.stack ?? messageOf(error)}`);
    process.exit(1);
  });
  process.on('unhandledRejection', (error) => {
    logger.error(`bug: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  });
  const lock = await takeLock(paths);
  if (lock !== undefined) await supervise(paths, { lock, logger, readyFd });
  else tellReady(readyFd);
  process.exit(0);
}

async function supervise(
  paths: HostPaths,
  held: { readonly lock: FileLock; readonly logger: Logger; readonly readyFd: number | undefined },
): Promise<void> {
  const { lock, logger, readyFd } = held;
  const supervisor = await openSupervisor({
    paths,
    environment: process.env,
    logger,
    openImages: (users) => openImages({ dataDir: paths.dataDir, users, logger }),
    idleMs: idleTimeMs(process.env),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, supervisor.requestShutdown);
  }
  process.on('SIGHUP', () => undefined); // the terminal it was started from is not its own
  tellReady(readyFd);
  await supervisor.ended;
  const { hasContainers } = await supervisor.close();
  if (!hasContainers) await removeEmptied(paths);
  lock.close();
}

/** To whoever started it, who may have gone meanwhile. */
function tellReady(readyFd: number | undefined): void {
  if (readyFd === undefined) return;
  try {
    writeSync(readyFd, 'ready\n');
  } catch (error) {
    if (findErrno(error) !== 'EPIPE') throw error;
  }
}

/**
 * The lock; undefined when another supervisor takes calls.
 * @throws E_WIRE_CONNECT when another one holds it for long and takes none
 */
async function takeLock(paths: HostPaths): Promise<FileLock | undefined> {
  const deadline = Date.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    await makeRunFolder(paths.runDir);
    const lock = tryLock(paths.supervisorLock);
    if (lock !== undefined) return lock;
    if (await accepts(paths.supervisorSocket)) return undefined;
    if (Date.now() > deadline) {
      throw new OcupError(
        'E_WIRE_CONNECT',
        'another supervisor holds the lock and takes no calls',
        {
          hint: `End the process that holds ${paths.supervisorLock}.`,
        },
      );
    }
    await delay(LOCK_PAUSE_MS);
  }
}

/** Undefined also when the folder has just been removed by one that ends. */
function tryLock(path: string): FileLock | undefined {
  try {
    return lockFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws E_HOST_UNSUPPORTED for a folder of another user */
async function makeRunFolder(path: string): Promise<void> {
  await ensureFolder(path, 0o700);
  const { uid } = await stat(path).catch(() => ({ uid: process.getuid?.() ?? 0 }));
  if (uid === process.getuid?.()) return;
  throw new OcupError('E_HOST_UNSUPPORTED', `${path} belongs to another user`, {
    hint: 'Remove it, or set OCUP_RUN_DIR to a folder of your own.',
  });
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** When nothing runs, nothing is left but what survives a reboot. */
async function removeEmptied({ runDir, runtimeRoot, supervisorLock }: HostPaths): Promise<void> {
  for (const name of await readdir(runDir)) {
    const isOurs =
      name === 'containers' || name === TIMELINES || name.startsWith(basename(runtimeRoot));
    if (isOurs) await rm(join(runDir, name), { recursive: true, force: true });
  }
  const { v1Paths, unifiedPath } = await readCgroups();
  for (const root of new Set([...Object.values(v1Paths), unifiedPath])) {
    // One that is not empty is another supervisor's.
    if (root !== undefined) await rmdir(join(root, 'ocup')).catch(() => undefined);
  }
  await rm(supervisorLock, { force: true });
  await rmdir(runDir).catch(() => undefined); // somebody may keep something of his own there
}

function parseReadyFd(args: readonly string[]): number | undefined {
  const at = args.indexOf('--ready-fd');
  return at < 0 ? undefined : Number(args[at + 1]);
}

main().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
});
