import type { Socket } from 'node:net';
import { OcupError } from '../base/errors.ts';

/** Held lines are written when they have grown to this many characters. */
const BATCH_LENGTH = 64 * 1024;

/** Writes lines of JSON to a socket, many small ones in one system call. */
export class LineWriter {
  private readonly socket: Socket;
  private held = '';
  private isFlushDue = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Resolves when there is room for more. @throws E_WIRE_CLOSED when the other side has hung up */
  write(message: unknown): Promise<void> {
    return this.writeText(JSON.stringify(message));
  }

  /** The same for JSON. */
  async writeText(text: string): Promise<void> {
    if (this.socket.destroyed) throw hungUp();
    this.held += `${text}\n`;
    if (this.held.length >= BATCH_LENGTH) {
      await this.flush();
    } else if (!this.isFlushDue) {
      this.isFlushDue = true;
      setImmediate(() => {
        this.isFlushDue = false;
        this.push();
      });
    }
  }

  /** Hands over what is held. @throws E_WIRE_CLOSED */
  async flush(): Promise<void> {
    if (this.push()) return;
    await new Promise<void>((resolve, reject) => {
      const onDrain = (): void => {
        this.socket.off('close', onClose);
        resolve();
      };
      const onClose = (): void => {
        this.socket.off('drain', onDrain);
        reject(hungUp());
      };
      this.socket.once('drain', onDrain);
      this.socket.once('close', onClose);
    });
  }

  /** Whether there is room for more. */
  private push(): boolean {
    if (this.held === '' || this.socket.destroyed) return true;
    const lines = this.held;
    this.held = '';
    return this.socket.write(lines);
  }
}

function hungUp(): OcupError {
  return new OcupError('E_WIRE_CLOSED', 'the other side has hung up');
}
