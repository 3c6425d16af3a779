import { rmSync } from 'node:fs';
import { Calm } from '../base/calm.ts';
import { messageOf } from '../base/errors.ts';
import { type HandedStreams, listenUnix, openCommandDoor } from '../native/command-door.ts';
import { peerCredentials } from '../native/processes.ts';
import { runHanded } from './handed-command.ts';
import { readIdentity } from './identity.ts';
import { followSupervisor, standBy } from './owner.ts';
import { findRefusal } from './refusal.ts';
import { parseRequest, type Request } from './request.ts';

/**
 * `warm.cjs SOCKET [--standby]`: runs commands that are handed over on SOCKET until its owner ends, and then those that
 * still run to their end. The owner is the supervisor; a standby has none, and ends when nobody has called for a while.
 */
function main(): void {
  const [path = '', mode] = process.argv.slice(2);
  const identity = readIdentity(__filename);
  /** Those that were accepted, whether handed over yet or not. */
  const running = new Map<number, Request>();
  let isEnding = false;

  const calm = new Calm();
  const onChange = (): void => {
    calm.stir();
    owner.report(running.size);
    if (isEnding && running.size === 0) process.exit(0);
  };
  const end = (id: number): void => {
    running.delete(id);
    onChange();
  };
  const accept = (id: number, connection: number, payload: Buffer): boolean => {
    if (peerCredentials(connection).uid !== process.geteuid?.()) return false;
    const request = tryParse(payload);
    if (request === undefined || findRefusal(request, identity) !== undefined) return false;
    // One umask for the whole process: that of the commands that run.
    const [other] = running.values();
    if (other === undefined) process.umask(request.umask);
    else if (other.umask !== request.umask) return false;
    running.set(id, request);
    onChange();
    return true;
  };
  const hand = (id: number, streams: HandedStreams): void => {
    const request = running.get(id);
    if (request !== undefined) void runHanded(request, streams).finally(() => end(id));
  };
  const isStandby = mode === '--standby';
  // Left by a host that was killed, or a standby's, which hears of it.
  if (!isStandby) rmSync(path, { force: true });
  const door = openCommandDoor(listenUnix(path), { accept, hand, drop: end });
  const close = (): void => {
    isEnding = true;
    door.close();
    if (running.size === 0) process.exit(0);
  };
  const owner = isStandby ? standBy(path, close) : followSupervisor(close);
  onChange();
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
}

function tryParse(payload: Buffer): Request | undefined {
  try {
    return parseRequest(payload);
  } catch {
    return undefined;
  }
}

process.chdir('/');
process.on('uncaughtException', (error) => {
  process.stderr.write(
    `the command host ends because of a bug: ${error.stack ?? messageOf(error)}\n`,
  );
  process.exit(1);
});
main();
