import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { callSocket } from '../../src/wire/client.ts';
import { eventually } from './eventually.ts';
import { machineState, stateDifference } from './machine-state.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const OCUP = join(ROOT, 'bin/ocup');

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

/**
 * An ocup of its own: own data and run folders, so that tests neither see nor touch what the machine's user
 * runs. `close` ends whatever is left, and throws if anything stays behind on the machine.
 */
export class OcupHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'ocup-e2e-'));
  readonly runFolder: string;
  private readonly before = machineState();

  /** Without `runFolder` it is in the home's folder. */
  constructor(options: { readonly runFolder?: string } = {}) {
    this.runFolder = options.runFolder ?? join(this.folder, 'run');
  }

  get env(): Record<string, string> {
    return {
      OCUP_DATA_DIR: join(this.folder, 'data'),
      OCUP_RUN_DIR: this.runFolder,
      // What is left is looked at once the supervisor has gone: not the ten seconds it stays for users.
      OCUP_IDLE_MS: '1000',
    };
  }

  get supervisorSocket(): string {
    return join(this.runFolder, 'supervisor.sock');
  }

  /** Where commands are handed over to run warm. */
  get commandSocket(): string {
    return join(this.runFolder, 'commands.sock');
  }

  /** Runs `ocup` to its end and gives what it printed. A run beyond `timeoutMs` (60 s) is killed and throws. */
  run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return runProgram(OCUP, args, { ...options, env: { ...this.env, ...options.env } });
  }

  /** The same, for runs that must succeed. */
  async succeed(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const result = await this.run(args, options);
    if (result.code === 0) return result;
    throw new Error(
      `ocup ${args.join(' ')} ended with ${result.code}\n${result.stdout}\n${result.stderr}`,
    );
  }

  /** Supervisors of this home, also one that takes no calls yet. */
  supervisorPids(): readonly number[] {
    const mark = `OCUP_RUN_DIR=${this.runFolder}`;
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        const [args, environment] = ['cmdline', 'environ'].map((name) => wordsOf(pid, name));
        return args?.includes('supervisor') === true && environment?.includes(mark) === true;
      });
  }

  /** Command hosts of this home, and what is about to become one. */
  commandHostPids(): readonly number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => wordsOf(pid, 'cmdline').includes(this.commandSocket));
  }

  /** Ends the supervisor with SIGKILL; it takes no call any more by then. */
  async killSupervisor(): Promise<void> {
    const request = { method: 'system.info', params: {} };
    const info = (await callSocket(this.supervisorSocket, request)) as { readonly pid: number };
    process.kill(info.pid, 'SIGKILL');
    await eventually(async () => !(await accepts(this.supervisorSocket)), 5_000);
  }

  /** Waits until the supervisor has gone by itself. Nobody asks it meanwhile: that would keep it. */
  async waitForIdle(): Promise<void> {
    await eventually(() => !existsSync(this.supervisorSocket), 15_000, 'the end of the supervisor');
  }

  async close(): Promise<void> {
    await this.waitForIdle();
    const { runFolder } = this;
    let all: string[] = [];
    await eventually(() => {
      const left = stateDifference(this.before, machineState());
      all = existsSync(runFolder) ? [`run folder ${runFolder}`, ...left] : left;
      return all.length === 0;
    }, 5_000).catch(() => undefined);
    await rm(this.folder, { recursive: true, force: true });
    if (all.length > 0) throw new Error(`left behind:\n${all.join('\n')}`);
  }
}

/** Of `cmdline` or `environ` of a process; none of one that has gone. */
function wordsOf(pid: number, name: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Runs a program to its end. */
export function runProgram(
  path: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return new Promise((done, fail) => {
    const child = spawn(path, args, {
      cwd: options.cwd,
      env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const timeoutMs = options.timeoutMs ?? 60_000;
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.once('error', fail);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const result = {
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      };
      if (code !== null) done({ code, ...result });
      else
        fail(
          new Error(
            `${path} ${args.join(' ')} ended by ${signal ?? 'nothing'} (limit ${timeoutMs} ms)\n${result.stdout}\n${result.stderr}`,
          ),
        );
    });
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdin.end(options.input ?? '');
  });
}

/** Whether somebody listens on the unix socket. */
export function accepts(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
