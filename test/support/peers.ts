import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from './eventually.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, '.cache/peers');
const SCRIPT = join(import.meta.dirname, 'peers/room.sh');

/** Why there are no peers here, or undefined if there are: `bin/setup --tests` makes their folder. */
export function peersObstacle(): string | undefined {
  if (!existsSync(join(FOLDER, '.packages'))) return 'the folder of peers could not be made';
  return process.getuid?.() === 0 ? undefined : 'root is needed';
}

/** Why the peers have no systemd, or undefined if they have it. */
export function peersSystemdObstacle(): string | undefined {
  return existsSync(peerProgram('usr/lib/systemd/systemd')) ? undefined : 'the peers lack systemd';
}

/** The path of a peer's program in the machine's own file system: for static programs, and those of Go. */
export function peerProgram(path: string): string {
  return join(FOLDER, path);
}

export interface PeerRoomOptions {
  /** A network namespace with loopback only, or the caller's own network. */
  readonly network?: 'private' | 'shared';
  /** Whether the v2 tree stands beside the v1 controllers, as on this machine: crun refuses that. */
  readonly layout?: 'hybrid' | 'legacy';
  /** Files and folders of the machine that are seen at the same path; this checkout always is. */
  readonly binds?: readonly string[];
}

export interface PeerResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PeerRunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

/**
 * The peers in a room of their own: mount, network, pid, ipc, uts and cgroup namespaces with the newer Debian as
 * root. A command joins it; a daemon goes on until the room is closed, when the kernel ends all that is in it.
 */
export class PeerRoom {
  /** Seen at the same path inside and outside; gone after `close`. */
  readonly scratch: string;
  readonly name: string;
  private readonly holder: ChildProcess;
  private readonly pid: number;

  private constructor(scratch: string, name: string, holder: ChildProcess, pid: number) {
    this.scratch = scratch;
    this.name = name;
    this.holder = holder;
    this.pid = pid;
  }

  /** @throws what its set-up printed, if it ends at once */
  static async open(options: PeerRoomOptions = {}): Promise<PeerRoom> {
    const scratch = await mkdtemp(join(tmpdir(), 'ocup-peers-'));
    const name = scratch.slice(scratch.lastIndexOf('/') + 1);
    const binds = [ROOT, scratch, ...(options.binds ?? [])];
    const layout = options.layout ?? 'hybrid';
    const network = options.network ?? 'private';
    const args = ['open', name, network, FOLDER, join(scratch, '.room'), layout, ...binds];
    const holder = spawn(SCRIPT, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    holder.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    let pid: number | undefined;
    await eventually(
      async () => {
        pid = await findFirstProcess(holder.pid ?? 0);
        return pid !== undefined || holder.exitCode !== null;
      },
      10_000,
      'the room of peers',
    );
    if (pid === undefined) {
      await removeRoom(scratch, name);
      throw new Error(`cannot open a room for peers: ${said}`);
    }
    return new PeerRoom(scratch, name, holder, pid);
  }

  /** Runs a command to its end. */
  async run(argv: readonly string[], options: PeerRunOptions = {}): Promise<PeerResult> {
    return await new Promise((done) => {
      const [program, args, settings] = this.joined(argv, options);
      const child = execFile(
        program,
        args,
        { ...settings, maxBuffer: 64 << 20, timeout: options.timeoutMs ?? 60_000 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          done({ code, stdout, stderr });
        },
      );
      child.stdin?.on('error', () => undefined).end(options.input ?? '');
    });
  }

  /** As `run`, but a code other than 0 throws what it printed. */
  async get(argv: readonly string[], options: PeerRunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(argv, options);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Starts a command and leaves it to the room; what it prints is thrown away unless it is read. */
  start(argv: readonly string[], options: PeerRunOptions = {}): ChildProcess {
    const [program, args, settings] = this.joined(argv, options);
    const child = spawn(program, args, { ...settings, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.resume();
    child.stderr.resume();
    child.once('error', () => undefined);
    return child;
  }

  /** The argument list that runs `argv` in the room, for whoever starts it another way. */
  command(argv: readonly string[]): readonly string[] {
    return [SCRIPT, 'join', this.name, String(this.pid), ...argv];
  }

  /** Ends all processes of the room and removes its cgroups and files. */
  async close(): Promise<void> {
    const closed = new Promise((done) => this.holder.once('close', done));
    if (this.holder.exitCode === null && this.holder.signalCode === null) {
      process.kill(this.pid, 'SIGKILL');
      await closed;
    }
    await removeRoom(this.scratch, this.name);
  }

  private joined(argv: readonly string[], options: PeerRunOptions) {
    const { cwd = '/', env = {} } = options;
    const set = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const inside = ['env', '-C', cwd, ...set, ...argv];
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    const settings = { env: { PATH: path, HOME: '/root', LANG: 'C.UTF-8' } };
    return [SCRIPT, this.command(inside).slice(1), settings] as const;
  }
}

/** The child that is the first process of the new pid namespace, once the peers are its root. */
async function findFirstProcess(holder: number): Promise<number | undefined> {
  try {
    const children = await readFile(`/proc/${holder}/task/${holder}/children`, 'utf8');
    const pid = Number(children.trim().split(' ')[0]);
    const comm = await readFile(`/proc/${pid}/comm`, 'utf8');
    return comm.trim() === 'catatonit' ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function removeRoom(scratch: string, name: string): Promise<void> {
  const base = '/sys/fs/cgroup';
  const isUnified = existsSync(join(base, 'cgroup.controllers'));
  const roots = isUnified ? [base] : (await readdir(base)).map((entry) => join(base, entry));
  for (const root of roots) {
    const folder = join(root, name);
    if (!existsSync(folder)) continue;
    await eventually(
      async () => {
        await removeCgroup(folder).catch(() => undefined);
        return !existsSync(folder);
      },
      10_000,
      `the end of ${folder}`,
    );
  }
  await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
}

async function removeCgroup(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  }
  await rmdir(folder);
}
