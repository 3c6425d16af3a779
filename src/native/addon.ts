import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { OcupError, messageOf } from '../base/errors.ts';
import { installRoot } from '../base/install-root.ts';

/** How a process is started: `cwd` may be empty; `descriptors` is a flat list of the child's number and ours, -1 for /dev/null. */
interface RawSpawnOptions {
  readonly cwd: string;
  readonly descriptors: readonly number[];
  readonly newSession: boolean;
}

/** Empty strings stand for what is not wanted. */
interface RawUnpackOptions {
  readonly source: string;
  readonly blob: string;
  readonly target: string;
  readonly isBase: boolean;
  readonly maxBytes: number;
  readonly maxEntries: number;
  readonly queueBytes: number;
}

interface RawUnpackResult {
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
}

export interface RawSkipped {
  readonly owners: number;
  readonly devices: number;
  readonly attributes: number;
}

interface RawLayerUnpacker {
  /** False: enough until the next event. */
  push(bytes: Buffer): boolean;
  end(): void;
  cancel(): void;
  settle(below: readonly string[]): Promise<RawSkipped>;
}

/** No argument: there is room again. Else the end, with an error or a result. */
type RawUnpackEvent = (error?: Error | null, result?: RawUnpackResult) => void;

interface RawStandardStream {
  /** 0: written; -1: `done` will tell with errno or 0; else errno. */
  write(bytes: Buffer, done: (errno: number) => void): number;
  /** Bytes (none: the end) or errno; undefined: `done` will get either. */
  read(size: number, done: (result: Buffer | number) => void): Buffer | number | undefined;
  close(): void;
}

interface RawCommandDoor {
  close(): void;
}

interface RawDoorListener {
  accept(id: number, connection: number, request: Buffer): boolean;
  hand(id: number, connection: number, stdin: number, stdout: number, stderr: number): void;
  drop(id: number): void;
}

/**
 * What the addon exports: numbers, strings and Buffers, unchecked. Failed system calls are errors with
 * `code`, `errno`, `syscall` and often `path`. Use the doors beside this file instead.
 */
export interface RawAddon {
  readonly CommandDoor: new (listening: number, listener: RawDoorListener) => RawCommandDoor;
  readonly StandardStream: new (fd: number, isOutput: boolean) => RawStandardStream;
  readonly listenUnix: (path: string) => number;
  readonly passOutputThrough: (fd: number) => void;
  readonly spawnProcess: (
    path: string,
    args: readonly string[],
    env: readonly string[],
    options: RawSpawnOptions,
  ) => number;
  readonly spawnProcessAside: (
    path: string,
    args: readonly string[],
    env: readonly string[],
    options: RawSpawnOptions,
  ) => Promise<number>;
  readonly openReadOnlyView: (path: string) => number;
  /** `exitCode` is -1 where there is none, `signal` 0. */
  readonly watchExit: (pid: number, onExit: (exitCode: number, signal: number) => void) => void;
  readonly makePipe: () => readonly [readFd: number, writeFd: number];
  readonly peerCredentials: (socketFd: number) => readonly [pid: number, uid: number, gid: number];
  /** -1: another holds the lock. */
  readonly lockFile: (path: string) => number;
  /** `pid` 0 is this process's own namespace. */
  readonly openSockets: (
    pid: number,
    requests: readonly (
      | readonly [type: 'udp' | 'tcp', port: number, address: string]
      | readonly [type: 'netlink', protocol: number, messages: Buffer, count: number]
    )[],
  ) => Promise<readonly number[]>;
  readonly connectSocket: (pid: number, address: string, port: number) => Promise<number>;
  readonly transactNetlink: (fd: number, requests: Buffer, count: number) => Promise<Buffer>;
  readonly runNft: (commands: string) => Promise<readonly [isDone: boolean, text: string]>;
  readonly LayerUnpacker: new (
    options: RawUnpackOptions,
    onEvent: RawUnpackEvent,
  ) => RawLayerUnpacker;
  readonly spreadSubfolders: (path: string) => boolean;
  readonly findInLayers: (
    folders: readonly string[],
    path: string,
    isFollowed: boolean,
  ) => Promise<
    | readonly [layer: number, path: string, mode: number, size: number, uid: number, gid: number]
    | undefined
  >;
  readonly exportTree: (folders: readonly string[], target: string) => Promise<number>;
  readonly findDifference: (folder: string, other: string) => Promise<string>;
  readonly removeTree: (path: string) => Promise<number>;
  readonly readAttributes: (
    folder: string,
    paths: readonly string[],
  ) => Promise<(readonly [name: string, value: Buffer])[][]>;
  readonly syncFileSystem: (path: string) => Promise<void>;
}

let loaded: RawAddon | undefined;

/**
 * The native addon; loaded at the first call.
 *
 * @throws E_HOST_NATIVE when it is not built or does not fit this Node
 */
export function loadAddon(): RawAddon {
  loaded ??= parseAddon(join(installRoot(), 'build', 'Release', 'ocup_native.node'));
  return loaded;
}

function parseAddon(path: string): RawAddon {
  if (!existsSync(path)) {
    throw new OcupError('E_HOST_NATIVE', `cannot load the native addon: ${path} does not exist`, {
      hint: 'Run `npm run build:native` in the folder of ocup.',
    });
  }
  const module: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (cause) {
    throw new OcupError('E_HOST_NATIVE', `cannot load the native addon: ${messageOf(cause)}`, {
      cause,
    });
  }
  return module.exports as RawAddon;
}
