import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, OcupError } from '../base/errors.ts';
import { FRAME } from '../wire/frames.ts';
import type { LogLine } from '../wire/protocol.ts';
import type { StreamCall } from '../wire/server.ts';
import { LogReader, type LogRange } from './log-reader.ts';

/** A container as far as its log goes. */
export interface LogSource {
  readonly id: string;
  /** Undefined: nothing is kept. */
  readonly path: string | undefined;
  /** The log that comes before, where it is wanted. */
  readonly history?: string | undefined;
  /** Whether more may be written, now or after a start that is under way. */
  readonly mayWrite: () => boolean;
  /** Calls back when that may have changed; gives a function that ends it. */
  readonly onChange: (listener: () => void) => () => void;
}

export type SendLine = (line: LogLine) => Promise<void>;

/** Sends what has been written until now, merged by time. The order within a container is kept. */
export async function sendLogs(
  sources: readonly LogSource[],
  range: LogRange,
  options: { readonly send: SendLine; readonly signal: AbortSignal },
): Promise<void> {
  const readers = openReaders(sources, range);
  try {
    await sendMerged(
      readers.map(({ reader }) => reader),
      options,
    );
  } finally {
    await closeAll(readers);
  }
}

/**
 * The same, and then what is written from now on, as it comes, until every container has ended for good and
 * its log is sent, or `signal` aborts.
 */
export async function followLogs(
  sources: readonly LogSource[],
  range: LogRange,
  options: { readonly send: SendLine; readonly signal: AbortSignal },
): Promise<void> {
  const readers = openReaders(sources, range);
  try {
    await sendMerged(
      readers.map(({ reader }) => reader),
      options,
    );
    await Promise.all(
      readers.map(({ source, path, reader }) => followOne(source, { path, reader, ...options })),
    );
  } finally {
    await closeAll(readers);
  }
}

/** Sends what a container has written until now as it stands in its log, no faster than the caller takes it. */
export async function sendLogBytes(
  source: LogSource,
  tail: number | undefined,
  call: StreamCall,
): Promise<void> {
  const caller = call.upgrade({});
  const [open] = openReaders([source], { tail, since: undefined, until: undefined });
  try {
    for (;;) {
      const bytes = call.signal.aborted ? undefined : await open?.reader.readBytes();
      if (bytes === undefined) break;
      await caller.send(FRAME.stdout, bytes);
    }
    await caller.send(FRAME.exit, JSON.stringify({ exitCode: 0 }));
  } finally {
    await open?.reader.close();
  }
  caller.close();
}

interface OpenReader {
  readonly source: LogSource;
  readonly path: string;
  readonly reader: LogReader;
}

function openReaders(sources: readonly LogSource[], range: LogRange): readonly OpenReader[] {
  return sources.flatMap((source) => {
    const { id, path, history } = source;
    if (path === undefined) return [];
    return [{ source, path, reader: new LogReader(id, { path, history }, range) }];
  });
}

async function closeAll(readers: readonly OpenReader[]): Promise<void> {
  for (const { reader } of readers) await reader.close();
}

interface Queue {
  readonly reader: LogReader;
  lines: readonly LogLine[];
  next: number;
}

async function sendMerged(
  readers: readonly LogReader[],
  { send, signal }: { readonly send: SendLine; readonly signal: AbortSignal },
): Promise<void> {
  let queues: Queue[] = [];
  for (const reader of readers) queues.push({ reader, lines: await reader.read(), next: 0 });
  for (;;) {
    queues = queues.filter(({ lines, next }) => next < lines.length);
    const queue = earliest(queues);
    const line = queue?.lines[queue.next];
    if (queue === undefined || line === undefined || signal.aborted) return;
    await send(line);
    queue.next += 1;
    if (queue.next < queue.lines.length) continue;
    queue.lines = await queue.reader.read();
    queue.next = 0;
  }
}

function earliest(queues: readonly Queue[]): Queue | undefined {
  let found: Queue | undefined;
  let time = '';
  for (const queue of queues) {
    const head = queue.lines[queue.next]?.time ?? '';
    if (found !== undefined && head >= time) continue;
    found = queue;
    time = head;
  }
  return found;
}

interface FollowOptions {
  readonly path: string;
  readonly reader: LogReader;
  readonly send: SendLine;
  readonly signal: AbortSignal;
}

async function followOne(
  source: LogSource,
  { path, reader, send, signal }: FollowOptions,
): Promise<void> {
  using changes = watchChanges(source, path, signal);
  while (!signal.aborted && !reader.isDone) {
    // Asked before reading: what was written before the end is read after it is known.
    const mayWrite = source.mayWrite();
    const lines = await reader.read();
    for (const line of lines) {
      if (isAborted(signal)) return;
      await send(line);
    }
    if (lines.length > 0) continue;
    if (!mayWrite) return;
    await changes.next();
  }
}

/** The compiler takes `aborted` for settled once it was asked. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

interface Changes extends Disposable {
  /** Resolves once something has changed since the last call. */
  next(): Promise<void>;
}

function watchChanges(source: LogSource, path: string, signal: AbortSignal): Changes {
  let hasChanged = false;
  let wake: (() => void) | undefined;
  const notify = (): void => {
    hasChanged = true;
    wake?.();
  };
  const watcher = openWatcher(path, notify);
  const stop = source.onChange(notify);
  signal.addEventListener('abort', notify, { once: true });
  return {
    async next() {
      if (!hasChanged) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      wake = undefined;
      hasChanged = false;
    },
    [Symbol.dispose]() {
      watcher.close();
      stop();
      signal.removeEventListener('abort', notify);
    },
  };
}

/** Watches the folder, since a rotation makes a new file. */
function openWatcher(path: string, notify: () => void): { close(): void } {
  try {
    const watcher = watch(dirname(path), notify);
    watcher.on('error', notify); // the folder is gone: the container is, too
    return watcher;
  } catch (cause) {
    throw new OcupError('E_HOST_UNSUPPORTED', `cannot follow ${path}: ${messageOf(cause)}`, {
      hint: 'Raise the limits in /proc/sys/fs/inotify.',
      cause,
    });
  }
}
