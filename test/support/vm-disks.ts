import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  cp,
  lstat,
  mkdir,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { peerProgram } from './peers.ts';
import { copyModules } from './vm-kernel.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const PEERS_IMAGE = join(ROOT, '.cache/vm-peers.img');

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
const DISK_MODULES = ['virtio_pci', 'virtio_blk', 'overlay'];

export interface DiskContent {
  readonly script: string;
  readonly modules: string;
  /** Whether the machine's root file system is that of the peers. */
  readonly hasPeers: boolean;
  /** Whether the first process is the peers' systemd. */
  readonly hasSystemd: boolean;
  /** A folder that the machine finds as /given. */
  readonly given: string | undefined;
}

/** Busybox and the drivers of the disks: finds the root file system and goes over to it. */
export async function makeInitrd(folder: string, content: DiskContent): Promise<string> {
  const root = join(folder, 'initrd');
  for (const name of ['bin', 'disk', 'peers', 'root']) {
    await mkdir(join(root, name), { recursive: true });
  }
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  const names = await copyModules(content.modules, join(root, 'modules'), DISK_MODULES);
  const init = [
    '#!/bin/busybox sh',
    '/bin/busybox mkdir -p /proc /dev',
    '/bin/busybox mount -t devtmpfs dev /dev',
    ...names.map((name) => `/bin/busybox insmod /modules/${name}`),
    'until [ -b /dev/vda ]; do /bin/busybox usleep 50000; done',
    ...(content.hasPeers ? PEERS_AS_ROOT : ['/bin/busybox mount -t ext4 /dev/vda /root']),
    'exec /bin/busybox switch_root /root /init',
  ];
  await writeFile(join(root, 'init'), `${init.join('\n')}\n`, { mode: 0o755 });
  const file = join(folder, 'initrd.cpio');
  await run('sh', ['-c', `find . | busybox cpio -o -H newc > ${file}`], { cwd: root });
  return file;
}

/** The disk's own files lie over those of the peers, and what must not lie on an overlay is bound. */
const PEERS_AS_ROOT = [
  'until [ -b /dev/vdc ]; do /bin/busybox usleep 50000; done',
  '/bin/busybox mount -t ext4 /dev/vda /disk',
  '/bin/busybox mount -t ext4 -o ro /dev/vdc /peers',
  '/bin/busybox mkdir -p /disk/work /disk/containers /disk/home /disk/ocup /disk/srv',
  '/bin/busybox mount -t overlay -o lowerdir=/peers,upperdir=/disk/root,workdir=/disk/work root /root',
  '/bin/busybox mkdir -p /root/var/lib/containers /root/var/lib/ocup',
  '/bin/busybox mount -o bind /disk/containers /root/var/lib/containers',
  '/bin/busybox mount -o bind /disk/ocup /root/var/lib/ocup',
  '/bin/busybox mount -o bind /disk/home /root/home',
  '/bin/busybox mount -o bind /disk/srv /root/srv',
];

/** The disk with ocup, Node and the script; without peers it is the root file system. */
export async function makeDisk(folder: string, content: DiskContent): Promise<string> {
  const root = join(folder, content.hasPeers ? 'disk/root' : 'disk');
  for (const name of ['ocup', 'usr/bin', 'results']) {
    await mkdir(join(root, name), { recursive: true });
  }
  await copyOcup(root, content.hasPeers);
  if (!content.hasPeers) await makeBusyboxRoot(root);
  if (content.given !== undefined) {
    await cp(content.given, join(root, 'given'), { recursive: true, verbatimSymlinks: true });
  }
  const names = await copyModules(content.modules, join(root, 'modules'), MODULES);
  await writeFile(join(root, 'test.sh'), `${content.script}\n`);
  const first = content.hasSystemd
    ? 'exec /usr/lib/systemd/systemd --log-level=err'
    : 'sh /session';
  await writeFile(join(root, 'init'), initScript(names, first), { mode: 0o755 });
  await writeFile(join(root, 'session'), SESSION);
  if (content.hasSystemd) await makeUnits(root);
  const disk = join(folder, 'disk.img');
  await makeFileSystem(join(folder, 'disk'), disk, '2G');
  return disk;
}

let peersImage: Promise<string> | undefined;

