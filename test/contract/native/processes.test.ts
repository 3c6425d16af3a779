import { once } from 'node:events';
import { closeSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { describe, expect, test } from '@jest/globals';

import { installRoot } from '../../../src/base/install-root.ts';
import {
  lockFile,
  makePipe,
  onProcessExit,
  peerCredentials,
  spawnProcess,
  spawnProcessAside,
} from '../../../src/native/processes.ts';

const shell = (script: string): { path: string; args: string[] } => ({
  path: '/bin/bash',
  args: ['bash', '-c', script],
});

async function outputOf(
  script: string,
  options: { env?: Record<string, string>; cwd?: string; newSession?: boolean } = {},
): Promise<string> {
  const { readFd, writeFd } = makePipe();
  const { pid } = spawnProcess({
    ...shell(script),
    env: { PATH: '/usr/bin:/bin', ...options.env },
    cwd: options.cwd,
    newSession: options.newSession,
    descriptors: { 1: writeFd },
  });
  closeSync(writeFd);
  await onProcessExit(pid);
  const text = readFileSync(readFd, 'utf8');
  closeSync(readFd);
  return text;
}

describe('spawnProcess', () => {
  test('gives the environment and the folder as they were asked for', async () => {
    const text = await outputOf('echo "$NAME in $(pwd)"', { env: { NAME: 'x y' }, cwd: '/usr' });
    expect(text).toBe('x y in /usr\n');
  });

  test('passes no descriptor that was not asked for', async () => {
    const text = await outputOf('ls /proc/self/fd');
    // The last one is the folder that ls itself reads.
    expect(text.split('\n').filter(Boolean)).toEqual(['0', '1', '2', '3']);
  });

  test('swaps descriptors whose numbers cross', async () => {
    const first = makePipe();
    const second = makePipe();
    const { pid } = spawnProcess({
      ...shell(`echo one >&${second.writeFd}; echo two >&${first.writeFd}`),
      env: {},
      descriptors: { [second.writeFd]: first.writeFd, [first.writeFd]: second.writeFd },
    });
    await onProcessExit(pid);
    closeSync(first.writeFd);
    closeSync(second.writeFd);
    expect(readFileSync(first.readFd, 'utf8')).toBe('one\n');
    expect(readFileSync(second.readFd, 'utf8')).toBe('two\n');
    closeSync(first.readFd);
    closeSync(second.readFd);
  });

  test('resets the signals that Node ignores', async () => {
    const text = await outputOf('grep -E "SigIgn|SigBlk" /proc/self/status');
    expect(text.match(/\t0{16}/g)).toHaveLength(2);
  });

  test('makes a session of its own when asked', async () => {
    const text = await outputOf('cut -d" " -f1,6 /proc/self/stat; echo $$', { newSession: true });
    const [stat, own] = text.split('\n');
    expect(stat?.split(' ')[1]).toBe(own);
  });

  test('says why a program cannot be executed', () => {
    expect(() =>
      spawnProcess({ path: '/no/such', args: ['such'], env: {}, descriptors: {} }),
    ).toThrow(expect.objectContaining({ code: 'ENOENT', path: '/no/such' }));
  });

  test('does all that on another thread, too', async () => {
    const options = { env: {}, descriptors: {} };
    const { pid } = await spawnProcessAside({ ...shell('exit 7'), ...options });
    expect(await onProcessExit(pid)).toEqual({ exitCode: 7, signal: undefined });
    await expect(
      spawnProcessAside({ path: '/no/such', args: ['such'], ...options }),
    ).rejects.toThrow(expect.objectContaining({ code: 'ENOENT', path: '/no/such' }));
  });

  test('leaves no descriptor open here', () => {
    const before = readdirSync('/proc/self/fd').length;
    expect(() =>
      spawnProcess({ path: '/no/such', args: ['such'], env: {}, descriptors: { 0: 2, 5: 2 } }),
    ).toThrow();
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });
});

describe('onProcessExit', () => {
  test('tells the exit code and reaps', async () => {
    const { pid } = spawnProcess({ ...shell('exit 7'), env: {}, descriptors: {} });
    expect(await onProcessExit(pid)).toEqual({ exitCode: 7, signal: undefined });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('names the signal', async () => {
    const { pid } = spawnProcess({ ...shell('kill -9 $$'), env: {}, descriptors: {} });
    expect(await onProcessExit(pid)).toEqual({ exitCode: undefined, signal: 'SIGKILL' });
  });

  test('takes many ends at once, each to its own promise', async () => {
    const pids = Array.from(
      { length: 40 },
      (_, code) => spawnProcess({ ...shell(`exit ${code}`), env: {}, descriptors: {} }).pid,
    );
    const exits = await Promise.all(pids.map((pid) => onProcessExit(pid)));
    expect(exits.map((exit) => exit.exitCode)).toEqual(pids.map((_, code) => code));
  });

  test('knows only the fact of a process that is not a child', async () => {
    const pid = Number(await outputOf('sleep 0.3 >/dev/null & echo $!'));
    expect(await onProcessExit(pid)).toEqual({ exitCode: undefined, signal: undefined });
  });
});

describe('lockFile', () => {
  test('has one holder at a time', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ocup-lock-'));
    const path = join(folder, 'lock');
    const first = lockFile(path);
    expect(first).toBeDefined();
    expect(lockFile(path)).toBeUndefined();
    first?.close();
    first?.close();
    const second = lockFile(path);
    expect(second).toBeDefined();
    second?.close();
    rmSync(folder, { recursive: true });
  });
});

describe('peerCredentials', () => {
  test('names the process at the other end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ocup-peer-'));
    const path = join(folder, 'socket');
    const seen = new Promise((resolve) => {
      const server = createServer((socket) => {
        const handle: unknown = Reflect.get(socket, '_handle');
        resolve(peerCredentials((handle as { fd: number }).fd));
        socket.destroy();
        server.close();
      });
      server.listen(path, () => createConnection(path).on('error', () => undefined));
    });
    expect(await seen).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    rmSync(folder, { recursive: true });
  });
});

test('a worker that ends while the addon works for it does no harm', async () => {
  const addon = join(installRoot(), 'build/Release/ocup_native.node');
  const worker = new Worker(
    `const module = { exports: {} };
     process.dlopen(module, ${JSON.stringify(addon)});
     const options = { cwd: '', descriptors: [], newSession: false };
     const pid = module.exports.spawnProcess('/bin/sleep', ['sleep', '60'], [], options);
     module.exports.watchExit(pid, () => undefined);
     for (let i = 0; i < 20; i += 1) module.exports.openSockets(0, [['udp', 0, '127.0.0.1']]);
     require('node:worker_threads').parentPort.postMessage(pid);`,
    { eval: true },
  );
  const [pid] = (await once(worker, 'message')) as [number];
  await worker.terminate();
  process.kill(pid, 'SIGKILL');
  expect(await onProcessExit(pid)).toEqual({ exitCode: undefined, signal: 'SIGKILL' });
});
