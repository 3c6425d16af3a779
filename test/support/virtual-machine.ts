import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, '.cache/vm-kernel');
const EXIT_LINE = /^OCUP-VM-EXIT (\d+)\r?$/m;

/** What a network of containers takes beyond what Debian's cloud kernel has built in, in loading order. */
const MODULES = [
  'overlay',
  'veth',
  'bridge',
  'nf_tables',
  'nft_chain_nat',
  'nft_masq',
  'nft_nat',
  'nft_ct',
  'nft_fib_inet',
  'nft_compat',
];
const DISK_MODULES = ['virtio_pci', 'virtio_blk'];

export interface VmResult {
  readonly code: number;
  readonly console: string;
}

/** Why no machine can be started here, or undefined if one can. */
export function vmObstacle(): string | undefined {
  for (const program of ['/usr/bin/qemu-system-x86_64', '/sbin/mkfs.ext4', '/bin/busybox']) {
    if (!existsSync(program)) return `${program} is missing`;
  }
  return process.arch === 'x64' ? undefined : `no kernel for ${process.arch}`;
}

/**
 * Boots Debian's cloud kernel under emulation with a pure cgroup v2 tree, and runs `script` in it with busybox'
 * shell as root. The machine holds this checkout's built ocup in `/ocup` (`bin` is on the PATH), Node and
 * busybox. It has no network but loopback, and is gone afterwards.
 *
 * @throws if it does not end within `timeoutMs`
 */
