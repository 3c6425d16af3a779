import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { peersObstacle, peersSystemdObstacle } from './peers.ts';
import { ensurePeersImage, makeDisk, makeInitrd } from './vm-disks.ts';
import { ensureKernel } from './vm-kernel.ts';

const run = promisify(execFile);
const EXIT_LINE = /^OCUP-VM-EXIT (\d+)\r?$/m;
const RESULT_SIZE = '256M';

export interface VmOptions {
  /** The newer Debian of the peers is the root file system, instead of busybox alone. */
  readonly hasPeers?: boolean;
  /** The peers' systemd is the first process; wants `hasPeers`. */
  readonly hasSystemd?: boolean;
  /** A folder that the machine finds as /given. */
  readonly given?: string;
  /** A folder that gets what the script leaves in /results. */
  readonly results?: string;
}

export interface VmResult {
  readonly code: number;
  readonly console: string;
}

/** Why no machine can be started here, or undefined if one can. */
export function vmObstacle(options: VmOptions = {}): string | undefined {
  for (const program of ['/usr/bin/qemu-system-x86_64', '/sbin/mkfs.ext4', '/bin/busybox']) {
    if (!existsSync(program)) return `${program} is missing`;
  }
  if (process.arch !== 'x64') return `no kernel for ${process.arch}`;
  if (options.hasPeers !== true) return undefined;
  return peersObstacle() ?? (options.hasSystemd === true ? peersSystemdObstacle() : undefined);
}

/**
 * Boots Debian's cloud kernel under emulation with a pure cgroup v2 tree, and runs `script` in it as root. The
 * machine holds this checkout's built ocup in `/ocup` (`bin` is on the PATH), Node and busybox. It has no network
 * but loopback, and is gone afterwards.
 *
 * @throws if it does not end within `timeoutMs`
 */
export async function runInVm(
  script: string,
  timeoutMs: number,
  options: VmOptions = {},
): Promise<VmResult> {
  const kernel = await ensureKernel();
  const folder = await mkdtemp(join(tmpdir(), 'ocup-vm-'));
  try {
    const hasPeers = options.hasPeers ?? false;
    const { given, hasSystemd = false } = options;
    const content = { script, modules: kernel.modules, hasPeers, hasSystemd, given };
    const initrd = await makeInitrd(folder, content);
    const results = join(folder, 'results.tar');
    await run('truncate', ['-s', RESULT_SIZE, results]);
    const disks = [`file=${await makeDisk(folder, content)},cache=unsafe`];
    disks.push(`file=${results},cache=unsafe`);
    if (hasPeers) disks.push(`file=${await ensurePeersImage()},readonly=on`);
    const done = await boot(['-kernel', kernel.image, '-initrd', initrd], disks, timeoutMs);
    if (options.results !== undefined) await run('tar', ['-xf', results, '-C', options.results]);
    return done;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function boot(
  kernel: readonly string[],
  disks: readonly string[],
  timeoutMs: number,
): Promise<VmResult> {
  const words = 'console=ttyS0 quiet panic=-1 mitigations=off cgroup_no_v1=all';
  const args = [
    // Fewer features are emulated faster. Two emulated processors wait for each other, at times for good.
    ...['-accel', 'tcg,thread=single', '-cpu', 'Nehalem', '-smp', '1'],
    ...['-m', '2048', '-nodefaults', '-nographic', '-no-reboot', '-serial', 'stdio'],
    ...[...kernel, '-append', words],
    ...disks.flatMap((disk) => ['-drive', `${disk},format=raw,if=virtio`]),
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
      const console = text.replaceAll('\r', '');
      if (code !== undefined) done({ code: Number(code), console });
      else fail(new Error(`the virtual machine did not end within ${timeoutMs} ms:\n${console}`));
    });
  });
}
