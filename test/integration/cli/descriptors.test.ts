import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { SystemInfo } from '../../../src/wire/protocol.ts';
import { callSocket } from '../../../src/wire/client.ts';
import { OcupHome, runProgram } from '../../support/ocup.ts';

const OCUP = resolve(import.meta.dirname, '../../../bin/ocup');

const home = new OcupHome();
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ocup-fd-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await home.close();
});

test('the supervisor must not hold what the shell of the first command had open', async () => {
  const lock = join(folder, 'lock');
  // Node.js itself lets go only of the first few descriptors; scripts that take a lock like to use 200.
  const script = 'exec 200>"$1"; exec "$2" image ls';
  const env = { ...home.env, OCUP_IDLE_MS: '3000' };
  const { code } = await runProgram('bash', ['-c', script, 'bash', lock, OCUP], { env });
  expect(code).toBe(0);
  const request = { method: 'system.info', params: {} };
  const { pid } = (await callSocket(home.supervisorSocket, request)) as SystemInfo;
  const held = readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${name}`)];
    } catch {
      return [];
    }
  });
  expect(held).not.toContain(lock);
});
