import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';

const COUNT = 300;
const COMPOSE = `
name: crowd
services:
  one:
    image: "rootfs:/"
    command: ["sh", "-c", "echo $$HOSTNAME; exec sleep 1000"]
    init: true
    scale: ${COUNT}
`;

const home = new OcupHome();
let project = '';

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'ocup-crowd-'));
  await writeFile(join(project, 'compose.yaml'), COMPOSE);
});

afterAll(async () => {
  await home.run(['down', '-t', '0'], { cwd: project, timeoutMs: 300_000 });
  await rm(project, { recursive: true, force: true });
  await home.close();
});

test(`${COUNT} containers run at once, each with its own address and log, and go again`, async () => {
  const ocup = (...args: string[]) => home.succeed(args, { cwd: project, timeoutMs: 300_000 });
  await ocup('up', '-d');
  const ids = (await ocup('ps', '-q')).stdout.trim().split('\n');
  expect(new Set(ids).size).toBe(COUNT);
  const logs = (await ocup('logs', '--no-log-prefix')).stdout.trim().split('\n');
  expect(logs.sort()).toEqual(ids.map((id) => id.slice(0, 12)).sort());
  const addresses = await ocup('exec', '-T', '--index', '300', 'one', 'getent', 'ahostsv4', 'one');
  const found = new Set(addresses.stdout.split('\n').map((line) => line.split(' ')[0]));
  found.delete('');
  expect(found.size).toBe(COUNT);
  expect((await ocup('up', '-d')).stderr).not.toContain('Creat');
  await ocup('down', '-t', '0');
  expect((await ocup('ps', '-aq')).stdout).toBe('');
});
