import { closeSync, constants, openSync, readSync } from 'node:fs';
import { findErrno } from '../base/errors.ts';

const DEVICE = '/dev/kmsg';
/** The kernel cuts a record there. */
const MAX_RECORD_BYTES = 8192;

/**
 * What the kernel's log says of a process: a fault, a refused system call, a lack of memory of the whole machine.
 * Empty where it may not be read. A number that another process had before may be meant, so look at the words.
 *
 * @see Documentation/ABI/testing/dev-kmsg
 */
export function findKernelWords(pid: number): readonly string[] {
  return readRecords().filter((text) => namesProcess(text, pid));
}

/** Whether a line of the kernel's log is about the process. */
export function namesProcess(text: string, pid: number): boolean {
  return new RegExp(`\\[${pid}\\]|\\bpid[= ]${pid}\\b|\\bprocess ${pid}\\b`, 'i').test(text);
}

function readRecords(): readonly string[] {
  let fd: number;
  try {
    fd = openSync(DEVICE, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return []; // another user's, or hidden in a container
  }
  try {
    const record = Buffer.alloc(MAX_RECORD_BYTES);
    const found: string[] = [];
    for (;;) {
      const text = readRecord(fd, record);
      if (text === undefined) return found;
      if (text !== '') found.push(text);
    }
  } finally {
    closeSync(fd);
  }
}

/** The words of the next record, empty for one that was overwritten meanwhile; undefined at the end. */
function readRecord(fd: number, record: Buffer): string | undefined {
  try {
    const length = readSync(fd, record);
    if (length === 0) return undefined;
    const [line = ''] = record.toString('utf8', 0, length).split('\n', 1);
    return line.slice(line.indexOf(';') + 1);
  } catch (error) {
    return findErrno(error) === 'EPIPE' ? '' : undefined;
  }
}
