import { connect, type Socket } from 'node:net';
import { cancelled, throwIfAborted } from '../base/abort.ts';
import { findErrno, messageOf, OcupError } from '../base/errors.ts';
import { formatJson } from '../base/json.ts';
import { LineSplitter } from '../base/lines.ts';
import { type FrameStream, frameStream, readChunks } from './frame-stream.ts';
import { parseWireError } from './wire-error.ts';

export type { FrameStream };

export interface Request {
  readonly method: string;
  readonly params: unknown;
}

export interface CallOptions<Event> {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: Event) => void) | undefined;
  /** The call is cancelled when nothing has come by then; undefined: it may take as long as it wants. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Makes one call on the unix socket `path`, and gives its result as it stands on the wire.
 * `signal` cancels the call on the other side by hanging up. What `onEvent` throws ends the call.
 *
 * @throws E_WIRE_CONNECT if nobody takes the call, E_WIRE_CLOSED if the answer breaks off, E_CANCELLED, and
 * whatever error the other side answers with
 */
export function callSocket<Event>(
  path: string,
  request: Request,
  options: CallOptions<Event> = {},
): Promise<unknown> {
  const { signal, onEvent, timeoutMs } = options;
  if (isAborted(signal)) return Promise.reject(cancelled(signal));
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let isAnswered = false;
    let isConnected = false;
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
    };
    const fail = (error: unknown): void => {
      if (isSettled) return;
      settle();
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- handed on as it was thrown
      reject(error);
    };
    const onAbort = (): void => fail(cancelled(signal));
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(() => fail(tooLate(timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => (isConnected = true));
    socket.on('error', (cause) => {
      const isTaken = isConnected && (isAnswered || !isRefusal(cause));
      fail(isTaken ? closedEarly(request.method, cause) : cannotConnect(path, cause));
    });
    socket.once('close', () => fail(closedEarly(request.method)));
    const splitter = new LineSplitter();
    socket.on('data', (chunk) => {
      isAnswered = true;
      try {
        for (const line of splitter.push(chunk)) {
          if (isSettled) return;
          clearTimeout(timer);
          const message = parseMessage(line);
          if ('event' in message) onEvent?.(message['event'] as Event);
          else {
            const result = resultOf(message, request.method);
            settle();
            resolve(result);
          }
        }
      } catch (error) {
        fail(error);
      }
    });
    socket.write(`${formatJson(request)}\n`);
  });
}

/** Makes a streaming call. @throws as `callSocket` */
export async function openSocketStream(
  path: string,
  request: Request,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FrameStream> {
  const connection = await openConnection(path, request, options.signal);
  try {
    for await (const line of connection.lines()) {
      const message = parseMessage(line);
      if ('error' in message) throw parseWireError(message['error']);
      if ('upgrade' in message) return connection.takeFrames(message['upgrade']);
    }
    const { failure } = connection;
    throw isRefusal(failure) ? cannotConnect(path, failure) : closedEarly(request.method);
  } catch (error) {
    connection.close();
    throw error;
  }
}

interface Connection {
  lines(): AsyncGenerator<string>;
  takeFrames(upgrade: unknown): FrameStream;
  /** What ended it, if that was an error. */
  readonly failure: Error | null;
  close(): void;
}

async function openConnection(
  path: string,
  request: Request,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  throwIfAborted(signal);
  const socket = await connectSocket(path);
  if (isAborted(signal)) {
    socket.destroy();
    throw cancelled(signal);
  }
  const onAbort = (): void => {
    socket.destroy(cancelled(signal));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const chunks = readChunks(socket);
  const splitter = new LineSplitter();
  socket.write(`${formatJson(request)}\n`);
  return {
    async *lines() {
      for (;;) {
        const { value, done } = await chunks.next();
        if (done === true) return;
        yield* splitter.push(value);
      }
    },
    get failure() {
      return socket.errored;
    },
    takeFrames: (upgrade) => frameStream(socket, { chunks, rest: splitter.takeRest(), upgrade }),
    close() {
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
    },
  };
}

/** The compiler takes `aborted` for settled once it was asked. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', (cause) => reject(cannotConnect(path, cause)));
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      socket.on('error', () => undefined); // seen by whoever reads
      resolve(socket);
    });
  });
}

function parseMessage(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new OcupError('E_WIRE_PROTOCOL', 'received a line that is not JSON', { cause });
  }
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new OcupError('E_WIRE_PROTOCOL', 'received a line that is not an object');
}

/** @throws the error that it tells, E_WIRE_PROTOCOL when it is neither that nor a result */
function resultOf(message: Record<string, unknown>, method: string): unknown {
  if ('error' in message) throw parseWireError(message['error']);
  if ('result' in message) return message['result'];
  throw new OcupError('E_WIRE_PROTOCOL', `received an unknown message for ${method}`);
}

/**
 * Whether a call that has had no answer was never read: who hangs up on what is still unread resets the connection.
 * So it is with those that wait to be accepted while the other side ends.
 */
function isRefusal(cause: unknown): boolean {
  const errno = findErrno(cause);
  return errno === 'ECONNRESET' || errno === 'EPIPE';
}

function cannotConnect(path: string, cause: unknown): OcupError {
  const message = `cannot connect to ${path}: ${messageOf(cause)}`;
  return new OcupError('E_WIRE_CONNECT', message, { cause });
}

function closedEarly(method: string, cause?: unknown): OcupError {
  return new OcupError('E_WIRE_CLOSED', `the supervisor hung up during ${method}`, {
    hint: 'Run the command again: what was complete is kept.',
    cause,
  });
}

function tooLate(timeoutMs: number): OcupError {
  const cause = new Error(`no answer within ${timeoutMs} ms`);
  return new OcupError('E_CANCELLED', 'cancelled', { cause });
}
