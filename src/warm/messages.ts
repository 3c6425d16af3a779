import { OcupError } from '../base/errors.ts';

/** The frames between launcher and command host once a command was handed over. @see native/launcher/messages.h, which draws them */
export const MESSAGE = {
  signal: 3,
  resize: 4,
  input: 5,
  inputEnd: 6,
  stopped: 7,
  continued: 8,
  modeSet: 9,
  exit: 67,
  terminalMode: 68,
  readInput: 69,
  signalSeen: 70,
  paused: 71,
} as const;

/** What `terminalMode` carries. */
export const MODE_NUMBER = { lines: 0, keys: 1, raw: 2 } as const;

export type MessageType = (typeof MESSAGE)[keyof typeof MESSAGE];

export interface Message {
  readonly type: MessageType;
  readonly payload: Buffer;
}

const HEADER_BYTES = 5;
/** The launcher sends what is typed in small pieces. */
const MAX_PAYLOAD_BYTES = 64 * 1024;
const TYPES = new Map<number, MessageType>(Object.values(MESSAGE).map((type) => [type, type]));

/** A frame with no payload, or one of bytes from 0 to 255. */
export function encodeMessage(type: MessageType, ...payload: readonly number[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, Buffer.from(payload)]);
}

/** Cuts a byte stream into messages. */
export class MessageSplitter {
  private held: Buffer = Buffer.alloc(0);

  /** The messages that `chunk` completes. @throws E_WIRE_PROTOCOL */
  push(chunk: Buffer): Message[] {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const messages: Message[] = [];
    while (this.held.length >= HEADER_BYTES) {
      const type = TYPES.get(this.held.readUInt8(0));
      const length = this.held.readUInt32BE(1);
      if (type === undefined || length > MAX_PAYLOAD_BYTES) {
        throw new OcupError('E_WIRE_PROTOCOL', 'received a damaged message');
      }
      if (this.held.length < HEADER_BYTES + length) break;
      messages.push({ type, payload: this.held.subarray(HEADER_BYTES, HEADER_BYTES + length) });
      this.held = this.held.subarray(HEADER_BYTES + length);
    }
    return messages;
  }
}
