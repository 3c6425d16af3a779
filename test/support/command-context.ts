// A context for commands that run inside a test: streams are kept, signals are sent by hand.
import { PassThrough, Readable, Writable } from 'node:stream';
import type { CommandContext, SignalName, Terminal } from '../../src/cli/context.ts';

export interface TestContext extends CommandContext {
  readonly output: () => string;
  readonly errors: () => string;
  readonly send: (signal: SignalName) => void;
}

export interface TestContextOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly input?: string;
  readonly terminal?: Terminal;
  readonly nowMs?: number;
}

export function commandContext(
  argv: readonly string[],
  options: TestContextOptions = {},
): TestContext {
  const stdout = new Collector();
  const stderr = new Collector();
  const listeners = new Set<(signal: SignalName) => void>();
  const { terminal } = options;
  return {
    argv,
    environment: options.environment ?? {},
    workingDir: options.workingDir ?? '/',
    stdin: {
      stream: options.input === undefined ? new PassThrough() : Readable.from([options.input]),
      terminal,
    },
    stdout: { stream: stdout, terminal },
    stderr: { stream: stderr, terminal },
    onSignal(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    gone: new AbortController().signal,
    uid: 0,
    gid: 0,
    nodePath: process.execPath,
    now: () => options.nowMs ?? Date.now(),
    output: () => stdout.text,
    errors: () => stderr.text,
    send: (signal) => {
      for (const listener of [...listeners]) listener(signal);
    },
  };
}

export function testTerminal(columns: number, rows: number): Terminal {
  return {
    size: () => ({ columns, rows }),
    onResize: () => () => undefined,
    setMode: () => Promise.resolve(),
  };
}

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
