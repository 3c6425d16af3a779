import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { messageOf } from '../../../src/base/errors.ts';
import { FRAME } from '../../../src/wire/frames.ts';
import { eventually } from '../../support/eventually.ts';
import { collect, readUntil, RUNTIMES, TestShim } from './shim-fixture.ts';

/** The processes of the container that have not ended. */
function processesIn(shim: TestShim): string[] {
  const namespace = readlinkSync(`/proc/${shim.pid}/ns/pid`);
  return readdirSync('/proc').filter((name) => {
    try {
      if (!/^\d+$/.test(name) || readlinkSync(`/proc/${name}/ns/pid`) !== namespace) return false;
      return !/\) Z/.test(readFileSync(`/proc/${name}/stat`, 'utf8'));
    } catch {
      return false; // it has just gone
    }
  });
}

function zombiesOf(pid: number): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return readFileSync(`/proc/${name}/stat`, 'utf8').includes(`) Z ${pid} `);
    } catch {
      return false;
    }
  });
}

describe.each(RUNTIMES)('exec with $name', ({ path: runtime }) => {
  test('keeps standard output and standard error apart and gives the exit code', async () => {
    await using shim = await TestShim.run({ runtime });
    expect(await shim.exec('echo out; echo err >&2; exit 3')).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 3,
      error: undefined,
    });
  });

  test('passes standard input on to its end', async () => {
    await using shim = await TestShim.run({ runtime });
    const stream = await shim.openExec('cat; echo end', { hasStdin: true });
    await stream.send(FRAME.stdin, 'one ');
    await stream.send(FRAME.stdin, 'two ');
    await stream.send(FRAME.stdinEnd);
    expect((await collect(stream)).stdout).toBe('one two end\n');
  });

  test('has an empty standard input unless asked for', async () => {
    await using shim = await TestShim.run({ runtime });
    expect((await shim.exec('cat; echo end')).stdout).toBe('end\n');
  });

  test('gives a terminal of the size asked for, and changes it', async () => {
    await using shim = await TestShim.run({ runtime });
    const stream = await shim.openExec(
      'trap "stty size; exit 4" WINCH; stty size; while :; do sleep 0.02; done',
      { hasStdin: true, size: { rows: 33, columns: 99 } },
      { terminal: true },
    );
    await readUntil(stream, '33 99\r\n');
    await stream.send(FRAME.resize, '{"rows":10,"columns":20}');
    expect(await collect(stream)).toMatchObject({ stdout: '10 20\r\n', exitCode: 4 });
  });

  test.each([
    ['/no/such', 'E_CONTAINER_EXEC_NOT_FOUND'],
    ['nosuch', 'E_CONTAINER_EXEC_NOT_FOUND'],
    ['/tmp', 'E_CONTAINER_EXEC_DENIED'],
  ])('of %s ends with %s', async (command, code) => {
    await using shim = await TestShim.run({ runtime });
    const { error, exitCode } = await shim.exec([command]);
    expect(error).toMatchObject({ code });
    expect(error?.message).toContain(command);
    expect(exitCode).toBeUndefined();
  });

  test('kills what takes longer than its time, with its children', async () => {
    await using shim = await TestShim.run({ runtime });
    const before = processesIn(shim).length;
    const output = await shim.exec('sleep 1000 & echo x; sleep 1000', { timeoutMs: 300 });
    expect(output).toMatchObject({ stdout: 'x\n', exitCode: 137 });
    await eventually(() => processesIn(shim).length === before, 10_000);
  });

  test('passes signals on', async () => {
    await using shim = await TestShim.run({ runtime });
    const stream = await shim.openExec(
      'trap "exit 9" TERM; echo ready; while :; do sleep 0.02; done',
    );
    await readUntil(stream, 'ready');
    await stream.send(FRAME.signal, '{"signal":15}');
    expect((await collect(stream)).exitCode).toBe(9);
  });

  test('gives 128 and the signal for one that was killed', async () => {
    await using shim = await TestShim.run({ runtime });
    expect((await shim.exec('kill -9 $$')).exitCode).toBe(137);
  });

  test.each([false, true])(
    'lets another user open its own output, terminal %s',
    async (terminal) => {
      await using shim = await TestShim.run({ runtime });
      const user = { uid: 1000, gid: 1000 };
      const script = 'echo out > /proc/self/fd/1 && echo err > /proc/self/fd/2';
      const output = await shim.exec(script, {}, { user, terminal });
      expect(output).toMatchObject(
        terminal ? { stdout: 'out\r\nerr\r\n', exitCode: 0 } : { stdout: 'out\n', stderr: 'err\n' },
      );
    },
  );

  test('ends although a child of it holds its output', async () => {
    await using shim = await TestShim.run({ runtime });
    expect(await shim.exec('sleep 1000 & echo x')).toMatchObject({ stdout: 'x\n', exitCode: 0 });
  });
});

