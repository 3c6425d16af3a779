import type { Readable } from 'node:stream';
import { cancelled } from '../base/abort.ts';
import { OcupError } from '../base/errors.ts';
import type { CopyProcess } from '../native/copy-process.ts';
import type { FrameStream } from '../wire/frame-stream.ts';
import { FRAME } from '../wire/frames.ts';
import { parseWireError } from '../wire/wire-error.ts';

/** Takes a part of an archive, and resolves when there is room for the next one. */
export type TakeChunk = (chunk: Buffer) => Promise<void>;

/** Receives the archive that a container sends. @throws E_CONTAINER_COPY, E_WIRE_CLOSED */
export async function receiveArchive(stream: FrameStream, take: TakeChunk): Promise<void> {
  for await (const { type, payload } of stream.frames) {
    if (type === FRAME.stdout) await take(payload);
    else if (type === FRAME.exit) return;
    else if (type === FRAME.error) throw parseError(payload);
  }
  throw brokenOff();
}

/**
 * Sends an archive to a container, and resolves when all of it has its place there. When the container refuses
 * it, what is left of `chunks` is not read.
 * @throws E_CONTAINER_COPY, E_WIRE_CLOSED, and what `chunks` throws
 */
export async function sendArchive(
  stream: FrameStream,
  chunks: AsyncIterable<Buffer>,
): Promise<void> {
  const answer = receiveArchive(stream, () => Promise.resolve());
  answer.catch(() => undefined); // it is awaited below
  const push = async (type: typeof FRAME.stdin | typeof FRAME.stdinEnd, chunk?: Buffer) => {
    try {
      await stream.send(type, chunk);
    } catch (error) {
      await answer; // a refusal says more than the hang-up that the sender sees
      throw error;
    }
  };
  const send = async (): Promise<void> => {
    for await (const chunk of chunks) await push(FRAME.stdin, chunk);
    await push(FRAME.stdinEnd);
    await answer;
  };
  await Promise.race([answer, send()]);
}

/** The archive that a copy process makes, to its end. @throws E_CONTAINER_COPY when it fails on the way */
export async function* archiveOf(process: CopyProcess): AsyncGenerator<Buffer> {
  yield* buffersOf(process.output);
  await process.done;
}

/** The bytes of a stream. */
export async function* buffersOf(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield toBuffer(chunk);
}

/** Hands the archive's next part to a copy process. */
export function chunkTaker({ input, done }: CopyProcess): TakeChunk {
  return async (chunk) => {
    if (input.destroyed) return done; // it has failed, and says why
    if (input.write(chunk)) return;
    await Promise.race([new Promise((resolve) => input.once('drain', resolve)), done]);
  };
}

/** Kills the process when `signal` aborts; gives a function that ends that. */
export function killOnAbort(process: CopyProcess, signal: AbortSignal): () => void {
  if (signal.aborted) throw cancelled(signal);
  const kill = (): void => process.kill();
  signal.addEventListener('abort', kill, { once: true });
  return () => signal.removeEventListener('abort', kill);
}

function toBuffer(chunk: unknown): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer);
}

function parseError(payload: Buffer): OcupError {
  return parseWireError(JSON.parse(payload.toString('utf8')));
}

function brokenOff(): OcupError {
  return new OcupError('E_WIRE_CLOSED', 'the supervisor hung up before the copy was complete');
}
