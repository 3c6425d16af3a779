import type { TerminalSize } from './protocol.ts';

/**
 * The calls between the supervisor and one container's `ocup-shim`. The supervisor writes a `ShimConfig` to
 * `<run>/containers/<id>/shim.json` and starts `ocup-shim <run>/containers/<id>` with a pipe as descriptor 3:
 *
 *     supervisor                      ocup-shim                          runtime
 *       │ spawn ────────────────────▶ │ own session and mount namespace,
 *       │                             │ overlay on the rootfs, copy-ups,
 *       │                             │ log opened, socket listening
 *       │                             │ RUNTIME create ─────────────────▶ │ container's process waits
 *       │ ◀─ {"pid":1234} on fd 3 ─── │                                   │
 *       │    or {"error":{…}}         │ (after an error it has undone all and exits)
 *       │ network set-up by pid       │
 *       │ ─ {"method":"start"} ─────▶ │ RUNTIME start ──────────────────▶ │ exec
 *       │ ◀─ {"event":{"kind":"started"}}, where the start is to be watched, or {"error":{…}}
 *       │ ◀─ {"event":{"kind":"exit",…}} when it ended; the same for a `watch`, at once if it has
 *       │ ─ {"method":"delete"} ────▶ │ RUNTIME delete --force; the shim answers and exits
 *
 * Calls on `shim.sock` are as in `protocol.ts`: one a connection, lines of JSON, frames after an upgrade.
 * The exit is on disk (`exit.json`, a `ShimExit`) before anyone is told. If the supervisor is gone the shim
 * stays until a later one sends `delete`.
 */
export interface ShimConfig {
  readonly id: string;
  /** Absolute folder with `config.json`; its `rootfs` is where the root file system is mounted. */
  readonly bundle: string;
  /** Absolute path of the OCI runtime, and the folder for its `--root`. */
  readonly runtime: string;
  readonly runtimeRoot: string;
  /** The runtime is ocup's own: signals need no process of it. */
  readonly isOwnRuntime: boolean;
  /** Lower folders top first; undefined `overlay` leaves the rootfs as it is. */
  readonly overlay:
    | { readonly lower: readonly string[]; readonly upper: string; readonly work: string }
    | undefined;
  /** Folders of the image that fill a volume which is empty, before the runtime mounts it. */
  readonly copyUps: readonly { readonly source: string; readonly volume: string }[];
  /** Where its output is written in CRI log format; undefined throws it away. */
  readonly logPath: string | undefined;
  /** Rotation: a full log becomes `<log>.1`, and so on. */
  readonly logMaxBytes: number;
  readonly logMaxFiles: number;
  /** `NAME=value` of each entry for systemd's journal, which gets what the log gets; undefined: it gets none. */
  readonly journal: readonly string[] | undefined;
  readonly hasTty: boolean;
  readonly isStdinOpen: boolean;
}

/** The line on descriptor 3. */
export type ShimReady =
  | { readonly pid: number }
  | {
      readonly error: {
        /** `not-found` and `not-executable` are what a shell calls 127 and 126. */
        readonly kind: 'not-found' | 'not-executable' | 'mount' | 'runtime' | 'system';
        readonly message: string;
      };
    };

/** How the container's first process ended. */
export interface ShimExit {
  readonly pid: number;
  /** 128 + signal for one that was killed. */
  readonly exitCode: number;
  /** The signal's number, 0 for none. */
  readonly signal: number;
  readonly isOomKilled: boolean;
  /** Of one that was, where they are known. */
  readonly memoryLimitBytes: number | undefined;
  readonly memoryPeakBytes: number | undefined;
  /** RFC 3339 with nanoseconds. */
  readonly exitedAt: string;
}

export interface ShimState {
  readonly pid: number;
  readonly status: 'created' | 'running' | 'paused' | 'exited';
  readonly exit: ShimExit | undefined;
}

/** Methods of a shim that answer with one result. */
export interface ShimMethods {
  state: { readonly params: Record<string, never>; readonly result: ShimState };
  /** With `watch` it goes on as `watch` does, once the start has been told as an event. */
  start: {
    readonly params: { readonly watch?: boolean };
    readonly result: Record<string, never>;
  };
  /** Sends it to the first process, or with `all` to every process of the container. */
  signal: {
    readonly params: { readonly signal: number; readonly all: boolean };
    readonly result: Record<string, never>;
  };
  pause: { readonly params: Record<string, never>; readonly result: Record<string, never> };
  resume: { readonly params: Record<string, never>; readonly result: Record<string, never> };
  resize: { readonly params: TerminalSize; readonly result: Record<string, never> };
  /** Ends what is left, deletes the container from the runtime, unmounts, and ends the shim. */
  delete: { readonly params: Record<string, never>; readonly result: Record<string, never> };
}

/** An event line of `watch`, and of a `start` that is watched; only `exit` has an exit. */
export interface ShimWatchEvent {
  readonly kind: 'started' | 'exit';
  readonly exit: ShimExit | undefined;
}

/** Methods of a shim that upgrade to frames. */
export interface ShimStreamMethods {
  /** Runs a further process: `process` is a runtime-spec process object. `timeoutMs` kills it, 0 never. */
  exec: {
    readonly process: unknown;
    readonly hasStdin: boolean;
    readonly timeoutMs: number;
    readonly size: TerminalSize | undefined;
  };
  /** What the first process writes from now on, and its standard input. */
  attach: { readonly hasStdin: boolean };
}
