import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { installRoot } from '../../../src/base/install-root.ts';
import { formatSpec } from '../../../src/bundle/format-spec.ts';
import type { RuntimeSpec } from '../../../src/model/runtime-spec.ts';

export interface RuntimeResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The runtimes that bundles must run under, and why one cannot be tested here. */
export const RUNTIMES = [
  '/usr/sbin/runc',
  '/usr/bin/crun',
  join(installRoot(), 'build/Release/ocup-runtime'),
].map((path) => ({
  name: basename(path),
  path,
  obstacle: findObstacle(path),
}));

function findObstacle(path: string): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/bin/busybox')) return 'needs a static busybox';
  return existsSync(path) ? undefined : `needs ${basename(path)}`;
}

/** A bundle with busybox as its root file system, and a runtime whose state lies beside it. */
export class RuntimeBundle implements AsyncDisposable {
  readonly folder: string;
  private readonly runtime: string;

  private constructor(folder: string, runtime: string) {
    this.folder = folder;
    this.runtime = runtime;
  }

  static async create(runtime: string, spec: RuntimeSpec): Promise<RuntimeBundle> {
    const folder = await mkdtemp(join(tmpdir(), 'ocup-bundle-'));
    const bin = join(folder, 'rootfs/bin');
    await mkdir(bin, { recursive: true });
    await copyFile('/bin/busybox', join(bin, 'busybox'));
    for (const name of [
      'sh',
      'cat',
      'grep',
      'id',
      'sleep',
      'touch',
      'unshare',
      'hostname',
      'env',
    ]) {
      await symlink('busybox', join(bin, name));
    }
    await writeFile(join(folder, 'config.json'), formatSpec(spec));
    return new RuntimeBundle(folder, runtime);
  }

  /** Runs it to its end; `prepare` is a shell text for the mount namespace that the runtime runs in. */
  run(prepare = ':'): Promise<RuntimeResult> {
    return this.call(['run', '--bundle', this.folder, this.id], prepare);
  }

  /** Calls the runtime with these arguments. */
  call(args: readonly string[], prepare = ':'): Promise<RuntimeResult> {
    // crun refuses a v2 tree beside v1 controllers; without it the layout is plain v1.
    const script =
      `set -e; ${prepare}; ` +
      'if grep -q " /sys/fs/cgroup/unified cgroup2 " /proc/mounts; then umount /sys/fs/cgroup/unified; fi; ' +
      'exec "$@"';
    const own = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'];
    return execute('unshare', [
      ...own,
      this.runtime,
      '--root',
      join(this.folder, 'state'),
      ...args,
    ]);
  }

  get id(): string {
    return basename(this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call(['delete', '--force', this.id]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

function execute(command: string, args: readonly string[]): Promise<RuntimeResult> {
  return new Promise((resolve, reject) => {
    // The runtime hands its standard streams on, and a detached container keeps them open.
    execFile(command, args, { timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(new Error(`cannot run ${command}`, { cause: error }));
    });
  });
}
