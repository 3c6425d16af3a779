import { readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { callSocket } from '../../src/wire/client.ts';
import { bigImage } from '../support/big-image.ts';
import { eventually } from '../support/eventually.ts';
import { OcupHome, runProgram } from '../support/ocup.ts';
import { PeerRoom, peersObstacle } from '../support/peers.ts';
import { startRegistry } from '../support/registry.ts';
import { printTable } from './measure.ts';

/** What one pull cost: wall time, processor time of all processes that had part in it, their peak memory. */
interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
}

interface Puller {
  readonly name: string;
  readonly pull: () => Promise<Cost>;
  readonly forget: () => Promise<void>;
}

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? '3');
const TICK_MS = 10;

const registry = await startRegistry();
const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));
const reference = `${registry.host}/big:1`;

try {
  const layout = await bigImage(join(folder, 'layout'));
  await succeed('skopeo', [
    'copy',
    '-q',
    '--dest-tls-verify=false',
    `oci:${layout}:big`,
    `docker://${reference}`,
  ]);
  await rm(layout, { recursive: true });
  await measureAll();
} finally {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measureAll(): Promise<void> {
  const home = new OcupHome();
  const obstacle = peersObstacle();
  const room =
    obstacle === undefined
      ? await PeerRoom.open({ network: 'shared', layout: 'legacy' })
      : undefined;
  if (room === undefined) console.log(`without docker and podman: ${obstacle ?? ''}`);
  try {
    const pullers = [ocup(home), ...(room === undefined ? [] : [await docker(room), podman(room)])];
    const costs = new Map<string, Cost[]>(pullers.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { name, pull, forget } of pullers) {
        costs.get(name)?.push(await pull());
        await forget();
      }
    }
    print('cold pull of a 300 MB image of five layers', costs);
    await printWarm(home);
  } finally {
    await room?.close();
    await home.close();
  }
}

function ocup(home: OcupHome): Puller {
  return {
    name: 'ocup',
    pull: async () => {
      const begun = childrenMs();
      const start = performance.now();
      await home.succeed(['image', 'pull', reference], { timeoutMs: 300_000 });
      const wallMs = performance.now() - start;
      const { pid } = (await callSocket(home.supervisorSocket, {
        method: 'system.info',
        params: {},
      })) as { pid: number };
      // The supervisor is not ours: it began with this pull, and all of its time is the pull's.
      return { wallMs, cpuMs: childrenMs() - begun + processMs(pid), peakMb: peakMb(pid) };
    },
    forget: async () => {
      await home.waitForIdle();
      await rm(join(home.folder, 'data'), { recursive: true });
    },
  };
}

async function docker(room: PeerRoom): Promise<Puller> {
  room.start(['dockerd', '--iptables=false', '--ip6tables=false', '--bridge=none']);
  const isUp = async (): Promise<boolean> => (await room.run(['docker', 'info'])).code === 0;
  await eventually(isUp, 30_000, 'dockerd');
  return peer(room, 'docker', ['docker', 'pull', '-q', reference], ['docker', 'rmi', reference]);
}

function podman(room: PeerRoom): Puller {
  const pull = ['podman', 'pull', '-q', '--tls-verify=false', reference];
  return peer(room, 'podman', pull, ['podman', 'rmi', reference]);
}

function peer(
  room: PeerRoom,
  name: string,
  pull: readonly string[],
  forget: readonly string[],
): Puller {
  return {
    name,
    pull: async () => {
      const before = roomProcesses(room);
      for (const pid of before) writeFileSync(`/proc/${pid}/clear_refs`, '5'); // peaks begin anew
      const begun = childrenMs() + sum(before.map(processMs));
      const start = performance.now();
      await room.get(pull, { timeoutMs: 300_000 });
      const wallMs = performance.now() - start;
      const after = roomProcesses(room);
      const cpuMs = childrenMs() + sum(after.map(processMs)) - begun;
      return { wallMs, cpuMs, peakMb: sum(after.map(peakMb)) };
    },
    forget: async () => {
      await room.get(forget);
    },
  };
}

/** A pull of what is here already, by a supervisor that runs, beside a command that only asks it something. */
async function printWarm(home: OcupHome): Promise<void> {
  await home.succeed(['image', 'pull', reference], { timeoutMs: 300_000 });
  const times = { pull: [] as number[], list: [] as number[] };
  for (let round = 0; round < 9; round += 1) {
    times.pull.push(await timed(() => home.succeed(['image', 'pull', reference])));
    times.list.push(await timed(() => home.succeed(['image', 'ls', '-q'])));
  }
  const rows = Object.entries(times).map(([name, values]) => [
    `ocup image ${name}`,
    Math.min(...values).toFixed(0),
    median(values).toFixed(0),
  ]);
  printTable('warm', ['', 'min ms', 'median ms'], rows);
}

function print(title: string, costs: ReadonlyMap<string, readonly Cost[]>): void {
  const own = costs.get('ocup') ?? [];
  const of = (list: readonly Cost[], key: keyof Cost): number =>
    median(list.map((one) => one[key]));
  const rows = [...costs].map(([name, list]) => [
    name,
    Math.min(...list.map((one) => one.wallMs)).toFixed(0),
    of(list, 'wallMs').toFixed(0),
    `${(of(own, 'wallMs') / of(list, 'wallMs')).toFixed(2)} ×`,
    of(list, 'cpuMs').toFixed(0),
    `${(of(own, 'cpuMs') / of(list, 'cpuMs')).toFixed(2)} ×`,
    name === 'podman' ? '' : Math.max(...list.map((one) => one.peakMb)).toFixed(0),
  ]);
  const header = ['', 'min ms', 'median ms', 'ocup takes', 'CPU ms', 'ocup takes', 'peak MB'];
  printTable(title, header, rows);
}

/** The processes in the room: they share its namespace of process ids. */
function roomProcesses(room: PeerRoom): number[] {
  const first = Number(room.command([])[3]);
  const own = readlinkSync(`/proc/${first}/ns/pid`);
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/pid`) === own
        ? [Number(name)]
        : [];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

/** Processor time of a process and of those it has reaped. */
function processMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return sum(fields.slice(11, 15).map(Number)) * TICK_MS;
  } catch {
    return 0; // it ended meanwhile
  }
}

/** Processor time of the children of this process that have ended. */
function childrenMs(): number {
  const text = readFileSync('/proc/self/stat', 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return sum(fields.slice(13, 15).map(Number)) * TICK_MS;
}

function peakMb(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it ended meanwhile
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, args, { timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`${program}: ${stderr}`);
}