/** The folder of peers as a disk that is only read: made once, and again when they have changed. */
export function ensurePeersImage(): Promise<string> {
  peersImage ??= findPeersImage();
  return peersImage;
}

async function findPeersImage(): Promise<string> {
  const stamp = await stat(peerProgram('.packages'));
  const made = await stat(PEERS_IMAGE).catch(() => undefined);
  if (made !== undefined && made.mtimeMs > stamp.mtimeMs) return PEERS_IMAGE;
  const work = `${PEERS_IMAGE}.${process.pid}`;
  try {
    await makeFileSystem(peerProgram(''), work, '2G');
    await rename(work, PEERS_IMAGE);
  } finally {
    await rm(work, { force: true });
  }
  return PEERS_IMAGE;
}

async function makeFileSystem(folder: string, image: string, size: string): Promise<void> {
  await run('truncate', ['-s', size, image]);
  await run('/sbin/mkfs.ext4', ['-q', '-O', '^has_journal', '-d', folder, image]);
}

const ENVIRONMENT = 'export PATH=/ocup/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb';

function initScript(modules: readonly string[], first: string): string {
  return `#!/bin/sh
${ENVIRONMENT}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
ip link set lo up
${modules.map((name) => `busybox insmod /modules/${name} 2> /dev/null`).join('\n')}
${first}
`;
}

const SESSION = `${ENVIRONMENT}
sh /test.sh
code=$?
busybox tar -C /results -cf /dev/vdb .
echo "OCUP-VM-EXIT $code"
sync
busybox poweroff -f
`;

/** The session as the only unit that is asked for. */
async function makeUnits(root: string): Promise<void> {
  const folder = join(root, 'etc/systemd/system');
  await mkdir(folder, { recursive: true });
  const service = `[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'exec sh /session < /dev/console > /dev/console 2>&1'
`;
  await writeFile(join(folder, 'session.service'), service);
  const target = '[Unit]\nDefaultDependencies=no\nWants=session.service\n';
  await writeFile(join(folder, 'session.target'), target);
  await symlink('session.target', join(folder, 'default.target'));
}

async function makeBusyboxRoot(root: string): Promise<void> {
  for (const name of ['bin', 'dev', 'proc', 'sys', 'tmp', 'run', 'root', 'var/lib', 'etc']) {
    await mkdir(join(root, name), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  const { stdout } = await run('/bin/busybox', ['--list']);
  for (const applet of stdout.trim().split('\n')) {
    if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  }
  await symlink('/bin/busybox', join(root, 'usr/bin/env'));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(root, 'etc/resolv.conf'), '');
}

/** Node with its libraries, and what of this checkout runs. */
async function copyOcup(root: string, hasPeers: boolean): Promise<void> {
  for (const name of ['bin', 'dist', 'schemas', 'examples', 'package.json']) {
    await cp(join(ROOT, name), join(root, 'ocup', name), { recursive: true });
  }
  await mkdir(join(root, 'ocup/build/Release'), { recursive: true });
  const built = await readdir(join(ROOT, 'build/Release'));
  const wanted = built.filter((name) => name.endsWith('.node') || /^ocup(-[a-z]+)?$/.test(name));
  for (const name of wanted)
    await copyFile(join(ROOT, 'build/Release', name), join(root, 'ocup/build/Release', name));
  await copyProgram(root, process.execPath, '/usr/bin/node', hasPeers);
  const libraries = ['libnftables.so.1', 'libisal.so.2', 'libzstd.so.1'];
  for (const name of libraries) {
    const path = join('/usr/lib/x86_64-linux-gnu', name);
    if (existsSync(path)) await copyProgram(root, path, path, hasPeers);
  }
}

async function copyProgram(
  root: string,
  source: string,
  target: string,
  hasPeers: boolean,
): Promise<void> {
  const { stdout } = await run('ldd', [source]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  for (const path of [target, ...libraries]) {
    // The newer Debian's own libraries serve older programs; beside them others would not fit.
    if (hasPeers && (await isThere(peerProgram(path)))) continue;
    const place = hasPeers ? path.replace(/^\/lib/, '/usr/lib') : path;
    await copyInto(root, await realpath(path === target ? source : path), place);
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

async function copyInto(root: string, source: string, target: string): Promise<void> {
  const path = join(root, target);
  if (existsSync(path)) return;
  await mkdir(dirname(path), { recursive: true });
  await copyFile(source, path);
}
