import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';
import { freePort } from '../support/ports.ts';

/** Whoever is alive holds a folder; it takes a while to end. */
const SCRIPT = [
  'mkdir /shared/$$WHO || echo $$WHO >> /shared/overlap',
  'trap "sleep 0.3; rmdir /shared/$$WHO; exit 0" TERM',
  'echo ready',
  'while :; do sleep 0.05; done',
].join('; ');

const compose = (round: number, port: number) => `
name: again
services:
  port:
    image: "rootfs:/"
    command: ["sh", "-c", '${SCRIPT}']
    environment: { WHO: port, ROUND: "${round}" }
    ports: ["127.0.0.1:${port}:80"]
    volumes: ["./shared:/shared"]
    x-ocup: { ready: { log: ready } }
  name:
    image: "rootfs:/"
    container_name: again-fixed
    command: ["sh", "-c", '${SCRIPT}']
    environment: { WHO: name, ROUND: "${round}" }
    volumes: ["./shared:/shared"]
    depends_on: { port: { condition: service_healthy, restart: true } }
    x-ocup: { ready: { log: ready } }
`;

const home = new OcupHome();
let project = '';

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'ocup-again-'));
  await mkdir(join(project, 'shared'));
});

afterAll(async () => {
  await home.run(['down', '-t', '0'], { cwd: project });
  await rm(project, { recursive: true, force: true });
  await home.close();
});

test('what is made again never runs beside what it replaces', async () => {
  const port = await freePort();
  const ocup = (...args: string[]) => home.succeed(args, { cwd: project });
  const rounds: readonly (readonly string[])[] = [
    [],
    [],
    ['--force-recreate'],
    ['--force-recreate', 'port'],
    ['--always-recreate-deps', 'name'],
    [],
  ];
  for (const [round, options] of rounds.entries()) {
    // Forced ones are made again although nothing has changed.
    const number = options.length === 0 ? round : 1;
    await writeFile(join(project, 'compose.yaml'), compose(number, port));
    await ocup('up', '-d', '--wait', ...options);
    expect(existsSync(join(project, 'shared/overlap'))).toBe(false);
    const alive = ['port', 'name'].map((name) => existsSync(join(project, 'shared', name)));
    expect(alive).toEqual([true, true]);
    expect((await ocup('port', 'port', '80')).stdout).toBe(`127.0.0.1:${port}\n`);
  }
  const { stdout } = await ocup('ps', '-a', '--format', '{{.Name}}');
  expect(stdout).toBe('again-fixed\nagain-port-1\n');
});
