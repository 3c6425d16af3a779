import { OcupError } from './errors.ts';

/** The longest line that a peer may send, in bytes. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines without their `\n`. What follows the last newline is kept for the next
 * chunk, and `takeRest` hands it over when the stream changes to another format.
 */
export class LineSplitter {
  private parts: Buffer[] = [];
  private heldBytes = 0;
  private readonly maxBytes: number;

  constructor(maxBytes: number = MAX_LINE_BYTES) {
    this.maxBytes = maxBytes;
  }

  /** The lines that `chunk` completes. @throws E_WIRE_PROTOCOL when a line grows beyond the limit. */
  *push(chunk: Buffer): Generator<string> {
    this.hold(chunk);
    for (let line = this.takeLine(); line !== undefined; line = this.takeLine()) yield line;
    if (this.heldBytes > this.maxBytes) {
      throw new OcupError('E_WIRE_PROTOCOL', `line is longer than ${this.maxBytes} bytes`);
    }
  }

  /** Takes what has not been yielded yet. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.parts);
    this.parts = [];
    this.heldBytes = 0;
    return rest;
  }

  private hold(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.parts.push(chunk);
    this.heldBytes += chunk.length;
  }

  private takeLine(): string | undefined {
    const last = this.parts.at(-1);
    if (last === undefined) return undefined;
    // Only the newest part, or a rest that was cut from it, can hold a newline.
    const at = last.indexOf(NEWLINE);
    if (at < 0) return undefined;
    const line = Buffer.concat([...this.parts.slice(0, -1), last.subarray(0, at)]);
    const rest = last.subarray(at + 1);
    this.parts = rest.length > 0 ? [rest] : [];
    this.heldBytes = rest.length;
    return line.toString('utf8');
  }
}