describe('exec', () => {
  test('carries much output whole to a reader that is slow', async () => {
    await using shim = await TestShim.run({});
    const stream = await shim.openExec('seq 1 300000');
    let text = '';
    let frames = 0;
    for await (const { type, payload } of stream.frames) {
      if (type === FRAME.stdout) text += payload.toString();
      if (type === FRAME.exit) stream.close();
      if ((frames += 1) % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const lines = text.split('\n');
    expect(lines).toHaveLength(300001);
    expect(lines[299999]).toBe('300000');
  });

  test('carries much input whole to a process that is slow', async () => {
    await using shim = await TestShim.run({});
    const stream = await shim.openExec('sleep 0.3; wc -c', { hasStdin: true });
    const output = collect(stream);
    for (let i = 0; i < 64; i += 1) await stream.send(FRAME.stdin, Buffer.alloc(65536, 'x'));
    await stream.send(FRAME.stdinEnd);
    expect((await output).stdout.trim()).toBe(String(64 * 65536));
  });

  test('of a caller that hangs up runs on, and its input ends', async () => {
    await using shim = await TestShim.run({});
    const stream = await shim.openExec('echo up; cat; seq 1 50000; echo done > /proc/1/fd/1', {
      hasStdin: true,
    });
    await readUntil(stream, 'up');
    stream.close();
    await eventually(() => shim.log().some(([, , text]) => text === 'done'), 10_000);
  });

  test('is refused before the start, while paused and after the end', async () => {
    await using shim = await TestShim.run({ start: false });
    const refusal = { code: 'E_CONTAINER_STATE' };
    await expect(shim.exec('true')).rejects.toMatchObject(refusal);
    await shim.call('start');
    await shim.call('pause');
    await expect(shim.exec('true')).rejects.toMatchObject(refusal);
    await shim.call('resume');
    await shim.call('signal', { signal: 9, all: false });
    await shim.watch();
    await expect(shim.exec('true')).rejects.toMatchObject(refusal);
  });

  test('in a container that ends is told its own end', async () => {
    await using shim = await TestShim.run({});
    const stream = await shim.openExec('echo up; sleep 1000');
    await readUntil(stream, 'up');
    await shim.call('signal', { signal: 9, all: false });
    expect((await collect(stream)).exitCode).toBe(137);
  });

  test('tells its end although the container is being deleted', async () => {
    await using shim = await TestShim.run({});
    const stream = await shim.openExec('echo up; sleep 1000');
    await readUntil(stream, 'up');
    const output = collect(stream);
    await shim.call('delete');
    expect((await output).exitCode).toBe(137);
  });

  test('for which descriptors are lacking fails, and works again later', async () => {
    await using shim = await TestShim.run({});
    execFileSync('prlimit', [`--pid=${shim.shimPid}`, '--nofile=40']);
    const results = await Promise.all(
      Array.from({ length: 12 }, () =>
        shim.exec('echo x; sleep 0.2').then((end) => end.stdout || JSON.stringify(end), messageOf),
      ),
    );
    const failed = results.filter((result) => result !== 'x\n');
    expect(failed.length).toBeGreaterThan(0);
    for (const message of failed) expect(message).toContain('Too many open files');
    expect((await shim.exec('echo x')).stdout).toBe('x\n');
  });

  test('many times and many at once leaves no descriptor, file or zombie behind', async () => {
    await using shim = await TestShim.run({});
    const count = (): number => readdirSync(`/proc/${shim.shimPid}/fd`).length;
    await shim.exec('true');
    const [before, files] = [count(), readdirSync(shim.runFolder)];
    for (let round = 0; round < 5; round += 1) {
      const outputs = await Promise.all(
        Array.from({ length: 12 }, (_, i) => shim.exec(`echo ${i}; exit ${i}`)),
      );
      expect(outputs.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual(
        Array.from({ length: 12 }, (_, i) => [`${i}\n`, i]),
      );
    }
    await eventually(() => count() <= before, 5000, 'the number of descriptors');
    expect(readdirSync(shim.runFolder)).toEqual(files);
    expect(processesIn(shim)).toEqual([String(shim.pid)]);
    expect(zombiesOf(shim.shimPid)).toEqual([]);
  });
});
