import { readFile } from 'node:fs/promises';
import { findErrno } from '../base/errors.ts';
import { canHear, findSignalState } from './hearing.ts';
import type { Signal } from './signals.ts';

/** How a signal would reach a container's first process. */
export type Hearing =
  | { readonly kind: 'hears' }
  /** The kernel drops the signal. */
  | { readonly kind: 'deaf'; readonly name: string; readonly children: readonly number[] }
  | { readonly kind: 'gone' };

/** Looks at the process before it gets the signal. */
export async function examineHearing(pid: number, signal: Signal): Promise<Hearing> {
  const status = await readProc(`/proc/${pid}/status`);
  const state = status === undefined ? undefined : findSignalState(status);
  if (state === undefined) return { kind: 'gone' };
  if (canHear(state, signal.number)) return { kind: 'hears' };
  return { kind: 'deaf', name: state.name, children: await listChildren(pid) };
}

/** @see proc_pid_task(5): needs CONFIG_PROC_CHILDREN */
async function listChildren(pid: number): Promise<readonly number[]> {
  const text = await readProc(`/proc/${pid}/task/${pid}/children`);
  return (text ?? '')
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** Undefined when the process is gone. */
async function readProc(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const errno = findErrno(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return undefined;
    throw error;
  }
}
