import type { Socket } from 'node:dgram';
import { closeSync } from 'node:fs';
import type { Server } from 'node:net';

/**
 * Has a socket of Node take over descriptor `fd`; resolves when it listens. When that fails the descriptor is
 * closed.
 */
export function takeDescriptor(
  socket: Socket | Server,
  fd: number,
  start: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      socket.removeListener('listening', onListening);
      closeSync(fd);
      reject(error);
    };
    const onListening = (): void => {
      socket.removeListener('error', onError);
      resolve();
    };
    socket.once('error', onError);
    socket.once('listening', onListening);
    start();
  });
}
