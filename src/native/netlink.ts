import { closeSync } from 'node:fs';
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';

import { loadAddon } from './addon.ts';
import { type NetlinkRequest, openSocketsInNamespace } from './sockets.ts';

/** A request as the kernel reads it, without header: the fixed part of its type, then attributes. */
export interface Message {
  /** `RTM_NEWLINK`, … */
  readonly type: number;
  /** `NLM_F_*` beside REQUEST and ACK, which every message gets. */
  readonly flags: number;
  readonly body: Buffer;
}

/** A message of the kernel's answer, without header. */
export interface Reply {
  readonly type: number;
  readonly body: Buffer;
}

export const NETLINK = {
  route: 0,
  netfilter: 12,
} as const;

/** @see linux/netlink.h */
export const FLAG = {
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
} as const;

const FLAG_REQUEST = 0x1;
const FLAG_ACK = 0x4;
const TYPE_ERROR = 2;
const TYPE_DONE = 3;
const FLAG_ACK_TLVS = 0x200;
const ERROR_TEXT = 1;
const HEADER_BYTES = 16;
const ATTRIBUTE_TYPE = 0x3fff;
const FLAG_NESTED = 0x8000;

const isLittle = endianness() === 'LE';

/** A netlink socket of one network namespace. Requests are answered one after the other. */
export class NetlinkSocket implements Disposable {
  private fd: number;
  private tail: Promise<unknown> = Promise.resolve();

  /** Takes over a socket that was opened for it. */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens a socket in this process's network namespace. */
  static async open(protocol: number): Promise<NetlinkSocket> {
    const [fd = -1] = await openSocketsInNamespace(undefined, [netlinkRequest(protocol, [])]);
    return new NetlinkSocket(fd);
  }

  /**
   * Sends all `messages` at once and gives the answers in order. The kernel goes on after a message that
   * failed; the first failure is thrown.
   *
   * @throws an error with `code` and `errno`, worded by the kernel where it has words
   */
  async request(messages: readonly Message[]): Promise<readonly Reply[]> {
    if (messages.length === 0) return [];
    const turn = this.tail.then(() =>
      loadAddon().transactNetlink(this.fd, encodeMessages(messages), messages.length),
    );
    this.tail = turn.catch(() => undefined);
    return decodeReplies(await turn);
  }

  /** May be called again; a request that is under way is let finish. */
  close(): void {
    const fd = this.fd;
    this.fd = -1;
    if (fd >= 0) void this.tail.then(() => closeSync(fd));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** For a socket that is opened together with others, and on which `messages` are sent before these are. */
export function netlinkRequest(protocol: number, messages: readonly Message[]): NetlinkRequest {
  return {
    type: 'netlink',
    protocol,
    messages: encodeMessages(messages),
    count: messages.length,
  };
}

/** The bytes of `messages`, numbered from 1, each asking for an acknowledgement. */
export function encodeMessages(messages: readonly Message[]): Buffer {
  return Buffer.concat(
    messages.map((message, index) => {
      const isDump = (message.flags & FLAG.dump) === FLAG.dump && message.flags === FLAG.dump;
      return Buffer.concat([
        u32(HEADER_BYTES + message.body.length),
        u16(message.type),
        u16(FLAG_REQUEST | (isDump ? 0 : FLAG_ACK) | message.flags),
        u32(index + 1),
        u32(0),
        message.body,
        padding(message.body),
      ]);
    }),
  );
}

/** The messages in `bytes` but acknowledgements. @throws the first error among them */
export function decodeReplies(bytes: Buffer): readonly Reply[] {
  const replies: Reply[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = readU32(bytes, at);
    const type = readU16(bytes, at + 4);
    const body = bytes.subarray(at + HEADER_BYTES, at + length);
    if (type === TYPE_ERROR) throwIfFailed(body, readU16(bytes, at + 6));
    else if (type !== TYPE_DONE) replies.push({ type, body });
    at += (length + 3) & ~3;
  }
  return replies;
}

function throwIfFailed(body: Buffer, flags: number): void {
  const errno = -readI32(body, 0);
  if (errno === 0) return;
  const code = getSystemErrorName(-errno);
  const attributes =
    (flags & FLAG_ACK_TLVS) === 0
      ? new Map<number, Buffer>()
      : decodeAttributes(body.subarray(4 + HEADER_BYTES));
  const text = attributes.get(ERROR_TEXT);
  const words = text === undefined ? '' : ` (${decodeText(text)})`;
  throw Object.assign(new Error(`netlink: ${code}${words}`), { code, errno, syscall: 'netlink' });
}

const PADDINGS = [0, 1, 2, 3].map((length) => Buffer.alloc(length));

/** What fills `data` up to a multiple of four bytes. */
function padding(data: Buffer): Buffer {
  return PADDINGS[-data.length & 3] ?? Buffer.alloc(0);
}

/** One attribute. */
export function attribute(type: number, data: Buffer): Buffer {
  return Buffer.concat([u16(4 + data.length), u16(type), data, padding(data)]);
}

/** An attribute that holds others. */
export function nested(type: number, ...attributes: readonly Buffer[]): Buffer {
  return attribute(type | FLAG_NESTED, Buffer.concat(attributes));
}

/** Attributes by type; of several with one type the last. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = readU16(bytes, at);
    if (length < 4) break;
    attributes.set(readU16(bytes, at + 2) & ATTRIBUTE_TYPE, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** A text with its final zero. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'utf8');
}

/** A text up to its final zero. */
export function decodeText(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

export function u8(value: number): Buffer {
  return Buffer.from([value]);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  if (isLittle) bytes.writeUInt16LE(value);
  else bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  if (isLittle) bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
}

export function readU16(bytes: Buffer, at: number): number {
  return isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

export function readU32(bytes: Buffer, at: number): number {
  return isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

function readI32(bytes: Buffer, at: number): number {
  return isLittle ? bytes.readInt32LE(at) : bytes.readInt32BE(at);
}
