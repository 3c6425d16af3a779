import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { peerProgram, peersObstacle, peersSystemdObstacle } from './peers.ts';
import { isUnified } from './runtime.ts';

const SCRIPT = join(import.meta.dirname, 'systemd-room.sh');

function hierarchy(): string {
  return isUnified() ? '/sys/fs/cgroup' : '/sys/fs/cgroup/unified';
}

/** Why systemd cannot be had here, or undefined if it can. */
export function systemdObstacle(): string | undefined {
  const obstacle = peersObstacle() ?? peersSystemdObstacle();
  if (obstacle !== undefined) return obstacle;
  return existsSync(join(hierarchy(), 'cgroup.procs')) ? undefined : 'there is no cgroup v2 tree';
}

export interface SystemdResult {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs `script` as root under a systemd that is the first process of its namespaces, with its own cgroup v2 tree.
 * The folders in `binds` are seen at the same path. Nothing is left afterwards.
 */
export async function runUnderSystemd(
  script: string,
  binds: readonly string[],
  timeoutMs = 60_000,
): Promise<SystemdResult> {
  const scratch = await mkdtemp(join(tmpdir(), 'ocup-systemd-'));
  const cgroup = join(hierarchy(), scratch.slice(scratch.lastIndexOf('/') + 1));
  try {
    for (const name of ['root', 'layers']) await mkdir(join(scratch, name));
    await writeFile(join(scratch, 'script.sh'), script);
    const args = [peerProgram(''), scratch, hierarchy(), ...binds];
    const room = spawn(SCRIPT, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const timer = setTimeout(() => room.kill('SIGKILL'), timeoutMs);
    await once(room, 'close');
    clearTimeout(timer);
    const read = (name: string): Promise<string> =>
      readFile(join(scratch, name), 'utf8').catch(() => '');
    return { code: Number((await read('code')) || '-1'), output: await read('output') };
  } finally {
    await eventually(async () => await removeCgroup(cgroup), 10_000, 'the cgroups of systemd');
    await rm(scratch, { recursive: true, force: true });
  }
}

/** False while the processes in it are still ending. */
async function removeCgroup(path: string): Promise<boolean> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  }
  return await rmdir(path).then(
    () => true,
    () => !existsSync(path),
  );
}
