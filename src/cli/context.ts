import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../wire/protocol.ts';

/** What the user, or the machine, tells a command while it runs. */
export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT';

/** Stops listening. */
export type Unsubscribe = () => void;

/**
 * What a terminal does with keys: `lines` as it was; `keys` gives each through as it is, Ctrl-C too; `raw` gives
 * through what is written as well, which another terminal has processed already.
 */
export type TerminalMode = 'lines' | 'keys' | 'raw';

/** The terminal behind a standard stream. */
export interface Terminal {
  size(): TerminalSize;
  onResize(listener: () => void): Unsubscribe;
  /** Only standard input has it. Resolves when it is so. */
  setMode(mode: TerminalMode): Promise<void>;
}

/** A standard stream, and its terminal where it is one. */
export interface Endpoint<Stream> {
  readonly stream: Stream;
  readonly terminal: Terminal | undefined;
}

/**
 * All that a command may know of where it was started. Commands use nothing else: no `process`, no
 * `console`. So the same code runs in a fresh Node, in a test, and beside a supervisor.
 */
export interface CommandContext {
  /** Behind the program's name. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly workingDir: string;
  readonly stdin: Endpoint<Readable>;
  readonly stdout: Endpoint<Writable>;
  readonly stderr: Endpoint<Writable>;
  /** Calls `listener` for each signal that comes; without a listener a signal ends the process. */
  onSignal(listener: (signal: SignalName) => void): Unsubscribe;
  /** Aborts when whoever started the command has gone: what it asked for is given up, and nothing it writes is read. */
  readonly gone: AbortSignal;
  readonly uid: number;
  readonly gid: number;
  /** The Node.js executable that a supervisor is started with. */
  readonly nodePath: string;
  /** Milliseconds since the epoch. */
  now(): number;
}
