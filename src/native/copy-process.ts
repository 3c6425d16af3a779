import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { messageOf, OcupError } from '../base/errors.ts';
import { executablePath } from './executables.ts';

/** Whose files: this machine's own, those that a process sees, or those of a container that does not run. */
export type CopyRoot =
  | Record<string, never>
  | { readonly pid: number }
  | {
      /** Its `rootfs` is where the overlay is mounted, in a mount namespace that goes with the copy. */
      readonly bundle: string;
      readonly overlay: {
        readonly lower: readonly string[];
        readonly upper: string;
        readonly work: string;
      };
      readonly isReadOnly: boolean;
      readonly copyUps: readonly { readonly source: string; readonly volume: string }[];
      readonly mounts: readonly {
        readonly source: string;
        readonly target: string;
        readonly isReadOnly: boolean;
      }[];
    };

/** What `ocup-copy` is asked for. */
export interface CopyRequest {
  /** `remove` takes files and empty folders as input, each name ended by a zero byte. */
  readonly operation: 'read' | 'write' | 'remove';
  readonly root: CopyRoot;
  /** Absolute in that root. */
  readonly path: string;
  readonly followsLink: boolean;
  readonly keepsOwner: boolean;
  readonly isPlainArchive: boolean;
}

/** A copy that goes on: an archive comes out of `output`, or goes into `input`. */
export interface CopyProcess {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when all is done. @throws E_CONTAINER_COPY with what went wrong, E_CANCELLED */
  readonly done: Promise<void>;
  /** Ends it by force. */
  kill(): void;
}

/** Starts a copy. @throws E_HOST_NATIVE when the program is not built */
export function startCopy(request: CopyRequest): CopyProcess {
  const child = spawn(executablePath('ocup-copy'), [JSON.stringify(request)], {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // Whoever writes sees how the process ended.
  child.stdin.on('error', () => undefined);
  const done = waitForEnd(child, child.stderr);
  done.catch(() => undefined); // whoever waits for it sees it
  return { input: child.stdin, output: child.stdout, done, kill: () => void child.kill('SIGKILL') };
}

function waitForEnd(child: ChildProcess, stderr: Readable): Promise<void> {
  let text = '';
  stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new OcupError('E_CONTAINER_COPY', `cannot copy: ${messageOf(cause)}`, { cause }));
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(parseFailure(text, signal));
    });
  });
}

/** The line of JSON that says what went wrong. */
function parseFailure(text: string, signal: string | null): OcupError {
  const line = text.trim();
  if (!line.startsWith('{')) {
    const how = signal === null ? line : `it was ended by ${signal}`;
    return new OcupError('E_CONTAINER_COPY', `cannot copy: ${how}`);
  }
  const failure = JSON.parse(line) as { readonly message?: unknown; readonly errno?: unknown };
  return new OcupError('E_CONTAINER_COPY', String(failure.message), {
    details: { errno: failure.errno },
  });
}
