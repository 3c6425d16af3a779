import { spawn } from 'node:child_process';
import {
  closeSync,
  type Dirent,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TestBundle } from './bundle.ts';

const BUILD = resolve(import.meta.dirname, '../../build/Release');
const CGROUP2_MAGIC = 0x63677270;

/** The leak detector stops threads by ptrace, which a process that is not dumpable does not allow. */
export const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: 'detect_leaks=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

export interface RuntimeProgram {
  readonly name: string;
  readonly path: string;
  /** Why its tests are skipped here; undefined: they run. */
  readonly skipReason: string | undefined;
}

export const OURS: RuntimeProgram = {
  name: 'ocup-runtime',
  // A build with sanitizers goes through the same tests.
  path: process.env['OCUP_TEST_RUNTIME'] ?? join(BUILD, 'ocup-runtime'),
  skipReason: undefined,
};

/** Ours with the address and undefined-behaviour sanitizers, which `bin/build-sanitized` builds. */
export const SANITIZED: RuntimeProgram = {
  name: 'ocup-runtime with sanitizers',
  path: join(BUILD, '../Sanitized/ocup-runtime'),
  skipReason: existsSync(join(BUILD, '../Sanitized/ocup-runtime')) ? undefined : 'not built',
};

/** Ours, and those of the peers that are installed; with OCUP_TEST_SANITIZED=1 the sanitized build too. */
export const RUNTIMES: readonly RuntimeProgram[] = [
  OURS,
  ...(process.env['OCUP_TEST_SANITIZED'] === '1' ? [SANITIZED] : []),
  { name: 'runc', path: '/usr/sbin/runc', skipReason: missing('/usr/sbin/runc') },
  { name: 'crun', path: '/usr/bin/crun', skipReason: missing('/usr/bin/crun') ?? hybridReason() },
];

function missing(path: string): string | undefined {
  return existsSync(path) ? undefined : 'not installed';
}

function hybridReason(): string | undefined {
  return isHybrid() ? 'crun refuses the hybrid cgroup layout of this machine' : undefined;
}

export function isUnified(): boolean {
  return statfsSync('/sys/fs/cgroup').type === CGROUP2_MAGIC;
}

export function isHybrid(): boolean {
  return !isUnified() && existsSync('/sys/fs/cgroup/unified/cgroup.procs');
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly input?: string;
  /** Descriptors from 3 on. */
  readonly extraFds?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

let counter = 0;

/**
 * One runtime with a state folder of its own. Output goes to files, not pipes: a container that was created
 * keeps them open for as long as it lives. `close` fails when anything is left on the machine.
 */
export class RuntimeLab {
  readonly folder = mkdtempSync(join(tmpdir(), 'ocup-runtime-'));
  readonly root = join(this.folder, 'root');
  private readonly bundles: TestBundle[] = [];
  private readonly ids: string[] = [];

  constructor(readonly program: RuntimeProgram) {}

  bundle(): TestBundle {
    const bundle = new TestBundle();
    this.bundles.push(bundle);
    return bundle;
  }

  id(): string {
    counter += 1;
    const id = `ocuptest-${process.pid}-${counter}`;
    this.ids.push(id);
    return id;
  }

  call(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    return callProgram(this.program.path, ['--root', this.root, ...args], this.folder, options);
  }

  /** The same, for calls that must succeed. */
  async succeed(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    const outcome = await this.call(args, options);
    if (outcome.code === 0) return outcome;
    throw new Error(`${this.program.name} ${args.join(' ')}: ${outcome.code}\n${outcome.stderr}`);
  }

  /** Saves the bundle and runs it to its end. */
  run(
    bundle: TestBundle,
    extra: readonly string[] = [],
    options: CallOptions = {},
  ): Promise<Outcome> {
    bundle.save();
    return this.call(['run', ...extra, '-b', bundle.folder, this.id()], options);
  }

  /** Saves the bundle, creates a container that sleeps unless it has a program, and returns its id. */
  async create(bundle: TestBundle, extra: readonly string[] = []): Promise<string> {
    if (bundle.spec.process.args[0] === '/bin/true')
      bundle.spec.process.args = ['/bin/sleep', '1000'];
    bundle.save();
    const id = this.id();
    await this.succeed(['create', ...extra, '-b', bundle.folder, id]);
    return id;
  }

  async start(bundle: TestBundle, extra: readonly string[] = []): Promise<string> {
    const id = await this.create(bundle, extra);
    await this.succeed(['start', id]);
    return id;
  }

  async state(id: string): Promise<Record<string, unknown>> {
    return parseRecord((await this.succeed(['state', id])).stdout);
  }

  async status(id: string): Promise<unknown> {
    return (await this.state(id))['status'];
  }

  async pid(id: string): Promise<number> {
    return Number((await this.state(id))['pid']);
  }

  /** Deletes what is left of the test's containers and returns what even that did not take away. */
  async close(): Promise<string[]> {
    const left: string[] = [];
    for (const id of this.ids) {
      if (existsSync(join(this.root, id))) await this.call(['delete', '--force', id]);
      if (existsSync(join(this.root, id))) left.push(`state of ${id}`);
    }
    left.push(...cgroupsNamed(this.ids));
    left.push(...mountsNaming([this.folder, ...this.bundles.map((bundle) => bundle.folder)]));
    for (const bundle of this.bundles) bundle.remove();
    rmSync(this.folder, { recursive: true, force: true });
    return left;
  }
}

export function parseRecord(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

/** `key: value` lines as /proc/self/status has them. */
export function fieldsOf(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).trim();
  }
  return fields;
}

/** All cgroup folders of the machine whose name is one of `ids`. */
export function cgroupsNamed(ids: readonly string[]): string[] {
  const found: string[] = [];
  const walk = (folder: string, depth: number): void => {
    for (const entry of foldersIn(folder)) {
      const path = join(folder, entry.name);
      if (ids.includes(entry.name)) found.push(`cgroup ${path}`);
      else if (depth < 3) walk(path, depth + 1);
    }
  };
  walk('/sys/fs/cgroup', 0);
  return found;
}

/** Empty when the folder went away meanwhile: others use the machine too. */
function foldersIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch {
    return [];
  }
}

/** Mounts of this machine that are made of one of the folders or on it: others come and go meanwhile. */
function mountsNaming(folders: readonly string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => folders.some((folder) => line.includes(folder)))
    .map((line) => `mount ${line}`);
}

export async function callProgram(
  path: string,
  args: readonly string[],
  folder: string,
  options: CallOptions = {},
): Promise<Outcome> {
  counter += 1;
  const files = ['out', 'err'].map((name) => join(folder, `${name}-${counter}`));
  const [out = -1, err = -1] = files.map((file) => openSync(file, 'w+'));
  const child = spawn(path, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', out, err, ...(options.extraFds ?? [])],
    env: { PATH: process.env['PATH'] ?? '', ...SANITIZER_OPTIONS, ...options.env },
  });
  if (options.input !== undefined) {
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  }
  const code = await new Promise<number>((done, fail) => {
    child.once('error', fail);
    child.once('exit', (number, signal) => {
      done(number ?? (signal === null ? -1 : -2));
    });
  });
  closeSync(out);
  closeSync(err);
  const [stdout = '', stderr = ''] = files.map((file) => readFileSync(file, 'utf8'));
  if (/ERROR: \w+Sanitizer|: runtime error: /.test(stderr)) {
    throw new Error(`${path} ${args.join(' ')} is faulty:\n${stderr}`);
  }
  return { code, stdout, stderr };
}
