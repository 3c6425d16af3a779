import { rmdirSync, rmSync, statSync, watch } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { idleTimeMs } from '../base/idle-time.ts';

/** Held by the supervisor: its end is ours. */
const SUPERVISOR_FD = 3;
/** Where the supervisor hears how many commands run. */
const REPORT_FD = 4;

/** For whom a command host exists. Whoever makes one gives the function to call once no more commands are to be taken. */
export interface Owner {
  /** To be told whenever the number of commands that run may have changed, and once at the start. */
  report(commands: number): void;
}

/** The owner is the supervisor that started this host: `close` is called when it ends. It need not be there to be told. */
export function followSupervisor(close: () => void): Owner {
  const report = new Socket({ fd: REPORT_FD, writable: true, readable: false });
  report.on('error', () => undefined); // it ended
  const alive = new Socket({ fd: SUPERVISOR_FD, readable: true, writable: false });
  alive.on('error', () => undefined);
  alive.on('close', close);
  alive.resume();
  return {
    report: (commands) => {
      if (!report.destroyed) report.write(`${commands}\n`);
    },
  };
}

/**
 * Nobody waits for a standby: it ends after `OCUP_IDLE_MS` without a command, leaves no socket and no empty folder, and
 * gives way to a supervisor's host, which puts its own socket at `path`; `close` is called then.
 *
 * @throws the system error where `path` cannot be watched
 */
export function standBy(path: string, close: () => void): Owner {
  const own = socketIdentity(path);
  const isOurs = (): boolean => socketIdentity(path) === own;
  process.once('exit', () => {
    if (isOurs()) rmSync(path, { force: true });
    try {
      rmdirSync(dirname(path));
    } catch {
      // A supervisor is there.
    }
  });
  watch(path, () => {
    if (!isOurs()) close();
  }).unref();
  const idleMs = idleTimeMs(process.env);
  let timer: NodeJS.Timeout | undefined;
  return {
    report: (commands) => {
      clearTimeout(timer);
      if (commands === 0) timer = setTimeout(close, idleMs);
    },
  };
}

/** Numbers of inodes are given again. */
function socketIdentity(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.ino} ${found.ctimeNs}`;
}
