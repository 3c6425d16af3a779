import { closeSync, constants, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { withDeadline } from '../base/abort.ts';
import { isOcupError, OcupError } from '../base/errors.ts';
import { count, flag, objectOf, oneOf, optional, parseShape, text } from '../base/shape.ts';
import { callSocket, type FrameStream, openSocketStream } from '../wire/client.ts';
import type { ShimExit, ShimMethods, ShimState, ShimStreamMethods } from '../wire/shim.ts';

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

const watchEventShape = objectOf<{ readonly kind: 'exit'; readonly exit: ShimExit }>({
  kind: oneOf('exit'),
  exit: shimExitShape,
});

type PlainMethod = Exclude<keyof ShimMethods, 'state'>;

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
    const result = await withDeadline({ timeoutMs: STATE_TIMEOUT_MS }, (signal) =>
      callSocket(this.socketOf(id), request, { signal }),
    );
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
      await withDeadline({ timeoutMs: CALL_TIMEOUT_MS }, (signal) =>
        callSocket(this.socketOf(id), { method, params }, { signal }),
      );
    } catch (error) {
      if (!isOcupError(error, 'E_CANCELLED')) throw error;
      const seconds = CALL_TIMEOUT_MS / 1000;
      const message = `the shim of ${id.slice(0, 12)} did not answer ${method} within ${seconds} s`;
      throw new OcupError('E_WIRE_CLOSED', message, { cause: error });
    }
  }

  /**
   * Resolves with the exit once the container has ended, or with undefined when the shim is gone without
   * having told one. Rejects only when `signal` aborts.
   */
  async watch(id: string, signal: AbortSignal): Promise<ShimExit | undefined> {
    let exit: ShimExit | undefined;
    const hangUp = new AbortController();
    const onAbort = (): void => hangUp.abort();
    const onEvent = (event: unknown): void => {
      const as = { code: 'E_WIRE_PROTOCOL', name: 'event of shim' } as const;
      ({ exit } = parseShape(watchEventShape, event, as));
      hangUp.abort();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const request = { method: 'watch', params: {} };
      const options = { signal: hangUp.signal, onEvent };
      await callSocket<unknown>(this.socketOf(id), request, options);
    } catch (error) {
      if (signal.aborted || !isOcupError(error)) throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    return exit;
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

  private socketOf(id: string): string {
    return `/proc/self/fd/${this.folderFd}/${id}/shim.sock`;
  }
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
