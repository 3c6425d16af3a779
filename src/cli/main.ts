import type { ReadStream, WriteStream } from 'node:tty';
import { passOutputThrough } from '../native/standard-streams.ts';
import type { CommandContext, SignalName, Terminal } from './context.ts';
import { runCommand } from './program.ts';
import { workingDirOf } from './working-dir.ts';
import { writeText } from './write-text.ts';

const SIGNALS: readonly SignalName[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/** The context of this process: the only place that knows `process`. */
function processContext(): CommandContext {
  const environment = definedVariables(process.env);
  return {
    argv: process.argv.slice(2),
    environment,
    workingDir: workingDirOf(process.cwd(), environment),
    stdin: {
      stream: process.stdin,
      terminal: process.stdin.isTTY ? inputTerminal(process.stdin, process.stdout) : undefined,
    },
    stdout: {
      stream: process.stdout,
      terminal: process.stdout.isTTY ? outputTerminal(process.stdout) : undefined,
    },
    stderr: {
      stream: process.stderr,
      terminal: process.stderr.isTTY ? outputTerminal(process.stderr) : undefined,
    },
    onSignal(listener) {
      const handlers = SIGNALS.map((name) => ({ name, handle: () => listener(name) }));
      for (const { name, handle } of handlers) process.on(name, handle);
      return () => {
        for (const { name, handle } of handlers) process.off(name, handle);
      };
    },
    // It goes with this process.
    gone: new AbortController().signal,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    nodePath: process.execPath,
    now: () => Date.now(),
  };
}

function outputTerminal(stream: WriteStream): Terminal {
  return {
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
    onResize(listener) {
      stream.on('resize', listener);
      return () => stream.off('resize', listener);
    },
    setMode: () => Promise.resolve(),
  };
}

/** Its size is that of the terminal that is written to, which is the same one but where output is redirected. */
function inputTerminal(stream: ReadStream, output: WriteStream): Terminal {
  const terminal = outputTerminal(output);
  return {
    ...terminal,
    setMode(mode) {
      stream.setRawMode(mode !== 'lines');
      if (mode === 'raw') passOutputThrough(process.stdin.fd);
      return Promise.resolve();
    },
  };
}

function definedVariables(source: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(source).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** A reader that has gone, such as `head`, ends the command as SIGPIPE ends others. */
function endOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(141);
      throw error;
    });
  }
}

async function main(): Promise<void> {
  endOnBrokenPipe();
  const code = await runCommand(processContext());
  await Promise.all([writeText(process.stdout, ''), writeText(process.stderr, '')]);
  // Standard input may still be open, and would hold the process.
  process.exit(code);
}

void main();
