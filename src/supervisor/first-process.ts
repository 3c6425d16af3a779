import { readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { delay } from '../base/abort.ts';
import { findErrno } from '../base/errors.ts';
import { findSignalState, judgeHearing } from './hearing.ts';
import type { Signal } from './signals.ts';

/** How a signal would reach a container's first process. */
export type Hearing =
  | { readonly kind: 'hears' }
  /** The kernel drops the signal. */
  | { readonly kind: 'deaf'; readonly name: string; readonly children: readonly number[] }
  | { readonly kind: 'gone' };

const UNCLEAR_PAUSE_MS = 10;
const UNCLEAR_TIMEOUT_MS = 500;

/** Looks at the process before it gets the signal. */
export async function examineHearing(pid: number, signal: Signal): Promise<Hearing> {
  for (let waitedMs = 0; ; waitedMs += UNCLEAR_PAUSE_MS) {
    const status = findProc(`/proc/${pid}/status`);
    const state = status === undefined ? undefined : findSignalState(status);
    if (state === undefined) return { kind: 'gone' };
    const verdict = judgeHearing(state, signal.number);
    if (verdict === 'hears' || waitedMs >= UNCLEAR_TIMEOUT_MS) return { kind: 'hears' };
    if (verdict === 'unclear') {
      await delay(UNCLEAR_PAUSE_MS);
    } else {
      if (await isWaitingFor(pid, signal.number)) return { kind: 'hears' };
      return { kind: 'deaf', name: state.name, children: listChildren(pid) };
    }
  }
}

/** `rt_sigtimedwait` by Node's name of the processor. @see syscalls(2) */
const SIGTIMEDWAIT: Readonly<Record<string, string>> = {
  x64: '128',
  ia32: '177',
  arm64: '137',
  arm: '177',
  ppc64: '176',
  s390x: '176',
  riscv64: '137',
  loong64: '137',
};

const MASK_BYTES = 8;

/**
 * Whether the process sleeps in `sigwait` for the signal, as tini and other inits do. While it does, the
 * kernel shows the signals that it waits for as not blocked; which they are stands in its memory.
 * @see proc_pid_syscall(5), sigtimedwait(2)
 */
async function isWaitingFor(pid: number, signal: number): Promise<boolean> {
  try {
    // A process that hangs in execve holds this up.
    const [number, pointer] = (await readFile(`/proc/${pid}/syscall`, 'utf8')).split(' ');
    if (pointer === undefined || number !== SIGTIMEDWAIT[process.arch]) return false;
    await using memory = await open(`/proc/${pid}/mem`, 'r');
    const mask = Buffer.alloc(MASK_BYTES);
    const { bytesRead } = await memory.read(mask, 0, MASK_BYTES, parseAddress(pointer));
    const bits = endianness() === 'LE' ? mask.readBigUInt64LE() : mask.readBigUInt64BE();
    return bytesRead === MASK_BYTES && (bits & (1n << BigInt(signal - 1))) !== 0n;
  } catch (error) {
    if (findErrno(error) === undefined) throw error;
    return false; // it has just ended, or its memory may not be read
  }
}

/** An address of user space fits a number; Node takes no other position. */
function parseAddress(text: string): number {
  return Number(BigInt(text));
}

/** @see proc_pid_task(5): needs CONFIG_PROC_CHILDREN */
function listChildren(pid: number): readonly number[] {
  const text = findProc(`/proc/${pid}/task/${pid}/children`);
  return (text ?? '')
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** Read at once: no process holds these files up, and a thread costs ten times the read. Undefined when it is gone. */
function findProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EPERM'].includes(findErrno(error) ?? '')) return undefined;
    throw error;
  }
}
