import type { Server, Socket } from 'node:net';
import { isOcupError, messageOf, OcupError } from '../base/errors.ts';
import { LineSplitter } from '../base/lines.ts';
import { parseShape, type Shape } from '../base/shape.ts';
import { FRAME } from './frames.ts';
import { type FrameStream, frameStream, readChunks } from './frame-stream.ts';
import { jsonText } from './json-text.ts';
import { LineWriter } from './line-writer.ts';
import { PARAM_SHAPES, STREAM_PARAM_SHAPES } from './param-shapes.ts';
import type {
  CallEvent,
  MethodName,
  Params,
  Result,
  StreamMethodName,
  StreamMethods,
} from './protocol.ts';
import { encodeError } from './wire-error.ts';

/** A call that goes on. */
export interface Call<Event> {
  /** Aborts when the caller hangs up. */
  readonly signal: AbortSignal;
  /** Resolves when there is room for more. */
  send(event: Event): Promise<void>;
}

export type Handler<M extends MethodName> = (
  params: Params<M>,
  call: Call<CallEvent<M>>,
) => Promise<Result<M>>;

/** One handler a method; the compiler sees to it that none is missing. */
export type Handlers = { readonly [M in MethodName]: Handler<M> };

export interface StreamCall {
  readonly signal: AbortSignal;
  /** Goes over to frames. Errors thrown afterwards cross as the last frame. */
  upgrade(value: unknown): FrameStream;
}

export type StreamHandlers = {
  readonly [M in StreamMethodName]: (params: StreamMethods[M], call: StreamCall) => Promise<void>;
};

export interface ServeOptions {
  readonly handlers: Handlers;
  readonly streams: StreamHandlers;
  /** Refuses a connection by throwing. */
  readonly admit: (socket: Socket) => void;
  /** Told whenever the number of open connections changes. */
  readonly onConnections: (open: number) => void;
  /** Told of errors that are bugs: those that are not an `OcupError`. */
  readonly onBug: (method: string, error: unknown) => void;
}

/** How long a connection may take to say what it wants, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How long a caller that has its answer may stay. */
const LINGER_TIMEOUT_MS = 5_000;
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
/** Why a call is aborted; made once, since every connection ends so. */
const HANG_UP = new OcupError('E_CANCELLED', 'the caller hung up');

/**
 * Answers calls on `server` as `protocol.ts` describes. A damaged request gets an error and ends only its
 * own connection.
 */
export function serveCalls(server: Server, options: ServeOptions): void {
  let open = 0;
  server.on('connection', (socket: Socket) => {
    open += 1;
    options.onConnections(open);
    socket.on('error', () => undefined); // seen by whoever reads
    socket.once('close', () => {
      open -= 1;
      options.onConnections(open);
    });
    new Connection(socket, options).serve().catch((error: unknown) => {
      options.onBug('connection', error);
      socket.destroy();
    });
  });
}

interface Request {
  readonly method: string;
  readonly params: unknown;
}

class Connection {
  private readonly socket: Socket;
  private readonly options: ServeOptions;
  private readonly chunks: AsyncGenerator<Buffer, undefined>;
  private readonly splitter = new LineSplitter(MAX_REQUEST_BYTES);
  private readonly hangUp = new AbortController();
  private readonly writer: LineWriter;
  private stream: FrameStream | undefined;

  constructor(socket: Socket, options: ServeOptions) {
    this.socket = socket;
    this.options = options;
    this.chunks = readChunks(socket);
    this.writer = new LineWriter(socket);
    socket.once('close', () => this.hangUp.abort(HANG_UP));
  }

  async serve(): Promise<void> {
    let method = 'connection';
    try {
      this.options.admit(this.socket);
      const request = await this.readRequest();
      if (request === undefined) return;
      method = request.method;
      await this.dispatch(request);
    } catch (error) {
      if (!isOcupError(error)) this.options.onBug(method, error);
      await this.answerError(error);
    } finally {
      this.socket.end();
      this.socket.setTimeout(LINGER_TIMEOUT_MS, () => this.socket.destroy());
      await this.drain();
    }
  }

  private async readRequest(): Promise<Request | undefined> {
    this.socket.setTimeout(REQUEST_TIMEOUT_MS, () => this.socket.destroy());
    for (;;) {
      const { value, done } = await this.chunks.next();
      if (done === true) return undefined;
      for (const line of this.splitter.push(value)) {
        this.socket.setTimeout(0);
        return parseRequest(line);
      }
    }
  }

  private async dispatch(request: Request): Promise<void> {
    const { method, params } = request;
    if (isKeyOf(PARAM_SHAPES, method)) {
      await this.writer.writeText(`{"result":${jsonText(await this.answer(method, params))}}`);
      await this.writer.flush();
    } else if (isKeyOf(STREAM_PARAM_SHAPES, method)) {
      await this.answerStream(method, params, this.options.streams[method]);
    } else throw new OcupError('E_WIRE_PROTOCOL', `unknown method ${JSON.stringify(method)}`);
  }

  private answer<M extends MethodName>(method: M, given: unknown): Promise<Result<M>> {
    const params = parseParams(PARAM_SHAPES[method], given, method);
    void this.drain().catch(() => undefined); // reading on is how a hang-up is noticed
    const handler: Handler<M> = this.options.handlers[method];
    return handler(params, {
      signal: this.hangUp.signal,
      send: (event) => this.writer.write({ event }),
    });
  }

  private async answerStream<M extends StreamMethodName>(
    method: M,
    given: unknown,
    handler: StreamHandlers[M],
  ): Promise<void> {
    const shape: Shape<StreamMethods[M]> = STREAM_PARAM_SHAPES[method];
    const params = parseParams(shape, given, method);
    await handler(params, {
      signal: this.hangUp.signal,
      upgrade: (value) => {
        this.socket.write(`${JSON.stringify({ upgrade: value })}\n`);
        const from = { chunks: this.chunks, rest: this.splitter.takeRest(), upgrade: value };
        this.stream = frameStream(this.socket, from);
        return this.stream;
      },
    });
  }

  /** After a hang-up nobody hears the error any more. */
  private async answerError(error: unknown): Promise<void> {
    const encoded = encodeError(error);
    try {
      if (this.stream !== undefined) {
        await this.stream.send(FRAME.error, JSON.stringify(encoded));
        return;
      }
      await this.writer.write({ error: encoded });
      await this.writer.flush();
    } catch (failure) {
      if (!isOcupError(failure, 'E_WIRE_CLOSED')) throw failure;
    }
  }

  /** Reads until the other side hangs up, and throws away what it sends. */
  private async drain(): Promise<void> {
    for (;;) {
      const { done } = await this.chunks.next();
      if (done === true) return;
    }
  }
}

function parseParams<T>(shape: Shape<T>, given: unknown, method: string): T {
  return parseShape(shape, given, { code: 'E_WIRE_PROTOCOL', name: `${method}: params` });
}

function parseRequest(line: string): Request {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    const message = `received a request that is not JSON: ${messageOf(cause)}`;
    throw new OcupError('E_WIRE_PROTOCOL', message, { cause });
  }
  if (typeof value === 'object' && value !== null && 'method' in value) {
    const params = 'params' in value ? value.params : {};
    if (typeof value.method === 'string') return { method: value.method, params };
  }
  throw new OcupError('E_WIRE_PROTOCOL', 'received a request without a method');
}

function isKeyOf<T extends object>(table: T, key: string): key is keyof T & string {
  return Object.hasOwn(table, key);
}
