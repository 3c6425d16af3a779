import { loadAddon } from './addon.ts';

/** What a caller hands over. All descriptors are the receiver's to close. */
export interface HandedStreams {
  readonly connection: number;
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * Told of each caller, by a number of its own: it is asked whether to accept its request, and what it accepted is then
 * either handed over or dropped.
 */
export interface DoorListener {
  /** `connection` is lent. */
  accept(id: number, connection: number, request: Buffer): boolean;
  hand(id: number, streams: HandedStreams): void;
  drop(id: number): void;
}

/**
 * A listening unix socket at `path`, which only its owner can connect to; the caller owns the descriptor.
 *
 * @throws the system error, such as `EADDRINUSE`
 */
export function listenUnix(path: string): number {
  return loadAddon().listenUnix(path);
}

/**
 * Takes callers on a listening socket, and the socket over; those that break the rules are hung up on. `close` takes no
 * more and may be called again.
 *
 * @see native/launcher/messages.h for what crosses, man 7 unix for SCM_RIGHTS
 */
export function openCommandDoor(listeningFd: number, listener: DoorListener): { close(): void } {
  const { CommandDoor } = loadAddon();
  return new CommandDoor(listeningFd, {
    accept: (id, connection, request) => listener.accept(id, connection, request),
    hand: (id, connection, ...[stdin, stdout, stderr]) =>
      listener.hand(id, { connection, stdin, stdout, stderr }),
    drop: (id) => listener.drop(id),
  });
}
