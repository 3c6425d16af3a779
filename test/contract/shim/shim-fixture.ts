import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installRoot } from '../../../src/base/install-root.ts';
import { executablePath } from '../../../src/native/executables.ts';
import { shimProgram } from '../../../src/supervisor/shim-process.ts';
import { callSocket, type FrameStream, openSocketStream } from '../../../src/wire/client.ts';
import { FRAME, type FrameType } from '../../../src/wire/frames.ts';
import type { ShimConfig, ShimExit, ShimReady, ShimState } from '../../../src/wire/shim.ts';
import { eventually } from '../../support/eventually.ts';

const APPLETS = [
  'sh',
  'cat',
  'echo',
  'sleep',
  'seq',
  'stty',
  'id',
  'ls',
  'yes',
  'head',
  'wc',
  'dd',
  'tr',
  'grep',
  'printf',
  'kill',
];
const CAPABILITIES = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_SETUID', 'CAP_SETGID'];

export interface RuntimeUnderTest {
  readonly name: string;
  readonly path: string;
}

/** The runtimes that are here: a shim must work with each. */
export const RUNTIMES: readonly RuntimeUnderTest[] = [
  { name: 'ocup-runtime', path: join(installRoot(), 'build/Release/ocup-runtime') },
  { name: 'runc', path: '/usr/sbin/runc' },
].filter(({ path }) => existsSync(path));

/** The first of them, for what does not depend on the runtime. */
export const RUNTIME = RUNTIMES[0] ?? { name: 'none', path: '/nonexistent/runtime' };

