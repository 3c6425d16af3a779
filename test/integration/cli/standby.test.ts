import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { chown, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { accepts, OcupHome, runProgram, type RunResult } from '../../support/ocup.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../../build/Release/ocup');
/** Where there is no Node.js, only a command host can run a command. */
const NO_NODE = { PATH: '/nonexistent' };
const COMPOSE = `
name: standby
services:
  web:
    image: "rootfs:/"
    init: true
    command: ["sh", "-c", "sleep 100000"]
`;

let home: OcupHome;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-standby-'));
  writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
});

afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  home = new OcupHome();
});

// It asserts that nothing is left, the standby included.
afterEach(() => home.close());

function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<RunResult> {
  return runProgram(LAUNCHER, args, { cwd: folder, env: { ...home.env, ...env } });
}

const listening = (): Promise<unknown> =>
  eventually(() => accepts(home.commandSocket), 20_000, 'the standby');

test('a command that had to start Node.js leaves a host for those that follow, which goes when nobody calls', async () => {
  const cold = await run(['config', '--services'], {});
  await listening();
  const warm = await run(['config', '--services'], NO_NODE);
  expect(warm).toEqual(cold);
  expect(warm).toEqual({ code: 0, stdout: 'web\n', stderr: '' });
  await eventually(() => home.commandHostPids().length === 0, 10_000, 'the end of the standby');
  expect(existsSync(home.runFolder)).toBe(false);
  expect((await run(['config', '-q'], NO_NODE)).stderr).toContain('Node.js is not on the PATH');
});

test('of many commands at once one leaves a host', async () => {
  const runs = await Promise.all(Array.from({ length: 8 }, () => run(['config', '-q'], {})));
  expect(runs.map(({ code }) => code)).toEqual(runs.map(() => 0));
  await listening();
  expect(home.commandHostPids()).toHaveLength(1);
});

test('whoever waits for the command, or reads its output, does not wait for the host', async () => {
  const env = { OCUP_IDLE_MS: '30000' };
  const line = `{ ${LAUNCHER} config --services; } | cat`;
  const read = await runProgram('bash', ['-c', line], {
    cwd: folder,
    env: { ...home.env, ...env },
  });
  expect(read.stdout).toBe('web\n'); // its end came although the host is there
  await listening();
  for (const pid of home.commandHostPids()) process.kill(pid, 'SIGKILL');
  rmSync(home.runFolder, { recursive: true });
});

test('it gives way to the host of a supervisor', async () => {
  await run(['config', '-q'], { OCUP_IDLE_MS: '30000' });
  await listening();
  const [standby] = home.commandHostPids();
  expect((await run(['up', '-d'], NO_NODE)).code).toBe(0);
  await eventually(
    () => !home.commandHostPids().includes(standby ?? 0),
    20_000,
    'the end of the standby',
  );
  await listening();
  expect((await run(['ps', '--services'], NO_NODE)).stdout).toBe('web\n');
  expect(home.commandHostPids()).toHaveLength(1);
  await run(['down'], {});
});

test('one that was killed is no obstacle', async () => {
  await run(['config', '-q'], { OCUP_IDLE_MS: '30000' });
  await listening();
  for (const pid of home.commandHostPids()) process.kill(pid, 'SIGKILL');
  await eventually(async () => !(await accepts(home.commandSocket)), 10_000, 'its end');
  expect(existsSync(home.commandSocket)).toBe(true);
  expect((await run(['config', '-q'], {})).code).toBe(0);
  await listening();
});

test('words about ocup, a wish for a Node.js of its own, and a folder of another user leave none', async () => {
  await run(['version'], {});
  await run(['config', '-q'], { OCUP_COLD: '1' });
  expect(existsSync(home.runFolder)).toBe(false);
  mkdirSync(home.runFolder);
  await chown(home.runFolder, 12345, 12345);
  expect((await run(['config', '-q'], {})).code).toBe(0);
  expect(home.commandHostPids()).toHaveLength(0);
  expect(readdirSync(home.runFolder)).toEqual([]);
  rmSync(home.runFolder, { recursive: true });
});
