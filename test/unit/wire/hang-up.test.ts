import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { callSocket } from '../../../src/wire/client.ts';

test('a supervisor that hangs up is told with what to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ocup-wire-'));
  const path = join(folder, 'supervisor.sock');
  const server = createServer((socket) => socket.once('data', () => socket.end()));
  await new Promise<void>((done) => server.listen(path, done));
  try {
    const call = callSocket(path, { method: 'image.pull', params: {} });
    await expect(call).rejects.toMatchObject({
      code: 'E_WIRE_CLOSED',
      message: 'the supervisor hung up during image.pull',
      hint: 'Run the command again: what was complete is kept.',
    });
  } finally {
    await new Promise((done) => server.close(done));
    await rm(folder, { recursive: true });
  }
});
