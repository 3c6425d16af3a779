import { describe, expect, test } from '@jest/globals';
import { FRAME } from '../../../src/wire/frames.ts';
import { eventually } from '../../support/eventually.ts';
import { collect, readUntil, RUNTIMES, TestShim } from './shim-fixture.ts';

describe.each(RUNTIMES)('attach with $name', ({ path: runtime }) => {
  test('talks to the first process and tells its end', async () => {
    await using shim = await TestShim.run({
      runtime,
      isStdinOpen: true,
      command: 'read line; echo "got $line"; echo err >&2; exit 6',
    });
    const stream = await shim.stream('attach', { hasStdin: true });
    await stream.send(FRAME.stdin, 'hello\n');
    expect(await collect(stream)).toMatchObject({
      stdout: 'got hello\n',
      stderr: 'err\n',
      exitCode: 6,
    });
  });

  test('ends standard input when asked to', async () => {
    await using shim = await TestShim.run({ runtime, isStdinOpen: true, command: 'cat; echo end' });
    const stream = await shim.stream('attach', { hasStdin: true });
    await stream.send(FRAME.stdin, 'x');
    await stream.send(FRAME.stdinEnd);
    expect((await collect(stream)).stdout).toBe('xend\n');
  });

  test('works with a terminal and changes its size', async () => {
    await using shim = await TestShim.run({
      runtime,
      hasTty: true,
      isStdinOpen: true,
      command: 'echo ready; read line; stty size; echo "got $line"',
    });
    await eventually(() => shim.log().length > 0, 10_000);
    const stream = await shim.stream('attach', { hasStdin: true });
    await stream.send(FRAME.resize, '{"rows":12,"columns":34}');
    await stream.send(FRAME.stdin, 'hello\n');
    expect((await collect(stream)).stdout).toBe('hello\r\n12 34\r\ngot hello\r\n');
    expect(shim.log()).toContainEqual(['stdout', 'F', 'got hello\r']);
  });
});

