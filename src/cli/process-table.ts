import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Container } from '../model/container.ts';

/** Clock ticks a second of `/proc/PID/stat`; Linux tells programs 100 on every platform. */
const TICKS = 100;

/** The cells of `ps -ef` behind the container: UID PID PPID C STIME TTY TIME CMD. */
export type ProcessCells = readonly string[];

/**
 * The processes in a container's PID namespace, as the machine sees them, sorted by pid. One that ends while
 * it is read is left out. Empty for a container in the machine's own namespace, which is not told apart.
 *
 * @see man 5 proc_pid_stat
 */
export function readProcesses({ pid, config }: Container, nowMs: number): ProcessCells[] {
  if (pid === undefined || config.pidMode.kind !== 'private') return [];
  const namespace = quietly(() => readlinkSync(`/proc/${pid}/ns/pid`));
  if (namespace === undefined) return [];
  const bootMs = bootTimeMs();
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => quietly(() => readlinkSync(`/proc/${name}/ns/pid`)) === namespace)
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((id) => quietly(() => readProcess(id, { bootMs, nowMs })) ?? []);
}

function readProcess(
  pid: number,
  { bootMs, nowMs }: { readonly bootMs: number; readonly nowMs: number },
): ProcessCells[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in brackets may hold anything, brackets too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '');
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  const cpuSeconds = (field(14) + field(15)) / TICKS;
  const startMs = bootMs + (field(22) / TICKS) * 1000;
  const ageSeconds = Math.max(1, (nowMs - startMs) / 1000);
  return [
    [
      uid,
      String(pid),
      String(field(4)),
      String(Math.floor((cpuSeconds * 100) / ageSeconds)),
      new Date(startMs).toTimeString().slice(0, 5),
      field(7) === 0 ? '?' : `pts/${field(7) & 0xff}`,
      new Date(cpuSeconds * 1000).toISOString().slice(11, 19),
      command === '' ? `[${name}]` : command.replaceAll('\0', ' '),
    ],
  ];
}

function bootTimeMs(): number {
  return Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0) * 1000;
}

/** Processes come and go. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
