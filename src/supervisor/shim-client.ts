import { closeSync, constants, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isOcupError, OcupError } from '../base/errors.ts';
import { count, flag, objectOf, oneOf, optional, parseShape, text } from '../base/shape.ts';
import {
  type CallOptions,
  callSocket,
  type FrameStream,
  openSocketStream,
  type Request,
} from '../wire/client.ts';
import type {
  ShimExit,
  ShimMethods,
  ShimState,
  ShimStreamMethods,
  ShimWatchEvent,
} from '../wire/shim.ts';

/** A shim answers at once, but for what the runtime takes. */
const CALL_TIMEOUT_MS = 30_000;
/** Recovery asks many shims; one that hangs must not hold up the others for long. */
const STATE_TIMEOUT_MS = 5_000;

const shimExitShape = objectOf<ShimExit>({
  pid: count,
  exitCode: count,
  signal: count,
  isOomKilled: flag,
  memoryLimitBytes: optional(count),
  memoryPeakBytes: optional(count),
  exitedAt: text,
});

const stateShape = objectOf<ShimState>({
  pid: count,
  status: oneOf('created', 'running', 'paused', 'exited'),
  exit: optional(shimExitShape),
});

const watchEventShape = objectOf<ShimWatchEvent>({
  kind: oneOf('started', 'exit'),
  exit: optional(shimExitShape),
});

/** A container that was started. */
export interface Watched {
  /** See `ShimClient.watch`. */
  readonly ended: Promise<ShimExit | undefined>;
}

type PlainMethod = Exclude<keyof ShimMethods, 'state' | 'start'>;

/**
 * Talks to the shims of one run folder. Their sockets are reached through a descriptor of the folder, since the
 * address of a unix socket may have 107 bytes only.
 * @see unix(7)
 */
export class ShimClient implements Disposable {
  private folderFd: number;

  /** `folder` is `<run>/containers`, and must exist. */
  constructor(folder: string) {
    this.folderFd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  /** @throws E_WIRE_CONNECT when there is no shim */
  async state(id: string): Promise<ShimState> {
    const request = { method: 'state', params: {} };
    const options = { timeoutMs: STATE_TIMEOUT_MS };
    const result = await callSocket(this.socketOf(id), request, options);
    return parseShape(stateShape, result, { code: 'E_WIRE_PROTOCOL', name: 'state of shim' });
  }

  /** Undefined when the shim is gone. */
  async findStatus(id: string): Promise<ShimState['status'] | undefined> {
    try {
      return (await this.state(id)).status;
    } catch (error) {
      if (isOcupError(error, 'E_WIRE_CONNECT') || isOcupError(error, 'E_WIRE_CLOSED')) {
        return undefined;
      }
      throw error;
    }
  }

  /** @throws E_WIRE_CONNECT when there is no shim, and what the runtime says */
  async call<M extends PlainMethod>(
    id: string,
    method: M,
    params: ShimMethods[M]['params'],
  ): Promise<void> {
    try {
      const request = { method, params };
      await callSocket(this.socketOf(id), request, { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      throw isOcupError(error, 'E_CANCELLED') ? noAnswer(id, method, error) : error;
    }
  }

  /**
   * Starts the container, and watches it from then on over the same connection.
   *
   * @throws E_CONTAINER_START, E_WIRE_…, E_CANCELLED when `signal` aborts
   */
  start(id: string, signal: AbortSignal): Promise<Watched> {
    const request = { method: 'start', params: { watch: true } };
    return new Promise((resolve, reject) => {
      let isStarted = false;
      const ended = this.untilExit(id, request, {
        signal,
        timeoutMs: CALL_TIMEOUT_MS,
        onStarted: () => {
          isStarted = true;
          resolve({ ended: untilTold(ended, signal) });
        },
      });
      ended.then(
        () => {
          if (!isStarted) reject(new OcupError('E_WIRE_PROTOCOL', 'the shim told of no start'));
        },
        (error: unknown) => {
          const isLate = isOcupError(error, 'E_CANCELLED') && !signal.aborted;
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- handed on as it was thrown
          reject(isLate ? noAnswer(id, 'start', error) : error);
        },
      );
    });
  }

  /**
   * Resolves with the exit once the container has ended, or with undefined when the shim is gone without
   * having told one. Rejects only when `signal` aborts.
   */
  watch(id: string, signal: AbortSignal): Promise<ShimExit | undefined> {
    return untilTold(this.untilExit(id, { method: 'watch', params: {} }, { signal }), signal);
  }

  openStream<M extends keyof ShimStreamMethods>(
    id: string,
    method: M,
    params: ShimStreamMethods[M],
    signal?: AbortSignal,
  ): Promise<FrameStream> {
    return openSocketStream(this.socketOf(id), { method, params }, { signal });
  }

  [Symbol.dispose](): void {
    if (this.folderFd >= 0) closeSync(this.folderFd);
    this.folderFd = -1;
  }

  private async untilExit(
    id: string,
    request: Request,
    options: Omit<CallOptions<unknown>, 'onEvent'> & { readonly onStarted?: () => void },
  ): Promise<ShimExit | undefined> {
    let exit: ShimExit | undefined;
    const onEvent = (event: unknown): void => {
      const as = { code: 'E_WIRE_PROTOCOL', name: 'event of shim' } as const;
      const told = parseShape(watchEventShape, event, as);
      if (told.kind === 'started') options.onStarted?.();
      else ({ exit } = told);
    };
    await callSocket<unknown>(this.socketOf(id), request, { ...options, onEvent });
    return exit;
  }

  private socketOf(id: string): string {
    return `/proc/self/fd/${this.folderFd}/${id}/shim.sock`;
  }
}

/** What is told, or undefined when the shim breaks off. */
async function untilTold(
  told: Promise<ShimExit | undefined>,
  signal: AbortSignal,
): Promise<ShimExit | undefined> {
  try {
    return await told;
  } catch (error) {
    if (signal.aborted || !isOcupError(error)) throw error;
    return undefined;
  }
}

function noAnswer(id: string, method: string, cause: unknown): OcupError {
  const seconds = CALL_TIMEOUT_MS / 1000;
  const message = `the shim of ${id.slice(0, 12)} did not answer ${method} within ${seconds} s`;
  return new OcupError('E_WIRE_CLOSED', message, { cause });
}

/** The exit that a shim has noted on disk, undefined where there is none that can be read. */
export async function readShimExit(path: string): Promise<ShimExit | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return parseShape(shimExitShape, value, { code: 'E_RECORD_DAMAGED', name: path });
  } catch {
    return undefined;
  }
}
