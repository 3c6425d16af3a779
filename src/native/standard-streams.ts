import { constants } from 'node:os';
import { Readable, Writable } from 'node:stream';
import { loadAddon } from './addon.ts';

const READ_BYTES = 64 * 1024;

/**
 * A descriptor that another process shares, as a stream that never blocks this one and leaves the open file as it is:
 * its other users see no O_NONBLOCK. Takes the descriptor over.
 */
export function inputStream(fd: number): Readable {
  const { StandardStream } = loadAddon();
  const source = new StandardStream(fd, false);
  return new Readable({
    highWaterMark: READ_BYTES,
    read() {
      const take = (result: Buffer | number): void => {
        if (typeof result === 'number') this.destroy(systemError('read', result));
        else this.push(result.length === 0 ? null : result);
      };
      const result = source.read(READ_BYTES, take);
      if (result !== undefined) take(result);
    },
    destroy(error, done) {
      source.close();
      done(error);
    },
  });
}

/** Asked before each write: a promise is waited for. */
export interface OutputOptions {
  readonly ready: () => Promise<void> | undefined;
}

/** The same for output. An error, such as `EPIPE`, destroys the stream. */
export function outputStream(fd: number, { ready }: OutputOptions): Writable {
  const { StandardStream } = loadAddon();
  const target = new StandardStream(fd, true);
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const finish = (errno: number): void => {
        done(errno === 0 ? null : systemError('write', errno));
      };
      const write = (): void => {
        if (this.destroyed) return;
        const result = target.write(chunk, finish);
        if (result >= 0) finish(result);
      };
      const wait = ready();
      if (wait === undefined) write();
      else void wait.then(write);
    },
    destroy(error, done) {
      target.close();
      done(error);
    },
  });
}

/**
 * The terminal at `fd` leaves what is written to it as it is, until its mode is set again. Node.js has no mode for it.
 *
 * @throws the system error: `ENOTTY`, `EIO`
 */
export function passOutputThrough(fd: number): void {
  loadAddon().passOutputThrough(fd);
}

function systemError(syscall: string, errno: number): Error {
  const [code = `E#${errno}`] =
    Object.entries(constants.errno).find(([, number]) => number === errno) ?? [];
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -errno, syscall });
}
