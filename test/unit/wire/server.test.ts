import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OcupError } from '../../../src/base/errors.ts';
import { callSocket, openSocketStream } from '../../../src/wire/client.ts';
import { FRAME } from '../../../src/wire/frames.ts';
import { type Handlers, serveCalls, type StreamHandlers } from '../../../src/wire/server.ts';
import { eventually } from '../../support/eventually.ts';

let folder = '';
let server: Server;
let openConnections = 0;
const bugs: unknown[] = [];

async function listen(
  handlers: Partial<Handlers>,
  streams: Partial<StreamHandlers> = {},
): Promise<string> {
  const path = join(folder, 'socket');
  server = createServer();
  serveCalls(server, {
    handlers: handlers as Handlers,
    streams: streams as StreamHandlers,
    admit: () => undefined,
    onConnections: (open) => {
      openConnections = open;
    },
    onBug: (_method, error) => bugs.push(error),
  });
  server.listen(path);
  await once(server, 'listening');
  return path;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-wire-'));
  bugs.length = 0;
});

afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

describe('serveCalls', () => {
  test('events come before the result, in order', async () => {
    const path = await listen({
      'events.follow': async (_params, call) => {
        await call.send({ kind: 'begun' });
        await call.send({ kind: 'begun' });
        return {};
      },
    });
    const events: unknown[] = [];
    const result = await callSocket(
      path,
      { method: 'events.follow', params: { labels: {} } },
      { onEvent: (event) => events.push(event) },
    );
    expect(events).toEqual([{ kind: 'begun' }, { kind: 'begun' }]);
    expect(result).toEqual({});
  });

  test('an error keeps its code, hint and details', async () => {
    const path = await listen({
      'container.inspect': () =>
        Promise.reject(
          new OcupError('E_CONTAINER_NOT_FOUND', 'no such container: x', {
            hint: 'list them with ocup ps -a',
            details: { container: 'x' },
          }),
        ),
    });
    const call = callSocket(path, { method: 'container.inspect', params: { container: 'x' } });
    await expect(call).rejects.toMatchObject({
      code: 'E_CONTAINER_NOT_FOUND',
      message: 'no such container: x',
      hint: 'list them with ocup ps -a',
      details: { container: 'x' },
    });
  });

  test('an error that is a bug is told to the supervisor and answered as internal', async () => {
    const path = await listen({
      'container.inspect': () => Promise.reject(new TypeError('x is not a function')),
    });
    const call = callSocket(path, { method: 'container.inspect', params: { container: 'x' } });
    await expect(call).rejects.toMatchObject({ code: 'E_INTERNAL' });
    expect(bugs).toHaveLength(1);
  });

  test('a hang-up aborts the signal of the call', async () => {
    let aborted = false;
    const path = await listen({
      'events.follow': async (_params, call) => {
        await call.send({ kind: 'begun' });
        await once(call.signal, 'abort');
        aborted = true;
        return {};
      },
    });
    const controller = new AbortController();
    const call = callSocket(
      path,
      { method: 'events.follow', params: { labels: {} } },
      { signal: controller.signal, onEvent: () => controller.abort() },
    );
    await expect(call).rejects.toMatchObject({ code: 'E_CANCELLED' });
    await eventually(() => aborted && openConnections === 0, 2000);
  });

  test.each([
    ['a line that is not JSON', 'nonsense\n', 'E_WIRE_PROTOCOL'],
    ['a request without a method', '{"params":{}}\n', 'E_WIRE_PROTOCOL'],
    ['an unknown method', '{"method":"toString","params":{}}\n', 'E_WIRE_PROTOCOL'],
    [
      'parameters of a wrong form',
      '{"method":"container.inspect","params":{"container":1}}\n',
      'E_WIRE_PROTOCOL',
    ],
    [
      'a parameter that the method does not have',
      '{"method":"container.inspect","params":{"container":"x","y":1}}\n',
      'E_WIRE_PROTOCOL',
    ],
  ])('%s gets an error and nothing else ends', async (_name, line, code) => {
    const path = await listen({
      'container.inspect': () => Promise.reject(new Error('called')),
      'image.list': () => Promise.resolve({ images: [], damaged: [] }),
    });
    const socket = connect(path);
    socket.write(line);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(JSON.parse(answer.toString())).toMatchObject({ error: { code } });
    socket.destroy();
    expect(await callSocket(path, { method: 'image.list', params: {} })).toEqual({
      images: [],
      damaged: [],
    });
    expect(bugs).toEqual([]);
  });

  test('a call that nobody reads counts as not taken, so that it can be made again', async () => {
    const path = join(folder, 'ending');
    const ending = createServer({ pauseOnConnect: true }, (socket) => {
      setTimeout(() => socket.destroy(), 50); // the request has come by then, and is not read
    }).listen(path);
    await once(ending, 'listening');
    const taken = { code: 'E_WIRE_CONNECT' };
    const request = { method: 'container.attach', params: { container: 'x', hasStdin: true } };
    await expect(callSocket(path, request)).rejects.toMatchObject(taken);
    await expect(openSocketStream(path, request)).rejects.toMatchObject(taken);
    ending.close();
  });

  test('a stream carries frames both ways and ends with the error of its handler', async () => {
    const path = await listen(
      {},
      {
        'container.attach': async (_params, call) => {
          const stream = call.upgrade({ hello: 1 });
          for await (const frame of stream.frames) {
            if (frame.type === FRAME.stdinEnd)
              throw new OcupError('E_CONTAINER_STATE', 'it has ended');
            await stream.send(FRAME.stdout, frame.payload);
          }
        },
      },
    );
    const params = { container: 'x', hasStdin: true };
    const stream = await openSocketStream(path, { method: 'container.attach', params });
    expect(stream.upgrade).toEqual({ hello: 1 });
    await stream.send(FRAME.stdin, 'abc');
    await stream.send(FRAME.stdinEnd);
    const frames: string[] = [];
    for await (const frame of stream.frames) frames.push(`${frame.type} ${String(frame.payload)}`);
    stream.close();
    expect(frames).toHaveLength(2);
    expect(frames[0]).toBe('1 abc');
    expect(frames[1]).toContain('it has ended');
  });

  test('a sender waits for a caller that does not read', async () => {
    let sent = 0;
    const path = await listen({
      'container.logs': async (_params, call) => {
        const line = { id: 'x', stream: 'stdout', time: '', text: 'y'.repeat(1000) } as const;
        for (; sent < 20_000 && !call.signal.aborted; sent += 1)
          await call.send({ ...line, isComplete: true });
        return {};
      },
    });
    const socket = connect(path);
    socket.pause();
    const params = { containers: ['x'], follow: false };
    socket.write(`${JSON.stringify({ method: 'container.logs', params })}\n`);
    await eventually(() => sent > 0, 2000);
    let last = -1;
    await eventually(() => {
      const stands = sent === last;
      last = sent;
      return stands;
    }, 2000);
    expect(sent).toBeLessThan(20_000);
    socket.resume();
    await eventually(() => sent === 20_000, 5000);
    socket.destroy();
  });
});
