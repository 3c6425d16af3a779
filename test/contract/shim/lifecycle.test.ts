import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { callSocket } from '../../../src/wire/client.ts';
import { eventually } from '../../support/eventually.ts';
import { RUNTIME, RUNTIMES, TestShim } from './shim-fixture.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether no open for writing passes the mount. */
function isReadOnly(path: string): boolean {
  const program = 'import os, sys; sys.exit(not os.statvfs(sys.argv[1]).f_flag & os.ST_RDONLY)';
  return spawnSync('python3', ['-c', program, path]).status === 0;
}

function cgroupsOf(id: string): string[] {
  return readdirSync('/sys/fs/cgroup').filter((name) => existsSync(`/sys/fs/cgroup/${name}/${id}`));
}

/** What a process of user `uid` gets for an answer. */
function stateAs(uid: number, path: string): string {
  const script = `
    const socket = require('net').connect(process.argv[1]);
    socket.on('error', () => {});
    socket.on('data', (data) => process.stdout.write(data));
    socket.write('{"method":"state","params":{}}\\n');`;
  const args = [`--reuid=${uid}`, '--clear-groups', process.execPath, '-e', script, path];
  return execFileSync('setpriv', args, { encoding: 'utf8' });
}

describe.each(RUNTIMES)('a shim with $name', ({ path: runtime }) => {
  test('tells the pid of a container that waits for its start', async () => {
    await using shim = await TestShim.run({ runtime, command: 'echo hi', start: false });
    expect(isAlive(shim.pid)).toBe(true);
    expect(await shim.state()).toEqual({ pid: shim.pid, status: 'created' });
  });

  test('tells a watcher the exit code', async () => {
    await using shim = await TestShim.run({ runtime, command: 'exit 7' });
    expect(await shim.watch()).toMatchObject({
      pid: shim.pid,
      exitCode: 7,
      signal: 0,
      isOomKilled: false,
    });
  });

  test('tells a watcher the signal that ended it', async () => {
    await using shim = await TestShim.run({ runtime, command: ['/bin/sleep', '1000'] });
    const exit = shim.watch();
    await shim.call('signal', { signal: 9, all: false });
    expect(await exit).toMatchObject({ exitCode: 137, signal: 9 });
  });

  test('a signal for all reaches every process', async () => {
    await using shim = await TestShim.run({
      runtime,
      command: `trap '' USR1; (trap 'echo child; exit' USR1; echo ready; while :; do sleep 0.05; done) & wait`,
    });
    await eventually(() => shim.log().some(([, , text]) => text === 'ready'), 10_000);
    await shim.call('signal', { signal: 10, all: true });
    await eventually(() => shim.log().some(([, , text]) => text === 'child'), 10_000);
  });

  test('pauses, resumes, and kills what is paused', async () => {
    await using shim = await TestShim.run({
      runtime,
      command: 'while :; do echo x; sleep 0.01; done',
    });
    await shim.call('pause');
    expect((await shim.state()).status).toBe('paused');
    await shim.call('resume');
    expect((await shim.state()).status).toBe('running');
    await shim.call('pause');
    await shim.call('signal', { signal: 9, all: false });
    expect(await shim.watch()).toMatchObject({ signal: 9 });
  });

  test.each([
    ['/no/such', 'not-found'],
    ['nosuch', 'not-found'],
    ['/tmp', 'not-executable'],
    ['/plain', 'not-executable'],
  ])('%s as command is %s, and nothing is left', async (command, kind) => {
    await using shim = new TestShim({
      runtime,
      command: [command],
      prepare: (rootfs) => writeFileSync(join(rootfs, 'plain'), ''),
    });
    expect(await shim.spawn()).toMatchObject({ error: { kind } });
    await shim.shimEnded();
    expect(readdirSync(shim.runFolder)).toEqual(['shim.json']);
    expect(existsSync(join(shim.config.runtimeRoot, shim.id))).toBe(false);
    expect(cgroupsOf(shim.id)).toEqual([]);
    expect(existsSync(join(shim.folder, 'log'))).toBe(false);
  });

  test('delete ends a running container and leaves nothing', async () => {
    await using shim = await TestShim.run({ runtime, command: 'sleep 1000 & sleep 1000' });
    expect(cgroupsOf(shim.id)).not.toEqual([]);
    await shim.call('delete');
    await shim.shimEnded();
    expect(isAlive(shim.pid)).toBe(false);
    expect(existsSync(shim.runFolder)).toBe(false);
    expect(readdirSync(shim.config.runtimeRoot).filter((name) => name === shim.id)).toEqual([]);
    expect(cgroupsOf(shim.id)).toEqual([]);
    expect(readdirSync(join(shim.config.bundle, 'rootfs'))).toEqual([]);
  });

  test('a container of which a child was killed for want of memory is flagged', async () => {
    await using shim = await TestShim.run({
      runtime,
      command: 'dd if=/dev/zero of=/dev/null bs=200M; exit 5',
      memoryBytes: 32 * 1024 * 1024,
    });
    expect(await shim.watch()).toMatchObject({ exitCode: 5, isOomKilled: true });
  });

  test('a container killed for want of memory is flagged', async () => {
    await using shim = await TestShim.run({
      runtime,
      command: ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M'],
      memoryBytes: 32 * 1024 * 1024,
    });
    expect(await shim.watch()).toMatchObject({ signal: 9, isOomKilled: true });
  });
});

