import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { OcupHome } from '../support/ocup.ts';
import { printTable } from './measure.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const OURS = join(ROOT, 'build/Release/ocup-runtime');
const RUNS = 40;

/**
 * `run` of /bin/true on one bundle under each runtime, in turn, from one small shell that does nothing else.
 * The shell is in a mount namespace without the v2 tree of a hybrid cgroup layout, which crun refuses.
 */
const SCRIPT = `
set -eu
for tree in /sys/fs/cgroup/unified; do
  if mountpoint -q "$tree"; then umount "$tree"; fi
done
cd "$1"; shift
n=0
while [ $n -lt ${RUNS} ]; do
  for runtime in "$@"; do
    begun=$(date +%s%N)
    "$runtime" --root "state-$(basename "$runtime")" run "bench-$$-$n" >/dev/null
    ended=$(date +%s%N)
    echo "$(basename "$runtime") $((ended - begun))"
  done
  n=$((n + 1))
done
`;

const runtimes = [OURS, '/usr/bin/crun', '/usr/sbin/runc'].filter((path) => existsSync(path));
const home = new OcupHome();
const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));
try {
  const bundle = await makeBundle();
  const { stdout } = await run('unshare', [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    SCRIPT,
    'sh',
    bundle,
    ...runtimes,
  ]);
  const times = new Map<string, number[]>();
  for (const line of stdout.trim().split('\n')) {
    const [name = '', nanoseconds = ''] = line.split(' ');
    times.set(name, [...(times.get(name) ?? []), Number(nanoseconds) / 1e6]);
  }
  const median = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
  const own = median(times.get('ocup-runtime') ?? []);
  const rows = [...times].map(([name, values]) => [
    name,
    Math.min(...values).toFixed(1),
    median(values).toFixed(1),
    `${(own / median(values)).toFixed(2)} ×`,
  ]);
  printTable(
    `run /bin/true, seccomp on, ${RUNS} rounds`,
    ['', 'min ms', 'median ms', 'ours to it'],
    rows,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
  await home.close();
}

async function makeBundle(): Promise<string> {
  const rootfs = join(folder, 'busybox');
  await mkdir(join(rootfs, 'bin'), { recursive: true });
  await cp('/bin/busybox', join(rootfs, 'bin/busybox'));
  await run('ln', ['-s', 'busybox', join(rootfs, 'bin/true')]);
  await writeFile(
    join(folder, 'compose.yaml'),
    'name: bench\nservices:\n  one:\n    image: rootfs:./busybox\n    command: /bin/true\n',
  );
  const bundle = join(folder, 'bundle');
  await home.succeed(['bundle', 'one', '-o', bundle], { cwd: folder });
  const spec = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8'));
  if (spec.linux.seccomp === undefined) throw new Error('the bundle has no seccomp profile');
  return bundle;
}
