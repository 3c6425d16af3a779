import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';
import { processesNaming } from '../support/supervisor-home.ts';
import { randomFrom } from '../support/random.ts';

const OCUP = resolve(import.meta.dirname, '../../bin/ocup');
const ROUNDS = Number(process.env['CHAOS_ROUNDS'] ?? '10');

const KINDS = ['supervisor', 'shim', 'command', 'host'] as const;
type Kind = (typeof KINDS)[number];

/** Each service runs one `sleep` with a length of its own, by which its process is counted. */
const LENGTHS: Readonly<Record<string, string>> = {
  base: '910001',
  left: '910002',
  right: '910003',
  top: '910004',
  loop: '910005',
};

const COMPOSE = `
name: chaos
services:
  base:
    image: "rootfs:/"
    command: [sleep, "${LENGTHS['base']}"]
    healthcheck: { test: [CMD, "true"], interval: 1s }
  left:
    image: "rootfs:/"
    command: [sleep, "${LENGTHS['left']}"]
    depends_on: { base: { condition: service_healthy } }
  right:
    image: "rootfs:/"
    command: [sleep, "${LENGTHS['right']}"]
    depends_on: [base]
    volumes: [data:/data]
  top:
    image: "rootfs:/"
    command: [sleep, "${LENGTHS['top']}"]
    depends_on: [left, right]
  loop:
    image: "rootfs:/"
    command: [sleep, "${LENGTHS['loop']}"]
    restart: always
volumes: { data: }
`;

describe('kill -9 at random moments', () => {
  const home = new OcupHome();
  const hits = new Set<Kind>();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-chaos-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
  });

  afterAll(async () => {
    await home.run(['down', '-v', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  function begin(...args: readonly string[]): { child: ChildProcess; ended: Promise<unknown> } {
    const env = { ...process.env, ...home.env, NODE_OPTIONS: '' };
    const child = spawn(OCUP, args, { cwd: project, env, stdio: 'ignore' });
    return { child, ended: new Promise((done) => child.once('close', done)) };
  }

  function pidsOf(word: string): number[] {
    return processesNaming(home.folder)
      .filter((text) => text.includes(word))
      .map((text) => Number(text.split(' ')[1]));
  }

  function killNow(kind: Kind, pid: number | undefined): void {
    if (pid === undefined) return;
    try {
      process.kill(pid, 'SIGKILL');
      hits.add(kind);
    } catch {
      // it has ended by itself
    }
  }

  function strike(kind: Kind | 'all', command: ChildProcess, random: () => number): void {
    const victims = {
      command: command.exitCode === null ? [command.pid] : [],
      supervisor: home.supervisorPids(),
      host: pidsOf('start.cjs warm'),
      shim: pidsOf('ocup-shim'),
    };
    for (const name of KINDS) {
      const pids = victims[name];
      if (kind === 'all') pids.forEach((pid) => killNow(name, pid));
      else if (kind === name) killNow(name, pids[Math.floor(random() * pids.length)]);
    }
  }

  /** Within how many milliseconds it is struck: a warm command takes some forty. */
  const momentsOf = (kind: string): number => (kind === 'command' ? 30 : 250);

  /** The containers' processes, counted by their lengths of sleep. */
  function sleepers(): Record<string, number> {
    const all = processesNaming('9100');
    return Object.fromEntries(
      Object.entries(LENGTHS).map(([service, length]) => [
        service,
        all.filter((text) => text.trimEnd().endsWith(`sleep ${length}`)).length,
      ]),
    );
  }

  test.each(Array.from({ length: ROUNDS }, (_, index) => index + 1))(
    'the next up and down converge, and nothing is doubled or left (seed %d)',
    async (seed) => {
      const random = randomFrom(seed * 7919);
      const kindAt = (at: number) => [...KINDS, 'all' as const][at % (KINDS.length + 1)] ?? 'all';
      const up = begin('up', '-d');
      await sleep(random() * momentsOf(kindAt(seed)));
      strike(kindAt(seed), up.child, random);
      await up.ended;
      // One that is struck in the very moment may be seen running once more.
      let said = '';
      await eventually(
        async () => {
          const { code, stderr } = await home.run(['up', '-d', '--wait'], { cwd: project });
          said = stderr;
          return code === 0 && Object.values(sleepers()).every((count) => count === 1);
        },
        20_000,
        'one process for each service',
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(sleepers())}\n${said}`);
      });
      const { stdout } = await home.succeed(['ps', '--format', '{{.Service}} {{.State}}'], {
        cwd: project,
      });
      expect(stdout.trim().split('\n').sort()).toEqual(
        Object.keys(LENGTHS)
          .sort()
          .map((service) => `${service} running`),
      );
      const down = begin('down', '-t', '0');
      await sleep(random() * momentsOf(kindAt(seed + 2)));
      strike(kindAt(seed + 2), down.child, random);
      await down.ended;
      await home.succeed(['down', '-t', '0'], { cwd: project });
      expect(sleepers()).toEqual({ base: 0, left: 0, right: 0, top: 0, loop: 0 });
      expect(pidsOf('ocup-shim')).toEqual([]);
    },
  );

  test('each kind of process was there to be struck', () => {
    expect([...hits].sort()).toEqual([...KINDS].sort());
  });
});
