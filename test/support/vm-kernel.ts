import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = resolve(import.meta.dirname, '../../.cache/vm-kernel');

export interface Kernel {
  readonly image: string;
  /** The folder of its modules. */
  readonly modules: string;
}

let kernel: Promise<Kernel> | undefined;

/** Debian's cloud kernel, fetched as a package and unpacked into the cache once; it is not installed. */
export function ensureKernel(): Promise<Kernel> {
  kernel ??= findKernel();
  return kernel;
}

async function findKernel(): Promise<Kernel> {
  if (!existsSync(CACHE)) {
    const { stdout } = await run('apt-cache', ['depends', 'linux-image-cloud-amd64']);
    const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
    if (name === undefined) throw new Error('Debian has no cloud kernel: run apt-get update');
    await mkdir(dirname(CACHE), { recursive: true });
    const work = await mkdtemp(join(dirname(CACHE), 'vm-work-'));
    try {
      await run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', name], {
        cwd: work,
      });
      const [archive = ''] = await readdir(work);
      await run('dpkg', ['-x', join(work, archive), join(work, 'tree')]);
      await rename(join(work, 'tree'), CACHE);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const boot = await readdir(join(CACHE, 'boot'));
  const image = boot.find((name) => name.startsWith('vmlinuz')) ?? '';
  const modules = join(CACHE, 'lib/modules', image.replace('vmlinuz-', ''));
  return { image: join(CACHE, 'boot', image), modules };
}

/** Copies modules with all they depend on, and gives the file names in loading order. */
export async function copyModules(
  source: string,
  target: string,
  names: readonly string[],
): Promise<string[]> {
  const version = source.split('/').at(-1) ?? '';
  await mkdir(target, { recursive: true });
  await run('depmod', ['-b', CACHE, version]);
  const order: string[] = [];
  for (const name of names) {
    const args = ['-d', CACHE, '-S', version, '--show-depends', name];
    const { stdout } = await run('modprobe', args).catch(() => ({ stdout: '' }));
    for (const match of stdout.matchAll(/^insmod (\S+)/gm)) {
      const path = match[1] ?? '';
      const file = path.split('/').at(-1) ?? '';
      if (order.includes(file)) continue;
      await copyFile(path, join(target, file));
      order.push(file);
    }
  }
  return order;
}
