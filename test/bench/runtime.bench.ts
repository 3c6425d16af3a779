import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { OcupHome } from '../support/ocup.ts';
import { PeerRoom, peersObstacle } from '../support/peers.ts';
import { printTable } from './measure.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const RELEASE = join(ROOT, 'build/Release');
const ROUNDS = 30;

/**
 * Each contender in turn, A B C, B C A, from one small shell, each step timed by a program that does nothing else.
 * The kernel goes on taking down namespaces and cgroups when their last process is gone: it gets a moment for that,
 * so that nobody is charged for whoever came before.
 * The peers are the newest that Debian packages, in a room of theirs without the v2 tree of a hybrid cgroup layout,
 * which crun refuses.
 */
const SCRIPT = `
set -eu
stopwatch=$1 floor=$2 bundle=$3 sleeper=$4; shift 4
cd "$bundle"
step() { sleep 0.05; what=$1; shift; printf '%s ' "$what"; "$stopwatch" "$@" 2> /dev/null; }
n=0
while [ $n -lt ${ROUNDS} ]; do
  step "floor run" "$floor" "$bundle/rootfs" /bin/true
  for runtime in "$@"; do
    name=$(basename "$runtime") id="bench-$$-$n"
    set_root="--root $bundle/../state-$name"
    step "$name run" "$runtime" $set_root run "$id"
    step "$name create" "$runtime" $set_root create -b "$sleeper" "$id" > "$bundle/../created-$name" < /dev/null
    cat "$bundle/../created-$name"
    step "$name start" "$runtime" $set_root start "$id"
    step "$name exec" "$runtime" $set_root exec "$id" /bin/true
    "$runtime" $set_root kill "$id" KILL
    while "$runtime" $set_root state "$id" | grep -q '"running"'; do :; done
    step "$name delete" "$runtime" $set_root delete "$id"
  done
  first=$1
  shift
  set -- "$@" "$first"
  n=$((n + 1))
done
`;

interface Sample {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
}

const STEPS = ['run', 'create', 'start', 'exec', 'delete'];
const runtimes = [join(RELEASE, 'ocup-runtime'), '/usr/bin/crun', '/usr/bin/runc'];
const obstacle = peersObstacle();
if (obstacle !== undefined) throw new Error(`no peers to compare with: ${obstacle}`);
const home = new OcupHome();
const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));
try {
  const programs = await Promise.all(['stopwatch', 'floor'].map(compile));
  const bundles = [await makeBundle('one'), await makeBundle('sleeper')];
  const room = await PeerRoom.open({ layout: 'legacy', binds: [folder] });
  const argv = ['sh', '-c', SCRIPT, 'sh', ...programs, ...bundles, ...runtimes];
  const printed = await room.get(argv, { timeoutMs: 600_000 }).finally(() => room.close());
  const samples = parseSamples(printed);
  for (const step of STEPS) printStep(step, samples);
} finally {
  await rm(folder, { recursive: true, force: true });
  await home.close();
}

/** Small and static, so that nothing that is measured is charged for it. */
async function compile(name: string): Promise<string> {
  const program = join(folder, name);
  const source = join(ROOT, `native/test/${name}.cc`);
  await run('g++', ['-std=c++20', '-O2', '-static', '-D_GNU_SOURCE', source, '-o', program]);
  return program;
}

function parseSamples(text: string): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const line of text.trim().split('\n')) {
    const [name = '', step = '', wall = '', cpu = '', peak = '', status = ''] = line.split(' ');
    if (status !== '0') throw new Error(`a step failed: ${line}`);
    const key = `${step} ${name}`;
    const sample = {
      wallMs: Number(wall) / 1000,
      cpuMs: Number(cpu) / 1000,
      peakMb: Number(peak) / 1024,
    };
    samples.set(key, [...(samples.get(key) ?? []), sample]);
  }
  return samples;
}

/** One table a step; the ratios are of medians, ours to each. */
function printStep(step: string, samples: ReadonlyMap<string, readonly Sample[]>): void {
  const median = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
  const wallOf = (list: readonly Sample[]): number => median(list.map((one) => one.wallMs));
  const own = samples.get(`${step} ocup-runtime`) ?? [];
  const rows = [...samples]
    .filter(([key]) => key.startsWith(`${step} `))
    .map(([key, list]) => [
      key.slice(step.length + 1),
      Math.min(...list.map((one) => one.wallMs)).toFixed(1),
      wallOf(list).toFixed(1),
      `${(wallOf(own) / wallOf(list)).toFixed(2)} ×`,
      median(list.map((one) => one.cpuMs)).toFixed(1),
      Math.max(...list.map((one) => one.peakMb)).toFixed(1),
    ]);
  printTable(
    `${step}, seccomp on, ${ROUNDS} rounds`,
    ['', 'min ms', 'median ms', 'ours to it', 'cpu ms', 'peak MB'],
    rows,
  );
}

async function makeBundle(service: string): Promise<string> {
  const rootfs = join(folder, 'busybox');
  await mkdir(join(rootfs, 'bin'), { recursive: true });
  await mkdir(join(rootfs, 'proc'), { recursive: true });
  await cp('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const name of ['true', 'sleep']) {
    await run('ln', ['-sf', 'busybox', join(rootfs, 'bin', name)]);
  }
  await writeFile(
    join(folder, 'compose.yaml'),
    'name: bench\nservices:\n  one:\n    image: rootfs:./busybox\n    command: /bin/true\n' +
      '  sleeper:\n    image: rootfs:./busybox\n    command: /bin/sleep 1000\n',
  );
  const bundle = join(folder, `bundle-${service}`);
  await home.succeed(['bundle', service, '-o', bundle], { cwd: folder });
  const spec = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8'));
  if (spec.linux.seccomp === undefined) throw new Error('the bundle has no seccomp profile');
  return bundle;
}