describe('the exit', () => {
  test('is on disk although nobody watches', async () => {
    await using shim = await TestShim.run({ command: 'exit 3' });
    const path = join(shim.runFolder, 'exit.json');
    await eventually(() => existsSync(path), 10_000);
    const exit: unknown = JSON.parse(readFileSync(path, 'utf8'));
    expect(exit).toMatchObject({ pid: shim.pid, exitCode: 3, signal: 0, isOomKilled: false });
    expect(exit).toHaveProperty(
      'exitedAt',
      expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
    );
  });

  test('is told after all output is in the log', async () => {
    await using shim = await TestShim.run({ command: 'seq 1 20000' });
    await shim.watch();
    expect(shim.log()).toHaveLength(20000);
  });

  test('is told to all who watch, and to those who come later', async () => {
    await using shim = await TestShim.run({ command: 'exit 5', start: false });
    const early = [shim.watch(), shim.watch()];
    await shim.call('start');
    const exits = await Promise.all([...early, shim.watch()]);
    expect(exits.map(({ exitCode }) => exitCode)).toEqual([5, 5, 5]);
    expect(await shim.watch()).toMatchObject({ exitCode: 5 });
    expect(await shim.state()).toMatchObject({ status: 'exited', exit: { exitCode: 5 } });
  });

  test('is told on the connection of a start that is watched', async () => {
    await using shim = await TestShim.run({ command: 'exit 3', start: false });
    const events: unknown[] = [];
    const onEvent = (event: unknown): unknown => events.push(event);
    const request = { method: 'start', params: { watch: true } };
    await callSocket(join(shim.runFolder, 'shim.sock'), request, { onEvent });
    const exit: unknown = expect.objectContaining({ pid: shim.pid, exitCode: 3 });
    expect(events).toEqual([{ kind: 'started' }, { kind: 'exit', exit }]);
  });

  test('is not told on the connection of a start that fails', async () => {
    await using shim = await TestShim.run({});
    const onEvent = (): never => {
      throw new Error('an event');
    };
    const request = { method: 'start', params: { watch: true } };
    await expect(
      callSocket(join(shim.runFolder, 'shim.sock'), request, { onEvent }),
    ).rejects.toMatchObject({ code: 'E_CONTAINER_STATE' });
  });

  test('of a container that was never started is told too', async () => {
    await using shim = await TestShim.run({ start: false });
    process.kill(shim.pid, 'SIGKILL');
    expect(await shim.watch()).toMatchObject({ signal: 9 });
  });
});