describe('attach', () => {
  test('leaves standard input open when the caller goes', async () => {
    await using shim = await TestShim.run({ isStdinOpen: true, command: 'cat' });
    const first = await shim.stream('attach', { hasStdin: true });
    await first.send(FRAME.stdin, 'one\n');
    await readUntil(first, 'one');
    first.close();
    const second = await shim.stream('attach', { hasStdin: true });
    await second.send(FRAME.stdin, 'two\n');
    await readUntil(second, 'two');
    second.close();
  });

  test('without standard input sends none', async () => {
    await using shim = await TestShim.run({
      isStdinOpen: true,
      command: 'read line; echo "got $line"',
    });
    const silent = await shim.stream('attach', { hasStdin: false });
    await silent.send(FRAME.stdin, 'no\n');
    const stream = await shim.stream('attach', { hasStdin: true });
    await stream.send(FRAME.stdin, 'yes\n');
    expect((await collect(stream)).stdout).toBe('got yes\n');
    expect((await collect(silent)).stdout).toBe('got yes\n');
  });

  test('to a container that has ended tells the end at once', async () => {
    await using shim = await TestShim.run({ command: 'exit 2' });
    await shim.watch();
    expect(await collect(await shim.stream('attach', { hasStdin: false }))).toMatchObject({
      exitCode: 2,
      stdout: '',
    });
  });

  test('of a caller that reads slowly loses nothing', async () => {
    await using shim = await TestShim.run({ command: 'seq 1 400000', start: false });
    const stream = await shim.stream('attach', { hasStdin: false });
    await shim.call('start');
    let text = '';
    let frames = 0;
    for await (const { type, payload } of stream.frames) {
      if (type === FRAME.stdout) text += payload.toString();
      if (type === FRAME.exit) stream.close();
      if ((frames += 1) % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(text.split('\n')).toHaveLength(400001);
  });

  test('of a caller that still sends when all has ended loses nothing', async () => {
    await using shim = await TestShim.run({ command: 'echo hello', start: false });
    const stream = await shim.stream('attach', { hasStdin: true });
    await shim.call('start');
    await shim.watch();
    await shim.call('delete');
    await stream.send(FRAME.stdinEnd);
    expect(await collect(stream)).toMatchObject({ stdout: 'hello\n', exitCode: 0 });
  });

  test('of callers that are killed while output flows does not disturb it', async () => {
    await using shim = await TestShim.run({ command: 'seq 1 300000', start: false });
    const streams = await Promise.all(
      Array.from({ length: 5 }, () => shim.stream('attach', { hasStdin: false })),
    );
    await shim.call('start');
    for (const stream of streams) {
      await readUntil(stream, '1000\n');
      stream.close();
    }
    await shim.watch();
    expect(shim.log()).toHaveLength(300_000);
  });

  test('of a caller that does not read holds the container up for a short while only', async () => {
    await using shim = await TestShim.run({ command: 'seq 1 1000000; echo end', start: false });
    const stuck = await shim.stream('attach', { hasStdin: false });
    await shim.call('start');
    expect(await shim.watch()).toMatchObject({ exitCode: 0 });
    expect(shim.log().at(-1)).toEqual(['stdout', 'F', 'end']);
    stuck.close();
  });
});

describe('a call', () => {
  test.each([
    ['not JSON'],
    ['{"method":"nothing","params":{}}'],
    ['{"params":{}}'],
    ['[]'],
    ['{"method":"signal","params":{"signal":"x"}}'],
    ['{"method":"signal","params":{"signal":1000,"all":false}}'],
    ['{"method":"resize","params":{"rows":-1,"columns":1}}'],
    ['{"method":"exec","params":{"process":{"args":[]}}}'],
    ['{"method":"exec","params":[]}'],
    [`{"method":"exec","params":${'['.repeat(100_000)}`],
    [`{"method":"${'x'.repeat(2_000_000)}"}`],
  ])('that is malformed (%.50s) gets an error and does no harm', async (line) => {
    await using shim = await TestShim.run({});
    expect(JSON.parse(await shim.raw(`${line}\n`))).toMatchObject({
      error: { code: 'E_WIRE_PROTOCOL' },
    });
    expect((await shim.state()).status).toBe('running');
  });

  test('that goes on with a damaged frame is hung up on', async () => {
    await using shim = await TestShim.run({});
    const answer = await shim.raw(
      Buffer.concat([
        Buffer.from('{"method":"attach","params":{"hasStdin":true}}\n'),
        Buffer.from([0, 0xff, 0xff, 0xff, 0xff]),
      ]),
    );
    expect(answer).toBe('{"upgrade":{}}\n');
    expect((await shim.state()).status).toBe('running');
  });

  test('that goes on with a damaged size gets an error frame', async () => {
    await using shim = await TestShim.run({});
    const stream = await shim.stream('attach', { hasStdin: true });
    await stream.send(FRAME.resize, '{"rows":"x"}');
    expect((await collect(stream)).error).toMatchObject({ code: 'E_WIRE_PROTOCOL' });
    expect((await shim.state()).status).toBe('running');
  });

  test('in the wrong state is refused', async () => {
    await using shim = await TestShim.run({});
    for (const method of ['start', 'resume']) {
      await expect(shim.call(method)).rejects.toMatchObject({ code: 'E_CONTAINER_STATE' });
    }
    await expect(shim.call('resize', { rows: 1, columns: 1 })).rejects.toMatchObject({
      code: 'E_CONTAINER_STATE',
    });
  });

  test('whose caller hung up is done all the same', async () => {
    await using shim = await TestShim.run({ start: false });
    await shim.raw('{"method":"start","params":{}}\n', { hangUp: true });
    await eventually(async () => (await shim.state()).status === 'running', 10_000);
  });
});
