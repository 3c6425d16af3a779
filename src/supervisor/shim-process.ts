import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { messageOf, OcupError } from '../base/errors.ts';
import { LineSplitter } from '../base/lines.ts';
import { count, objectOf, oneOf, parseShape, text } from '../base/shape.ts';
import { executablePath } from '../native/executables.ts';
import {
  makePipe,
  onProcessExit,
  openReadOnlyView,
  spawnProcessAside,
} from '../native/processes.ts';
import type { ShimReady } from '../wire/shim.ts';

/** Making a container takes milliseconds; a copy-up of a large folder takes longer. */
const READY_TIMEOUT_MS = 10 * 60_000;

/** The shim closes it. */
const VIEW_FD = 4;

type ReadyError = Extract<ShimReady, { readonly error: unknown }>['error'];

const pidShape = objectOf<{ readonly pid: number }>({ pid: count });
const errorShape = objectOf<{ readonly error: ReadyError }>({
  error: objectOf<ReadyError>({
    kind: oneOf('not-found', 'not-executable', 'mount', 'runtime', 'system'),
    message: text,
  }),
});

/**
 * Starts a shim on its run folder, and resolves with what it says on descriptor 3: the pid of the container's
 * process, which waits for the start, or why there is none. After an error the shim has ended.
 *
 * @throws E_CONTAINER_START when it says nothing
 */
export async function spawnShim(
  runFolder: string,
  env: Readonly<Record<string, string>>,
): Promise<ShimReady> {
  const { readFd, writeFd } = makePipe();
  const program = shimProgram();
  let pid: number;
  try {
    ({ pid } = await spawnProcessAside({
      path: program.path,
      args: ['ocup-shim', runFolder],
      env,
      cwd: '/',
      descriptors: { 0: 'null', 1: 'null', 2: 'null', 3: writeFd, ...program.descriptors },
      newSession: true,
    }));
  } catch (cause) {
    closeSync(readFd);
    const message = `cannot start ocup-shim: ${messageOf(cause)}`;
    throw new OcupError('E_CONTAINER_START', message, { cause });
  } finally {
    closeSync(writeFd);
  }
  const shim = { hasEnded: false };
  const ended = onProcessExit(pid).finally(() => {
    shim.hasEnded = true;
  });
  const line = await readLine(readFd);
  if (line !== undefined) return parseReady(line);
  if (!shim.hasEnded) process.kill(pid, 'SIGKILL');
  const { exitCode, signal } = await ended;
  const how = signal ?? `exit code ${exitCode ?? 'unknown'}`;
  throw new OcupError('E_CONTAINER_START', `ocup-shim ended before it was ready: ${how}`);
}

/** How to execute the shim, and the descriptor it needs for that. */
export interface ShimProgram {
  readonly path: string;
  readonly descriptors: Readonly<Record<number, number>>;
}

let found: ShimProgram | undefined;

/**
 * The shim in a place where no container can write to it. Executed from there it runs the runtime in copies of itself,
 * which start sooner than a program; where making that place takes more than we may, the installed file.
 */
export function shimProgram(): ShimProgram {
  found ??= findShimProgram(executablePath('ocup-shim'));
  return found;
}

function findShimProgram(path: string): ShimProgram {
  try {
    const view = openReadOnlyView(path);
    return { path: `/proc/self/fd/${VIEW_FD}`, descriptors: { [VIEW_FD]: view } };
  } catch {
    return { path, descriptors: {} };
  }
}

/** The first line that comes through the pipe, undefined if it ends before; closes it. */
function readLine(fd: number): Promise<string | undefined> {
  const socket = new Socket({ fd, readable: true, writable: false });
  const splitter = new LineSplitter();
  socket.setTimeout(READY_TIMEOUT_MS, () => socket.destroy());
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) {
        resolve(line);
        socket.destroy();
        return;
      }
    });
    socket.once('error', () => resolve(undefined));
    socket.once('close', () => resolve(undefined));
  });
}

function parseReady(line: string): ShimReady {
  const as = { code: 'E_WIRE_PROTOCOL', name: 'first word of the shim' } as const;
  const value: unknown = JSON.parse(line);
  const hasPid = typeof value === 'object' && value !== null && 'pid' in value;
  return hasPid ? parseShape(pidShape, value, as) : parseShape(errorShape, value, as);
}
