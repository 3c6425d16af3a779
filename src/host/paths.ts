import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/** Where ocup keeps things; all absolute. */
export interface HostPaths {
  /** Survives a reboot. */
  readonly dataDir: string;
  /** Gone at boot. */
  readonly runDir: string;
  readonly supervisorSocket: string;
  /** Where the native launcher hands commands over. */
  readonly commandSocket: string;
  /** Held by the supervisor that runs. */
  readonly supervisorLock: string;
  readonly supervisorLog: string;
  /** The `--root` of the OCI runtime. */
  readonly runtimeRoot: string;
}

/**
 * The folders of user `uid`: those of the machine for root, else those of the XDG base directories;
 * `OCUP_DATA_DIR` and `OCUP_RUN_DIR` stand over both.
 */
export function hostPaths(environment: ProcessEnvironment, uid: number): HostPaths {
  const dataDir = resolve(findSet(environment, 'OCUP_DATA_DIR') ?? dataFolder(environment, uid));
  const runDir = resolve(findSet(environment, 'OCUP_RUN_DIR') ?? runFolder(environment, uid));
  return {
    dataDir,
    runDir,
    supervisorSocket: join(runDir, 'supervisor.sock'),
    commandSocket: join(runDir, 'commands.sock'),
    supervisorLock: join(runDir, 'supervisor.lock'),
    supervisorLog: join(dataDir, 'supervisor.log'),
    runtimeRoot: join(runDir, 'runtime'),
  };
}

function dataFolder(environment: ProcessEnvironment, uid: number): string {
  if (uid === 0) return '/var/lib/ocup';
  const home = findSet(environment, 'HOME') ?? '/';
  return join(findSet(environment, 'XDG_DATA_HOME') ?? join(home, '.local/share'), 'ocup');
}

function runFolder(environment: ProcessEnvironment, uid: number): string {
  if (uid === 0) return '/run/ocup';
  const configured = findSet(environment, 'XDG_RUNTIME_DIR');
  if (configured !== undefined) return join(configured, 'ocup');
  // A shell that was entered by su has no XDG_RUNTIME_DIR, but mostly the folder.
  const usual = `/run/user/${uid}`;
  return existsSync(usual) ? join(usual, 'ocup') : `/tmp/ocup-${uid}`;
}

/** An empty variable counts as not set. @see XDG Base Directory Specification */
function findSet(environment: ProcessEnvironment, name: string): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}
