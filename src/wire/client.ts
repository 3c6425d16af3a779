import { connect, type Socket } from 'node:net';
import { cancelled, throwIfAborted } from '../base/abort.ts';
import { messageOf, OcupError } from '../base/errors.ts';
import { formatJson } from '../base/json.ts';
import { LineSplitter } from '../base/lines.ts';
import { type FrameStream, frameStream, readChunks } from './frame-stream.ts';
import { parseWireError } from './wire-error.ts';

export type { FrameStream };

export interface CallOptions<Event> {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: Event) => void) | undefined;
}

/**
 * Makes one call on the unix socket `path`, and gives its result as it stands on the wire.
 * `signal` cancels the call on the other side by hanging up.
 *
 * @throws E_WIRE_CONNECT if nobody listens, E_WIRE_CLOSED if the answer breaks off, E_CANCELLED, and
 * whatever error the other side answers with
 */
export async function callSocket<Event>(
  path: string,
  request: { readonly method: string; readonly params: unknown },
  options: CallOptions<Event> = {},
): Promise<unknown> {
  const connection = await openConnection(path, request, options.signal);
  try {
    for await (const line of connection.lines()) {
      const message = parseMessage(line);
      if ('event' in message) options.onEvent?.(message['event'] as Event);
      else if ('error' in message) throw parseWireError(message['error']);
      else if ('result' in message) return message['result'];
      else
        throw new OcupError('E_WIRE_PROTOCOL', `received an unknown message for ${request.method}`);
    }
    throw closedEarly(request.method);
  } finally {
    connection.close();
  }
}

/** Makes a streaming call. @throws as `callSocket` */
export async function openSocketStream(
  path: string,
  request: { readonly method: string; readonly params: unknown },
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<FrameStream> {
  const connection = await openConnection(path, request, options.signal);
  try {
    for await (const line of connection.lines()) {
      const message = parseMessage(line);
      if ('error' in message) throw parseWireError(message['error']);
      if ('upgrade' in message) return connection.takeFrames(message['upgrade']);
    }
    throw closedEarly(request.method);
  } catch (error) {
    connection.close();
    throw error;
  }
}

interface Connection {
  lines(): AsyncGenerator<string>;
  takeFrames(upgrade: unknown): FrameStream;
  close(): void;
}

async function openConnection(
  path: string,
  request: { readonly method: string; readonly params: unknown },
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
    socket.once('error', (cause) => {
      reject(
        new OcupError('E_WIRE_CONNECT', `cannot connect to ${path}: ${messageOf(cause)}`, {
          cause,
        }),
      );
    });
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

function closedEarly(method: string): OcupError {
  return new OcupError('E_WIRE_CLOSED', `the supervisor hung up during ${method}`);
}