describe('a shim', () => {
  test('has a session, a mount namespace and a name of its own', async () => {
    await using shim = await TestShim.run({});
    const ns = (pid: number | string): string =>
      execFileSync('readlink', [`/proc/${pid}/ns/mnt`], { encoding: 'utf8' });
    expect(ns(shim.shimPid)).not.toBe(ns('self'));
    const stat = readFileSync(`/proc/${shim.shimPid}/stat`, 'utf8').split(' ');
    expect(stat[1]).toBe('(ocup-shim)');
    expect(stat[5]).toBe(String(shim.shimPid));
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(shim.folder);
  });

  test('runs the runtime where no container can write to its file', async () => {
    await using shim = await TestShim.run({ start: false });
    expect(isReadOnly(`/proc/${shim.pid}/exe`)).toBe(true);
    const shown = readFileSync(`/proc/${shim.pid}/cmdline`, 'utf8').split('\0');
    expect(shown[0]).toBe('ocup-runtime');
    expect(shim.runFolder).toContain(shown[1] ?? 'nothing');
  });

  test('starts a runtime of its own where nothing can be mounted', async () => {
    await using shim = await TestShim.run({ start: false, isInstalled: true });
    const shown = readFileSync(`/proc/${shim.pid}/cmdline`, 'utf8');
    expect(shown).toContain(`${shim.config.runtime}\0--root\0`);
    expect(isReadOnly(`/proc/${shim.shimPid}/exe`)).toBe(false);
    expect(isReadOnly(`/proc/${shim.pid}/exe`)).toBe(true);
    await shim.call('start');
    expect(await shim.exec('echo still')).toMatchObject({ stdout: 'still\n', exitCode: 0 });
  });

  test('ignores the signals that end other programs', async () => {
    await using shim = await TestShim.run({});
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE', 'SIGUSR1'] as const) {
      process.kill(shim.shimPid, signal);
    }
    expect((await shim.state()).status).toBe('running');
  });

  test('stays small while it idles', async () => {
    await using shim = await TestShim.run({ command: 'seq 1 5000; sleep 1000' });
    await shim.exec('echo x');
    const memoryKib = (): number => {
      const rollup = readFileSync(`/proc/${shim.shimPid}/smaps_rollup`, 'utf8');
      return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]);
    };
    await eventually(() => memoryKib() < 512, 5000, 'memory below 512 KiB');
  });

  test('has only private sockets', async () => {
    await using shim = await TestShim.run({});
    const modes = execFileSync('stat', ['-c%a', shim.runFolder, join(shim.runFolder, 'shim.sock')]);
    expect(modes.toString()).toBe('700\n600\n');
  });

  test('refuses what another uid asks', async () => {
    await using shim = await TestShim.run({});
    chmodSync(join(shim.runFolder, 'shim.sock'), 0o777);
    for (let folder = shim.runFolder; folder !== '/tmp'; folder = dirname(folder)) {
      chmodSync(folder, 0o777);
    }
    const path = join(shim.runFolder, 'shim.sock');
    expect(stateAs(0, path)).toContain('running');
    expect(stateAs(65534, path)).toBe('');
  });

  test('that finds its id taken leaves the other container alone', async () => {
    await using shim = await TestShim.run({});
    await using other = new TestShim({ id: shim.id, runtimeRoot: shim.config.runtimeRoot });
    const message: unknown = expect.stringContaining('already');
    expect(await other.spawn()).toMatchObject({ error: { message } });
    expect(isAlive(shim.pid)).toBe(true);
    expect((await shim.exec('echo here')).stdout).toBe('here\n');
  });

  test('whose runtime is missing says so', async () => {
    await using shim = new TestShim({ runtime: '/nonexistent/runtime' });
    expect(await shim.spawn()).toMatchObject({
      error: { kind: 'system', message: 'exec /nonexistent/runtime: No such file or directory' },
    });
  });

  test('that cannot mount the root says so', async () => {
    await using shim = new TestShim({ prepare: (rootfs) => rmSync(rootfs, { recursive: true }) });
    expect(await shim.spawn()).toMatchObject({ error: { kind: 'mount' } });
  });

  test('that was killed leaves a container that others can kill', async () => {
    await using shim = await TestShim.run({});
    process.kill(shim.shimPid, 'SIGKILL');
    await shim.shimEnded();
    expect(isAlive(shim.pid)).toBe(true);
    execFileSync(RUNTIME.path, ['--root', shim.config.runtimeRoot, 'delete', '--force', shim.id]);
    await eventually(() => !isAlive(shim.pid), 10_000);
  });
});
