import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OcupError } from '../../../src/base/errors.ts';
import { encodeFrame, FRAME } from '../../../src/wire/frames.ts';
import { frameStream, readChunks } from '../../../src/wire/frame-stream.ts';
import { eventually } from '../../support/eventually.ts';

let folder = '';
let server: Server;
let ours: Socket;
let theirs: Socket;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-frames-'));
  const path = join(folder, 'socket');
  server = createServer().listen(path);
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  ours = connect(path);
  [theirs] = await accepted;
});

afterEach(async () => {
  ours.destroy();
  theirs.destroy();
  server.close();
  await rm(folder, { recursive: true });
});

describe('frameStream', () => {
  test('gives all that came before a write that failed', async () => {
    const chunks = readChunks(ours);
    const stream = frameStream(ours, { chunks, rest: Buffer.alloc(0), upgrade: {} });
    const frame = encodeFrame(FRAME.stdout, 'x'.repeat(1000));
    for (let i = 0; i < 3; i += 1) theirs.write(frame);
    await eventually(() => ours.bytesRead >= frame.length, 5000);
    theirs.destroy();
    const fails = (): Promise<boolean> =>
      stream.send(FRAME.stdin, 'y').then(
        () => false,
        () => true,
      );
    await eventually(fails, 5000);
    let bytes = 0;
    for await (const { payload } of stream.frames) bytes += payload.length;
    expect(bytes).toBeGreaterThanOrEqual(1000);
  });

  test('a reader that is slow holds up the writer', async () => {
    const chunks = readChunks(ours);
    let isWritten = false;
    theirs.write(Buffer.alloc(8 * 1024 * 1024), () => (isWritten = true));
    await eventually(() => ours.bytesRead > 0, 5000);
    expect(ours.bytesRead).toBeLessThan(1024 * 1024);
    expect(isWritten).toBe(false);
    let bytes = 0;
    while (bytes < 8 * 1024 * 1024) {
      const { value } = await chunks.next();
      bytes += value?.length ?? 0;
    }
  });

  test('what is cancelled ends at once with that error', async () => {
    const chunks = readChunks(ours);
    theirs.write('x');
    await eventually(() => ours.bytesRead > 0, 5000);
    ours.destroy(new OcupError('E_CANCELLED', 'cancelled'));
    await new Promise((resolve) => ours.once('close', resolve));
    await expect(chunks.next()).rejects.toMatchObject({ code: 'E_CANCELLED' });
  });
});
