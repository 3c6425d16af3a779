import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import {
  type Container,
  type ContainerConfig,
  plainContainerConfig,
} from '../../src/model/container.ts';
import { callSocket, type FrameStream, openSocketStream } from '../../src/wire/client.ts';
import { FRAME } from '../../src/wire/frames.ts';
import type {
  CallEvent,
  ExecParams,
  LogLine,
  MethodName,
  Params,
  Result,
  StreamMethodName,
  StreamMethods,
} from '../../src/wire/protocol.ts';
import { eventually } from './eventually.ts';

const SUPERVISOR = resolve(import.meta.dirname, '../../dist/supervisor.cjs');

/** A container on the machine's own root file system, without network, that runs `command` in a shell. */
export function shellConfig(
  name: string,
  command: string,
  changes: Partial<ContainerConfig> = {},
): ContainerConfig {
  return {
    ...plainContainerConfig(name, 'rootfs:/'),
    command: ['sh', '-c', command],
    ...changes,
  };
}

/** A supervisor of its own, with folders of its own. */
export class SupervisorHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'ocup-sv-'));
  readonly dataDir = join(this.folder, 'data');
  readonly runDir = join(this.folder, 'run');
  readonly socket = join(this.runDir, 'supervisor.sock');

  private readonly environment: Readonly<Record<string, string>>;

  /** `environment` is what its supervisors get beside ours. */
  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.environment = environment;
  }

  /** Starts a supervisor, and gives its pid once it takes calls. */
  async start(idleMs = 60_000): Promise<number> {
    const child = spawn(process.execPath, [SUPERVISOR, '--ready-fd', '3'], {
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        OCUP_DATA_DIR: this.dataDir,
        OCUP_RUN_DIR: this.runDir,
        OCUP_IDLE_MS: String(idleMs),
        ...this.environment,
      },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const errors: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
    await new Promise<void>((done, fail) => {
      (child.stdio[3] as Readable).once('data', () => done());
      child.once('exit', (code) =>
        fail(
          new Error(`supervisor ended with ${code}: ${String(Buffer.concat(errors))}${this.log()}`),
        ),
      );
    });
    return child.pid!;
  }

  async call<M extends MethodName>(
    method: M,
    params: Params<M>,
    options: { onEvent?: (event: CallEvent<M>) => void; signal?: AbortSignal } = {},
  ): Promise<Result<M>> {
    return (await callSocket(this.socket, { method, params }, options)) as Result<M>;
  }

  stream<M extends StreamMethodName>(method: M, params: StreamMethods[M]): Promise<FrameStream> {
    return openSocketStream(this.socket, { method, params });
  }

  /** Creates and starts it. */
  async run(config: ContainerConfig): Promise<Container> {
    await this.call('container.create', { config, inheritVolumesOf: undefined });
    return this.call('container.start', { container: config.name });
  }

  inspect(container: string): Promise<Container> {
    return this.call('container.inspect', { container });
  }

  async waitFor(container: string, condition: Params<'container.wait'>['condition']) {
    return this.call(
      'container.wait',
      { container, condition },
      { signal: AbortSignal.timeout(20_000) },
    );
  }

  async logs(
    container: string,
    changes: Partial<Params<'container.logs'>> = {},
  ): Promise<string[]> {
    const lines: LogLine[] = [];
    await this.call(
      'container.logs',
      {
        containers: [container],
        follow: false,
        tail: undefined,
        since: undefined,
        until: undefined,
        ...changes,
      },
      { onEvent: (line) => lines.push(line) },
    );
    return lines.map(({ text }) => text);
  }

  /** Runs a command to its end. */
  async exec(
    container: string,
    command: readonly string[],
    changes: Partial<ExecParams> = {},
  ): Promise<{ code: number | undefined; stdout: string; stderr: string }> {
    const stream = await this.stream('container.exec', {
      container,
      command,
      environment: {},
      user: undefined,
      workingDir: undefined,
      hasTty: false,
      isPrivileged: false,
      hasStdin: false,
      size: undefined,
      ...changes,
    });
    return readStream(stream);
  }

  log(): string {
    const path = join(this.dataDir, 'supervisor.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Ends the supervisor at once, as a crash would. */
  async crash(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await eventually(() => !isAlive(pid), 5000, 'end of the supervisor');
  }

  /** Removes all containers and ends the supervisor. @throws when anything is left */
  async close(): Promise<void> {
    const { pid } = await this.call('system.info', {}).catch(async () => ({
      pid: await this.start(),
    }));
    const { containers } = await this.call('container.list', { labels: {} });
    await Promise.all(
      containers.map(({ id }) =>
        this.call('container.remove', { container: id, force: true, volumes: true }),
      ),
    );
    for (const { config } of (await this.call('network.list', {})).networks) {
      await this.call('network.remove', { name: config.name });
    }
    await this.call('system.shutdown', {});
    await eventually(() => !existsSync(this.runDir), 5000, 'removal of the run folder');
    await eventually(() => !isAlive(pid), 5000, 'end of the supervisor');
    const left = [
      ...processesNaming(this.folder),
      ...readdirSync(join(this.dataDir, 'containers')),
      ...readdirSync(join(this.dataDir, 'volumes')),
    ];
    await rm(this.folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }
}

/** Reads a stream of frames to its end. */
export async function readStream(
  stream: FrameStream,
): Promise<{ code: number | undefined; stdout: string; stderr: string }> {
  const parts: Record<number, Buffer[]> = { [FRAME.stdout]: [], [FRAME.stderr]: [] };
  let code: number | undefined;
  for await (const { type, payload } of stream.frames) {
    parts[type]?.push(payload);
    if (type === FRAME.exit) code = (JSON.parse(String(payload)) as { exitCode: number }).exitCode;
    if (type === FRAME.error) throw Object.assign(new Error(), JSON.parse(String(payload)));
    if (type === FRAME.exit) break;
  }
  stream.close();
  const textOf = (type: number): string => Buffer.concat(parts[type]!).toString();
  return { code, stdout: textOf(FRAME.stdout), stderr: textOf(FRAME.stderr) };
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Processes whose command line names a folder. */
export function processesNaming(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return text.includes(folder) ? [`process ${pid} ${text}`] : [];
      } catch {
        return [];
      }
    });
}
