import { OcupError } from '../base/errors.ts';

/**
 * Frames of an attached process, between command line, supervisor and shim alike:
 *
 *     ┌─────────┬──────────────────┬─────────┐
 *     │ type, 1 │ length, 4, big-e │ payload │
 *     └─────────┴──────────────────┴─────────┘
 */
export const FRAME = {
  /** → bytes for standard input. */
  stdin: 0,
  /** ← bytes of standard output, or of the terminal. */
  stdout: 1,
  /** ← bytes of standard error. */
  stderr: 2,
  /** → `{"rows":24,"columns":80}`. */
  resize: 3,
  /** ← `{"exitCode":0}`: the last frame. */
  exit: 4,
  /** → nothing: standard input has ended. */
  stdinEnd: 5,
  /** ← a `WireError`: the last frame. */
  error: 6,
  /** → `{"signal":15}`: for the process. */
  signal: 7,
} as const;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  readonly type: FrameType;
  readonly payload: Buffer;
}

const HEADER_BYTES = 5;
/** The longest payload that is accepted, in bytes. */
export const MAX_FRAME_BYTES = 4 * 1024 * 1024;

const TYPES = new Map<number, FrameType>(Object.values(FRAME).map((type) => [type, type]));

export function encodeFrame(type: FrameType, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  frame.writeUInt8(type, 0);
  frame.writeUInt32BE(body.length, 1);
  body.copy(frame, HEADER_BYTES);
  return frame;
}

/** Cuts a byte stream into frames. */
export class FrameSplitter {
  private held: Buffer = Buffer.alloc(0);

  /** The frames that `chunk` completes. @throws E_WIRE_PROTOCOL for an unknown type or a length over the limit */
  *push(chunk: Buffer): Generator<Frame> {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    while (this.held.length >= HEADER_BYTES) {
      const type = TYPES.get(this.held.readUInt8(0));
      const length = this.held.readUInt32BE(1);
      if (type === undefined || length > MAX_FRAME_BYTES) {
        throw new OcupError('E_WIRE_PROTOCOL', 'received a damaged frame');
      }
      if (this.held.length < HEADER_BYTES + length) return;
      const payload = this.held.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.held = this.held.subarray(HEADER_BYTES + length);
      yield { type, payload };
    }
  }
}
