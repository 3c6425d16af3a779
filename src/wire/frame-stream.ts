import type { Socket } from 'node:net';
import { OcupError } from '../base/errors.ts';
import { encodeFrame, type Frame, FrameSplitter, type FrameType } from './frames.ts';

/** A connection that went over to frames. Whoever opened it closes it. */
export interface FrameStream {
  /** What the side that answered said when it went over. */
  readonly upgrade: unknown;
  /** Frames as they come; ends when the other side hangs up. */
  readonly frames: AsyncIterable<Frame>;
  /** Resolves when there is room for more. @throws E_WIRE_CLOSED when the other side has hung up */
  send(type: FrameType, payload?: Buffer | string): Promise<void>;
  close(): void;
}

/** The socket as frames from here on; `rest` is what was read behind the last line. */
export function frameStream(
  socket: Socket,
  from: {
    readonly chunks: AsyncGenerator<Buffer, undefined>;
    readonly rest: Buffer;
    readonly upgrade: unknown;
  },
): FrameStream {
  const splitter = new FrameSplitter();
  async function* frames(): AsyncGenerator<Frame> {
    yield* splitter.push(from.rest);
    for (;;) {
      const { value, done } = await from.chunks.next();
      if (done === true) return;
      yield* splitter.push(value);
    }
  }
  return {
    upgrade: from.upgrade,
    frames: frames(),
    send: (type, payload) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(hungUp());
          return;
        }
        socket.write(encodeFrame(type, payload), (error) => {
          if (error === null || error === undefined) resolve();
          else reject(hungUp(error));
        });
      }),
    close: () => socket.destroy(),
  };
}

/**
 * The bytes of a socket. Ends quietly when the other side hangs up or resets, and not before all that came is read: a
 * stream that Node destroys because a write failed drops what it has read itself.
 */
export function readChunks(socket: Socket): AsyncGenerator<Buffer, undefined> {
  const chunks: Buffer[] = [];
  let hasEnded = false;
  let failure: Error | undefined;
  let wake = (): void => undefined;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    socket.pause();
    wake();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') failure = error;
  });
  for (const event of ['end', 'close']) {
    socket.once(event, () => {
      hasEnded = true;
      wake();
    });
  }
  async function* read(): AsyncGenerator<Buffer, undefined> {
    for (;;) {
      if (failure !== undefined) throw failure;
      const chunk = chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (hasEnded || socket.destroyed) return undefined;
      else {
        const change = new Promise<void>((resolve) => {
          wake = resolve;
        });
        socket.resume();
        await change;
      }
    }
  }
  return read();
}

function hungUp(cause?: unknown): OcupError {
  return new OcupError('E_WIRE_CLOSED', 'the other side has hung up', { cause });
}
