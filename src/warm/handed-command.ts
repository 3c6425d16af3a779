import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { CommandContext, SignalName, Terminal, Unsubscribe } from '../cli/context.ts';
import { runCommand } from '../cli/program.ts';
import { workingDirOf } from '../cli/working-dir.ts';
import type { HandedStreams } from '../native/command-door.ts';
import { inputStream, outputStream } from '../native/standard-streams.ts';
import type { TerminalSize } from '../wire/protocol.ts';
import { LauncherLink } from './launcher-link.ts';
import type { Request } from './request.ts';

const SIGNALS: readonly SignalName[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** As a shell tells of a program that SIGPIPE ended. */
const BROKEN_PIPE_CODE = 141;

/**
 * Runs a command for the launcher at the other end of `handed.connection`, and tells it the exit code.
 * Resolves when nothing is left of it. A launcher that goes away takes the command with it, as if it were its process.
 */
export async function runHanded(request: Request, handed: HandedStreams): Promise<void> {
  const command = new HandedCommand(request, handed);
  await command.run();
}

class HandedCommand {
  private readonly request: Request;
  private readonly link: LauncherLink;
  private readonly gone = new AbortController();
  private readonly listeners = new Set<(signal: SignalName) => void>();
  private readonly resizes = new Set<() => void>();
  private size: TerminalSize | undefined;
  private readonly stdin: Readable;
  private readonly stdout: Writable;
  private readonly stderr: Writable;

  constructor(request: Request, handed: HandedStreams) {
    this.request = request;
    this.link = new LauncherLink(handed.connection, {
      onSignal: (number) => this.onSignal(number),
      onResize: (size) => this.onResize(size),
      onGone: () => this.leave(),
    });
    const ready = (): Promise<void> | undefined => this.link.whenRunning();
    if (request.stdin === undefined) this.stdin = inputStream(handed.stdin);
    else {
      this.stdin = this.typed();
      closeSync(handed.stdin);
    }
    this.stdout = outputStream(handed.stdout, { ready });
    this.stderr = outputStream(handed.stderr, { ready });
    for (const stream of [this.stdin, this.stdout, this.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => this.onStreamError(stream, error));
    }
  }

  async run(): Promise<void> {
    const code = await this.runToEnd();
    await Promise.all([this.stdout, this.stderr].map((stream) => this.flush(stream)));
    this.link.exit(code);
    this.close();
  }

  private async runToEnd(): Promise<number> {
    try {
      return await runCommand(this.context());
    } catch (error) {
      // A bug: said as Node.js says it.
      this.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
      return 1;
    }
  }

  /** All that was written has been taken, or nobody takes it any more. */
  private async flush(stream: Writable): Promise<void> {
    if (stream.destroyed) return;
    stream.end();
    await finished(stream, { signal: this.gone.signal }).catch(() => undefined);
  }

  private close(): void {
    this.gone.abort();
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.destroy();
    this.link.close();
  }

  private context(): CommandContext {
    const { argv, environment, workingDir, stdin, stdout, stderr } = this.request;
    const terminal = (size: TerminalSize | undefined, isInput = false): Terminal | undefined =>
      size === undefined ? undefined : this.terminal(size, isInput);
    return {
      argv,
      environment,
      workingDir: workingDirOf(workingDir, environment),
      stdin: { stream: this.stdin, terminal: terminal(stdin, true) },
      stdout: { stream: this.stdout, terminal: terminal(stdout) },
      stderr: { stream: this.stderr, terminal: terminal(stderr) },
      onSignal: (listener) => subscribe(this.listeners, listener),
      gone: this.gone.signal,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      nodePath: process.execPath,
      now: () => Date.now(),
    };
  }

  private terminal(first: TerminalSize, isInput: boolean): Terminal {
    return {
      size: () => this.size ?? first,
      onResize: (listener) => subscribe(this.resizes, listener),
      setMode: (mode) => (isInput ? this.link.setMode(mode) : Promise.resolve()),
    };
  }

  /** What is typed comes from the launcher, which reads only while somebody wants it. */
  private typed(): Readable {
    const { link } = this;
    let hasEnded = false;
    const want = (): void => {
      if (!hasEnded) link.readInput(true);
    };
    const stream = new Readable({ read: want });
    stream.on('pause', () => link.readInput(false));
    // Paused while a read is pending, the stream does not ask for it a second time.
    stream.on('resume', want);
    stream.on('close', () => link.readInput(false));
    link.onInput = (bytes) => {
      hasEnded ||= bytes === undefined;
      if (!stream.push(bytes ?? null)) link.readInput(false);
    };
    return stream;
  }

  private onSignal(number: number): void {
    const name = SIGNALS.find((signal) => constants.signals[signal] === number);
    if (name === undefined) return;
    if (this.listeners.size === 0) this.leaveWith(128 + number);
    for (const listener of [...this.listeners]) listener(name);
  }

  private onResize(size: TerminalSize): void {
    this.size = size;
    for (const listener of [...this.resizes]) listener();
  }

  private onStreamError(stream: Readable | Writable, error: NodeJS.ErrnoException): void {
    if (this.gone.signal.aborted || stream === this.stdin) return;
    if (error.code !== 'EPIPE' && stream === this.stdout) {
      this.stderr.write(`Error: cannot write to standard output: ${error.message}\n`);
    }
    this.leaveWith(error.code === 'EPIPE' ? BROKEN_PIPE_CODE : 1);
  }

  private leaveWith(code: number): void {
    this.link.exit(code);
    this.leave();
  }

  /** Whatever the command still does has no reader; its calls are given up. */
  private leave(): void {
    if (this.gone.signal.aborted) return;
    this.gone.abort();
    for (const listener of [...this.listeners]) listener('SIGHUP');
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.destroy();
  }
}

function subscribe<T>(listeners: Set<T>, listener: T): Unsubscribe {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
