import { spawn } from 'node:child_process';
import { openSync, readdirSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { abortable, delay } from '../base/abort.ts';
import { ensureFolder } from '../base/ensure-folder.ts';
import { isOcupError, messageOf, OcupError } from '../base/errors.ts';
import { installRoot, ocupVersion } from '../base/install-root.ts';
import { hostPaths, type HostPaths } from '../host/paths.ts';
import {
  callSocket,
  type CallOptions,
  type FrameStream,
  openSocketStream,
} from '../wire/client.ts';
import {
  type CallEvent,
  type MethodName,
  type Params,
  PROTOCOL_VERSION,
  type Result,
  type StreamMethodName,
  type StreamMethods,
} from '../wire/protocol.ts';
import type { CommandContext } from './context.ts';

/** How long a supervisor may take until it takes calls: it adopts what runs before. */
const READY_TIMEOUT_MS = 30_000;
/** What fails so often, by itself, will not do better the next time. */
const MAX_FAILURES = 2;

/** What a command asks the supervisor for. */
export interface SupervisorClient {
  /** Of the command, for calls that go to registries: the supervisor's is that of whoever started it. */
  readonly environment: Readonly<Record<string, string>>;
  /** @throws what the supervisor throws, E_WIRE_CLOSED if it broke off, E_CANCELLED */
  call<M extends MethodName>(
    method: M,
    params: Params<M>,
    options?: CallOptions<CallEvent<M>>,
  ): Promise<Result<M>>;
  /** @throws as `call` */
  stream<M extends StreamMethodName>(
    method: M,
    params: StreamMethods[M],
    options?: { readonly signal?: AbortSignal },
  ): Promise<FrameStream>;
}

/**
 * Connects to the user's supervisor, and starts one if none runs or the one that runs is of another version
 * (containers run on meanwhile).
 *
 * @param wrapper the command that starts it with what follows, such as `unshare --user`
 * @throws E_WIRE_CONNECT if it cannot be started
 */
export async function connectSupervisor(
  context: CommandContext,
  signal: AbortSignal,
  wrapper: readonly string[] = [],
): Promise<SupervisorClient> {
  const paths = hostPaths(context.environment, context.uid);
  const place = { context, paths, wrapper };
  const info = await findInfo(paths, signal);
  if (info === undefined) await startSupervisor(place, signal);
  else if (info.protocolVersion !== PROTOCOL_VERSION || info.version !== ocupVersion()) {
    await callSocket(paths.supervisorSocket, { method: 'system.shutdown', params: {} }, { signal });
    await startSupervisor(place, signal);
  }
  return makeClient(place, signal);
}

/** Where a supervisor is, or is to be, and how it is started. */
interface Place {
  readonly context: CommandContext;
  readonly paths: HostPaths;
  readonly wrapper: readonly string[];
}

/**
 * The same for commands that only look: without a supervisor, and without anything on disk that one could
 * tell about, it is undefined and nothing is started.
 */
export async function findSupervisor(
  context: CommandContext,
  signal: AbortSignal,
): Promise<SupervisorClient | undefined> {
  const paths = hostPaths(context.environment, context.uid);
  const folders = ['containers', 'networks', 'volumes'].map((name) => join(paths.dataDir, name));
  if (folders.some(hasEntries)) return connectSupervisor(context, signal);
  const info = await findInfo(paths, signal);
  return info === undefined ? undefined : connectSupervisor(context, signal);
}

function makeClient(place: Place, commandSignal: AbortSignal): SupervisorClient {
  const { context, paths } = place;
  // A supervisor ends by itself when nothing runs; between two calls of a command it may have done so.
  const again = async <T>(
    work: (signal: AbortSignal) => Promise<T>,
    given?: AbortSignal,
  ): Promise<T> => {
    const signal = given === undefined ? context.gone : AbortSignal.any([given, context.gone]);
    try {
      return await work(signal);
    } catch (error) {
      const isOver = commandSignal.aborted || signal.aborted;
      if (!isOcupError(error, 'E_WIRE_CONNECT') || isOver) throw error;
      await startSupervisor(place, commandSignal);
      return work(signal);
    }
  };
  return {
    environment: context.environment,
    call: <M extends MethodName>(
      method: M,
      params: Params<M>,
      options?: CallOptions<CallEvent<M>>,
    ) =>
      again(async (signal) => {
        const request = { method, params };
        return parseResult<M>(
          await callSocket(paths.supervisorSocket, request, { ...options, signal }),
        );
      }, options?.signal),
    stream: (method, params, options) =>
      again(
        (signal) => openSocketStream(paths.supervisorSocket, { method, params }, { signal }),
        options?.signal,
      ),
  };
}

/** Both ends are of one version; what crosses is checked by types, not again at run time. */
function parseResult<M extends MethodName>(value: unknown): Result<M> {
  return value as Result<M>;
}

async function findInfo(
  paths: HostPaths,
  signal: AbortSignal,
): Promise<Result<'system.info'> | undefined> {
  try {
    const request = { method: 'system.info', params: {} };
    return parseResult<'system.info'>(
      await callSocket(paths.supervisorSocket, request, { signal }),
    );
  } catch (error) {
    // It may be about to end: its socket is there, and then is not.
    if (isOcupError(error, 'E_WIRE_CONNECT') || isOcupError(error, 'E_WIRE_CLOSED')) {
      return undefined;
    }
    throw error;
  }
}

async function startSupervisor(place: Place, signal: AbortSignal): Promise<void> {
  const { context, paths } = place;
  const deadline = context.now() + READY_TIMEOUT_MS;
  let failures = 0;
  // One that gives way to another ends without being ready: the other one may answer, or be ending itself.
  while (context.now() < deadline && failures < MAX_FAILURES) {
    const outcome = await spawnSupervisor(place, signal);
    if (outcome === 'ready' || (await findInfo(paths, signal)) !== undefined) return;
    if (outcome === 'failed') failures += 1;
    await delay(50, signal);
  }
  throw new OcupError('E_WIRE_CONNECT', `cannot start the supervisor${lastWords(paths)}`, {
    hint: `see ${join(paths.dataDir, 'supervisor.log')}, and run ocup doctor`,
  });
}

/** Buffers of a pull are garbage at once: a small young generation lets go of them some 30 MB earlier. */
const SUPERVISOR_OPTIONS = ['--max-semi-space-size=2', '--expose-gc'];

/** Whether the new process takes calls, or how it ended before. */
async function spawnSupervisor(
  { context, paths, wrapper }: Place,
  signal: AbortSignal,
): Promise<'ready' | 'gone' | 'failed'> {
  const log = await openLog(paths);
  const start = join(installRoot(), 'bin/start.cjs');
  const own = [...SUPERVISOR_OPTIONS, start, 'supervisor', '--ready-fd', '3'];
  const [program = '', ...args] = [...wrapper, context.nodePath, ...own];
  try {
    const child = spawn(program, args, {
      cwd: '/',
      detached: true,
      // Options of the caller's Node, such as an inspector's port, are not for the daemon.
      // One heap of the C library for all threads: each of its own would keep what a pull has used.
      // Certificates are read by whoever asks a registry; Node.js would read them before anything else.
      env: {
        ...context.environment,
        NODE_OPTIONS: '',
        NODE_EXTRA_CA_CERTS: '',
        MALLOC_ARENA_MAX: '1',
      },
      stdio: ['ignore', log, log, 'pipe'],
    });
    const ready = child.stdio[3] as Readable | null | undefined;
    const spawned = new Promise<never>((_, reject) => child.once('error', reject));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.unref();
    if (ready === null || ready === undefined) throw new Error('no pipe to the supervisor');
    if (await abortable(Promise.race([spawned, readReady(ready)]), signal)) return 'ready';
    child.ref();
    // What a signal ended has not failed by itself.
    return ((await abortable(ended, signal)) ?? 0) === 0 ? 'gone' : 'failed';
  } finally {
    closeSync(log);
  }
}

/** @throws E_WIRE_CONNECT where nothing can be kept */
async function openLog({ dataDir }: HostPaths): Promise<number> {
  try {
    await ensureFolder(dataDir);
    return openSync(join(dataDir, 'supervisor.log'), 'a', 0o600);
  } catch (cause) {
    throw new OcupError('E_WIRE_CONNECT', `cannot write to ${dataDir}: ${messageOf(cause)}`, {
      hint: 'Set OCUP_DATA_DIR to a folder of your own.',
      cause,
    });
  }
}

function readReady(pipe: Readable): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (isReady: boolean): void => {
      pipe.destroy();
      resolve(isReady);
    };
    pipe.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) finish(text.startsWith('ready'));
    });
    pipe.on('error', () => finish(false));
    pipe.on('close', () => finish(false));
  });
}

/** The end of the supervisor's log, for the error. */
function lastWords(paths: HostPaths): string {
  try {
    const lines = readFileSync(join(paths.dataDir, 'supervisor.log'), 'utf8').trimEnd().split('\n');
    const last = lines.at(-1) ?? '';
    return last === '' ? '' : `: ${last}`;
  } catch {
    return '';
  }
}

function hasEntries(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}
