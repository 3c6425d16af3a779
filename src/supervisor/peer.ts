import type { Socket } from 'node:net';
import { OcupError } from '../base/errors.ts';
import { peerCredentials } from '../native/processes.ts';

/**
 * Refuses a caller that is another user. The socket's folder keeps others out already; this holds where the
 * folder is one that somebody else made.
 *
 * @throws E_WIRE_PROTOCOL
 */
export function admitPeer(socket: Socket): void {
  const fd = findDescriptor(socket);
  if (fd === undefined) throw new OcupError('E_WIRE_PROTOCOL', 'cannot tell who calls');
  const { uid } = peerCredentials(fd);
  const own = process.getuid?.();
  if (uid === own || uid === 0) return;
  throw new OcupError(
    'E_WIRE_PROTOCOL',
    `user ${uid} may not use the supervisor of user ${own ?? -1}`,
  );
}

/** Node has no public way to the descriptor of a connection. */
function findDescriptor(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return undefined;
  return typeof handle.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
