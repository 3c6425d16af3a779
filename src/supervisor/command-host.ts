import { closeSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { installRoot } from '../base/install-root.ts';
import type { Logger } from '../base/logger.ts';
import { makePipe, onProcessExit, spawnProcess } from '../native/processes.ts';

export interface CommandHostOptions {
  /** Where commands are handed over. */
  readonly socketPath: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Whether it is worth its memory: something runs that people will ask about. */
  readonly isWanted: () => boolean;
  /** Called whenever `isBusy` may have changed. */
  readonly onChange: () => void;
}

/** It is to be small: what a command leaves behind is collected early, and once it is calm. */
const NODE_OPTIONS = ['--max-semi-space-size=8', '--expose-gc'];
/** A command that has just started something has the processor to itself for so long. */
const START_PAUSE_MS = 150;
/** Commands that follow each other more closely put it off no longer than this. */
const MAX_START_PAUSE_MS = 400;
/** One that crashed is not started again at once. */
const RESTART_PAUSE_MS = 5_000;
/** It ends by itself when nothing runs in it. */
const END_TIMEOUT_MS = 1_000;

/**
 * The process beside the supervisor in which commands run warm (`src/warm`). It is started once something runs and
 * nobody calls, and ends with the supervisor; commands that still run in it by then come to their end.
 */
export class CommandHost {
  private readonly options: CommandHostOptions;
  private timer: NodeJS.Timeout | undefined;
  /** When it was first wanted and not there. */
  private wantedSinceMs: number | undefined;
  private pause = START_PAUSE_MS;
  private child: Child | undefined;
  private commands = 0;
  private isListening = false;
  private isClosed = false;

  constructor(options: CommandHostOptions) {
    this.options = options;
  }

  /** Whether a command runs in it. */
  get isBusy(): boolean {
    return this.commands > 0;
  }

  /** To be called after whatever may change `isWanted`, and whenever somebody calls. */
  update(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.isClosed || this.child !== undefined || !this.options.isWanted()) return;
    const now = performance.now();
    this.wantedSinceMs ??= now;
    const latest = this.wantedSinceMs + Math.max(this.pause, MAX_START_PAUSE_MS);
    const pause = Math.max(0, Math.min(this.pause, latest - now));
    this.timer = setTimeout(() => this.start(), pause);
    this.timer.unref();
  }

  /** Takes no more commands, and resolves when the process has gone or is left to those that run in it. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    rmSync(this.options.socketPath, { force: true });
    const { child } = this;
    if (child === undefined) return;
    closeSync(child.aliveFd);
    if (this.isBusy) return;
    // One that is still starting, or hangs, is not waited for: it would come too late and leave its socket.
    const timer = setTimeout(() => kill(child.pid), this.isListening ? END_TIMEOUT_MS : 0);
    await child.ended;
    clearTimeout(timer);
    rmSync(this.options.socketPath, { force: true });
  }

  private start(): void {
    if (this.isClosed || !this.options.isWanted()) return;
    this.wantedSinceMs = undefined;
    try {
      this.child = this.spawn();
    } catch (error) {
      this.options.logger.error(`cannot start the command host: ${messageOf(error)}`);
    }
  }

  private spawn(): Child {
    const { socketPath, environment, logger } = this.options;
    const alive = makePipe();
    const report = makePipe();
    try {
      const { pid } = spawnProcess({
        path: process.execPath,
        args: ['node', ...NODE_OPTIONS, join(installRoot(), 'bin/start.cjs'), 'warm', socketPath],
        // Threads share one heap of the C library: there is little for them to hold.
        env: {
          ...definedVariables(environment),
          NODE_OPTIONS: '',
          NODE_EXTRA_CA_CERTS: '',
          MALLOC_ARENA_MAX: '1',
        },
        cwd: '/',
        // Its own messages go where ours go.
        descriptors: { 0: 'null', 1: 2, 2: 2, 3: alive.readFd, 4: report.writeFd },
      });
      const ended = onProcessExit(pid).then(({ exitCode, signal }) => {
        if (!this.isClosed) closeSync(alive.writeFd);
        this.child = undefined;
        this.isListening = false;
        if (this.isClosed) return;
        logger.error(`the command host ended: ${signal ?? `exit code ${exitCode ?? -1}`}`);
        this.pause = RESTART_PAUSE_MS;
        this.update();
      });
      this.follow(report.readFd);
      return { pid, ended, aliveFd: alive.writeFd };
    } finally {
      closeSync(alive.readFd);
      closeSync(report.writeFd);
    }
  }

  /** Lines with the number of commands that run; the first one once it listens. */
  private follow(fd: number): void {
    const socket = new Socket({ fd, readable: true, writable: false });
    const change = (commands: number): void => {
      this.commands = commands;
      this.options.onChange();
    };
    socket.on('data', (chunk: Buffer) => {
      const count = Number(chunk.toString().trimEnd().split('\n').at(-1));
      this.isListening = true;
      if (Number.isInteger(count)) change(count);
    });
    socket.on('error', () => undefined); // it has gone
    socket.on('close', () => change(0));
    socket.unref();
  }
}

interface Child {
  readonly pid: number;
  readonly ended: Promise<void>;
  /** Closed, it tells the process to end. */
  readonly aliveFd: number;
}

/** It may have ended by itself. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has
  }
}

function definedVariables(
  source: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(source).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