export async function runInVm(script: string, timeoutMs: number): Promise<VmResult> {
  const kernel = await ensureKernel();
  const folder = await mkdtemp(join(tmpdir(), 'ocup-vm-'));
  try {
    const initrd = await makeInitrd(folder, kernel.modules);
    const disk = await makeDisk(folder, kernel.modules, script);
    return await boot(kernel.image, initrd, disk, timeoutMs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Kernel {
  readonly image: string;
  readonly modules: string;
}

/** Fetches Debian's cloud kernel as a package and unpacks it into the cache; it is not installed. */
async function ensureKernel(): Promise<Kernel> {
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

/** Busybox and the drivers of the disk: finds the root file system and goes over to it. */
async function makeInitrd(folder: string, modules: string): Promise<string> {
  const root = join(folder, 'initrd');
  await mkdir(join(root, 'bin'), { recursive: true });
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  const names = await copyModules(modules, join(root, 'modules'), DISK_MODULES);
  const init = [
    '#!/bin/busybox sh',
    '/bin/busybox mkdir -p /proc /dev /root',
    '/bin/busybox mount -t devtmpfs dev /dev',
    ...names.map((name) => `/bin/busybox insmod /modules/${name}`),
    'until [ -b /dev/vda ]; do /bin/busybox usleep 50000; done',
    '/bin/busybox mount -t ext4 /dev/vda /root',
    'exec /bin/busybox switch_root /root /init',
  ];
  await writeFile(join(root, 'init'), `${init.join('\n')}\n`, { mode: 0o755 });
  const file = join(folder, 'initrd.cpio');
  await run('sh', ['-c', `find . | busybox cpio -o -H newc > ${file}`], { cwd: root });
  return file;
}

async function makeDisk(folder: string, modules: string, script: string): Promise<string> {
  const root = join(folder, 'disk');
  for (const name of ['bin', 'dev', 'proc', 'sys', 'tmp', 'run', 'var/lib', 'etc', 'ocup']) {
    await mkdir(join(root, name), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  const { stdout } = await run('/bin/busybox', ['--list']);
  for (const applet of stdout.trim().split('\n')) {
    if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  }
  await copyOcup(root);
  const names = await copyModules(modules, join(root, 'modules'), MODULES);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(root, 'etc/resolv.conf'), '');
  await writeFile(join(root, 'test.sh'), `${script}\n`);
  await writeFile(join(root, 'init'), initScript(names), { mode: 0o755 });
  const disk = join(folder, 'disk.img');
  await run('sh', [
    '-c',
    `truncate -s 1G ${disk} && /sbin/mkfs.ext4 -q -O ^has_journal -d ${root} ${disk}`,
  ]);
  return disk;
}

function initScript(modules: readonly string[]): string {
  return `#!/bin/sh
export PATH=/ocup/bin:/usr/bin:/bin HOME=/ TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
ip link set lo up
${modules.map((name) => `insmod /modules/${name}`).join('\n')}
sh /test.sh
echo "OCUP-VM-EXIT $?"
sync
poweroff -f
`;
}

/** Node with its libraries, and what of this checkout runs. */
async function copyOcup(root: string): Promise<void> {
  for (const name of ['bin', 'dist', 'schemas', 'examples', 'package.json']) {
    await cp(join(ROOT, name), join(root, 'ocup', name), { recursive: true });
  }
  await mkdir(join(root, 'ocup/build/Release'), { recursive: true });
  const built = await readdir(join(ROOT, 'build/Release'));
  const wanted = built.filter((name) => name.endsWith('.node') || /^ocup-[a-z]+$/.test(name));
  for (const name of wanted)
    await copyFile(join(ROOT, 'build/Release', name), join(root, 'ocup/build/Release', name));
  await copyProgram(root, process.execPath, '/usr/bin/node');
  const libraries = ['libnftables.so.1', 'libisal.so.2', 'libzstd.so.1'];
  for (const name of libraries) {
    const path = join('/usr/lib/x86_64-linux-gnu', name);
    if (existsSync(path)) await copyProgram(root, path, path);
  }
  await symlink('/bin/busybox', join(root, 'usr/bin/env'));
}

async function copyProgram(root: string, source: string, target: string): Promise<void> {
  await copyInto(root, await realpath(source), target);
  const { stdout } = await run('ldd', [source]);
  for (const match of stdout.matchAll(/(\/\S+) \(0x/g)) {
    const library = match[1] ?? '';
    await copyInto(root, await realpath(library), library);
  }
}

async function copyInto(root: string, source: string, target: string): Promise<void> {
  const path = join(root, target);
  if (existsSync(path)) return;
  await mkdir(dirname(path), { recursive: true });
  await copyFile(source, path);
}

/** Copies modules with all they depend on, and gives the file names in loading order. */
async function copyModules(
  source: string,
  target: string,
  names: readonly string[],
): Promise<string[]> {
  await mkdir(target, { recursive: true });
  await run('depmod', ['-b', CACHE, source.split('/').at(-1) ?? '']);
  const order: string[] = [];
  for (const name of names) {
    const { stdout } = await run('modprobe', [
      '-d',
      CACHE,
      '-S',
      source.split('/').at(-1) ?? '',
      '--show-depends',
      name,
    ]).catch(() => ({ stdout: '' }));
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

function boot(kernel: string, initrd: string, disk: string, timeoutMs: number): Promise<VmResult> {
  const args = [
    ...[
      '-accel',
      'tcg,thread=multi',
      '-cpu',
      'max',
      '-smp',
      '2',
      '-m',
      '2048',
      '-nodefaults',
      '-nographic',
      '-no-reboot',
    ],
    ...['-serial', 'stdio', '-kernel', kernel, '-initrd', initrd],
    ...[
      '-append',
      'console=ttyS0 quiet panic=-1 systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all',
    ],
    ...['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`],
  ];
  return new Promise((done, fail) => {
    const machine = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const add = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    machine.stdout.on('data', add);
    machine.stderr.on('data', add);
    const timer = setTimeout(() => machine.kill('SIGKILL'), timeoutMs);
    machine.once('error', fail);
    machine.once('close', () => {
      clearTimeout(timer);
      const code = EXIT_LINE.exec(text)?.[1];
      if (code === undefined)
        fail(
          new Error(`the virtual machine did not end by itself within ${timeoutMs} ms:\n${text}`),
        );
      else done({ code: Number(code), console: text.replaceAll('\r', '') });
    });
  });
}