export interface ShimOptions extends Partial<ShimConfig> {
  /** What the first process runs: a shell script, or its arguments. */
  readonly command?: string | readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly memoryBytes?: number;
  readonly mounts?: readonly unknown[];
  /** Prepares the image's root before the shim starts. */
  readonly prepare?: (rootfs: string, folder: string) => void;
  readonly start?: boolean;
  /** Executes the installed file, as where nothing can be mounted. */
  readonly isInstalled?: boolean;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

let made = 0;

/** A shim with a busybox container, in folders of its own that go with it. */
export class TestShim implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'ocup-shim-'));
  readonly id = `ocup-shim-test-${process.pid}-${(made += 1)}`;
  readonly config: ShimConfig;
  shimPid = 0;
  pid = 0;
  private hasShimEnded = true;

  constructor(private readonly options: ShimOptions) {
    const image = join(this.folder, 'image');
    makeImage(image);
    options.prepare?.(image, this.folder);
    mkdirSync(join(this.folder, 'bundle/rootfs'), { recursive: true });
    mkdirSync(this.runFolder, { recursive: true });
    this.config = {
      id: this.id,
      bundle: join(this.folder, 'bundle'),
      runtime: RUNTIME.path,
      runtimeRoot: join(this.folder, 'runtime'),
      isOwnRuntime: (options.runtime ?? RUNTIME.path) === executablePath('ocup-runtime'),
      overlay: {
        lower: [image],
        upper: join(this.folder, 'upper'),
        work: join(this.folder, 'work'),
      },
      copyUps: [],
      logPath: join(this.folder, 'log'),
      logMaxBytes: 0,
      logMaxFiles: 1,
      journal: undefined,
      hasTty: false,
      isStdinOpen: false,
      ...shimPart(options),
    };
    writeFileSync(join(this.config.bundle, 'config.json'), JSON.stringify(this.runtimeSpec()));
    writeFileSync(join(this.runFolder, 'shim.json'), JSON.stringify(this.config));
  }

  get runFolder(): string {
    return join(this.folder, 'run', this.id);
  }

  /** Starts the shim, and the container unless told otherwise. @throws when it is not created */
  static async run(options: ShimOptions): Promise<TestShim> {
    const shim = new TestShim(options);
    const ready = await shim.spawn();
    if ('error' in ready) {
      await shim[Symbol.asyncDispose]();
      throw new Error(ready.error.message);
    }
    if (options.start !== false) await shim.call('start');
    return shim;
  }

  async spawn(): Promise<ShimReady> {
    const installed = { path: executablePath('ocup-shim'), descriptors: {} };
    const { path, descriptors } = this.options.isInstalled === true ? installed : shimProgram();
    const child = spawn(path, [this.runFolder], {
      argv0: 'ocup-shim',
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', ...Object.values(descriptors)],
    });
    this.shimPid = child.pid ?? 0;
    this.hasShimEnded = false;
    child.once('exit', () => (this.hasShimEnded = true));
    let text = '';
    for await (const chunk of child.stdio[3] as AsyncIterable<Buffer>) text += chunk.toString();
    const ready = JSON.parse(text) as ShimReady;
    if ('pid' in ready) this.pid = ready.pid;
    return ready;
  }

  call(method: string, params: unknown = {}): Promise<unknown> {
    return callSocket(join(this.runFolder, 'shim.sock'), { method, params });
  }

  async state(): Promise<ShimState> {
    return (await this.call('state')) as ShimState;
  }

  async watch(): Promise<ShimExit> {
    let exit: ShimExit | undefined;
    const onEvent = (event: { readonly exit: ShimExit }): void => {
      exit = event.exit;
    };
    await callSocket(
      join(this.runFolder, 'shim.sock'),
      { method: 'watch', params: {} },
      { onEvent },
    );
    if (exit === undefined) throw new Error('the watch ended without an exit');
    return exit;
  }

  stream(method: string, params: unknown): Promise<FrameStream> {
    return openSocketStream(join(this.runFolder, 'shim.sock'), { method, params });
  }

  /** What comes back for these bytes until the shim hangs up; with `hangUp` nothing is awaited. */
  raw(bytes: string | Buffer, options: { readonly hangUp?: boolean } = {}): Promise<string> {
    const socket = connect(join(this.runFolder, 'shim.sock'));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
      socket.write(bytes, () => {
        if (options.hangUp === true) socket.destroy();
      });
    });
  }

  openExec(
    command: string | readonly string[],
    params: Record<string, unknown> = {},
    process: Record<string, unknown> = {},
  ): Promise<FrameStream> {
    return this.stream('exec', {
      process: { ...processOf(command), ...process },
      hasStdin: false,
      timeoutMs: 0,
      ...params,
    });
  }

  async exec(
    command: string | readonly string[],
    params: Record<string, unknown> = {},
    process: Record<string, unknown> = {},
  ): Promise<Output> {
    return collect(await this.openExec(command, params, process));
  }

  /** The lines of the log as `[stream, tag, text]`. */
  log(suffix = ''): [string, string, string][] {
    const lines = readFileSync(`${this.config.logPath ?? ''}${suffix}`, 'utf8').split('\n');
    if (lines.pop() !== '') throw new Error('the log does not end with a newline');
    return lines.map((line) => {
      const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) ([FP]) (.*)$/s.exec(
        line,
      );
      if (match === null) throw new Error(`not in CRI format: ${line}`);
      const [, stream = '', tag = '', text = ''] = match;
      return [stream, tag, text];
    });
  }

  async shimEnded(): Promise<void> {
    await eventually(() => this.hasShimEnded, 10_000, 'the end of the shim');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasShimEnded) {
      await this.call('delete').catch(() => this.kill());
      await this.shimEnded();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends the shim, which may be ending by itself: Node learns of that a moment later. */
  private kill(): void {
    try {
      process.kill(this.shimPid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  private runtimeSpec(): unknown {
    const { command = 'sleep 1000', user, memoryBytes, mounts = [] } = this.options;
    return {
      ociVersion: '1.0.2',
      process: {
        ...processOf(command),
        ...(user === undefined ? {} : { user }),
        terminal: this.config.hasTty,
      },
      root: { path: 'rootfs' },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        {
          destination: '/dev',
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', 'mode=755', 'size=65536k'],
        },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance'] },
        ...mounts,
      ],
      linux: {
        namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
        cgroupsPath: `/${this.id}`,
        resources: memoryBytes === undefined ? {} : { memory: { limit: memoryBytes } },
      },
    };
  }
}

/** All that comes until the last frame. */
export async function collect(stream: FrameStream): Promise<Output> {
  const parts: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  let exitCode: number | undefined;
  let error: Output['error'];
  try {
    for await (const { type, payload } of stream.frames) {
      if (type === FRAME.stdout) parts.stdout.push(Buffer.from(payload));
      if (type === FRAME.stderr) parts.stderr.push(Buffer.from(payload));
      if (type === FRAME.exit) {
        ({ exitCode } = JSON.parse(payload.toString()) as { readonly exitCode: number });
      }
      if (type === FRAME.error) error = JSON.parse(payload.toString()) as Output['error'];
    }
  } finally {
    stream.close();
  }
  const stdout = Buffer.concat(parts.stdout).toString();
  return { stdout, stderr: Buffer.concat(parts.stderr).toString(), exitCode, error };
}

/** Reads frames until `text` has come on standard output; what came so far. */
export async function readUntil(stream: FrameStream, text: string): Promise<string> {
  let seen = '';
  const iterator = stream.frames[Symbol.asyncIterator]();
  while (!seen.includes(text)) {
    const { value, done } = await iterator.next();
    if (done === true) throw new Error(`the stream ended before ${text}: ${seen}`);
    if (value.type === (FRAME.stdout as FrameType)) seen += value.payload.toString();
  }
  return seen;
}

export function processOf(command: string | readonly string[]): Record<string, unknown> {
  return {
    user: { uid: 0, gid: 0 },
    args: typeof command === 'string' ? ['/bin/sh', '-c', command] : command,
    env: ['PATH=/bin'],
    cwd: '/',
    capabilities: Object.fromEntries(
      ['bounding', 'effective', 'permitted'].map((set) => [set, CAPABILITIES]),
    ),
  };
}

function makeImage(path: string): void {
  mkdirSync(join(path, 'bin'), { recursive: true });
  for (const name of ['proc', 'dev', 'tmp']) mkdirSync(join(path, name));
  copyFileSync('/bin/busybox', join(path, 'bin/busybox'));
  for (const name of APPLETS) symlinkSync('busybox', join(path, 'bin', name));
}

function shimPart(options: ShimOptions): Partial<ShimConfig> {
  const own = new Set([
    'command',
    'user',
    'memoryBytes',
    'mounts',
    'prepare',
    'start',
    'isInstalled',
  ]);
  return Object.fromEntries(Object.entries(options).filter(([name]) => !own.has(name)));
}
