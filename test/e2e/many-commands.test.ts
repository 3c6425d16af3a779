import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { OcupHome, type RunResult } from '../support/ocup.ts';
import { processesNaming } from '../support/supervisor-home.ts';
import { randomFrom } from '../support/random.ts';

const COMMANDS = Number(process.env['MANY_COMMANDS'] ?? '1000');
const TERMINALS = 4;
const SERVICES = Array.from({ length: 20 }, (_, index) => `s${index}`);
const SEED = Number(process.env['MANY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** By its length the `sleep` of a service is known. */
const lengthOf = (service: string): string => String(920_000 + SERVICES.indexOf(service));

const COMPOSE = `
name: many
services:
${SERVICES.map(
  (name, index) => `  ${name}:
    image: "rootfs:/"
    command: [sleep, "${lengthOf(name)}"]
    stop_signal: SIGKILL
    restart: ${index % 5 === 0 ? 'always' : '"no"'}
    ${index % 4 === 3 ? `depends_on: [s${index - 1}]` : ''}
    ${index % 7 === 0 ? `volumes: ["data:/data"]` : ''}
`,
).join('')}
volumes: { data: }
`;

/** What may be asked, with the name of a service. Those of one service may meet each other in any state. */
const ASKED: readonly ((service: string) => readonly string[])[] = [
  (name) => ['up', '-d', name],
  (name) => ['up', '-d', '--no-deps', name],
  (name) => ['up', '-d', '--force-recreate', '--no-deps', '-t', '0', name],
  (name) => ['stop', '-t', '0', name],
  (name) => ['start', name],
  (name) => ['restart', '-t', '0', name],
  (name) => ['kill', name],
  (name) => ['rm', '-f', '-s', name],
  (name) => ['pause', name],
  (name) => ['unpause', name],
  (name) => ['exec', '-T', name, 'true'],
  (name) => ['run', '--rm', '--no-deps', '-T', name, 'true'],
  (name) => ['logs', '--tail', '3', name],
  (name) => ['create', name],
  () => ['ps', '-a', '--format', 'json'],
  () => ['top'],
  () => ['plan'],
];

function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

describe(`${COMMANDS} random commands from ${TERMINALS} terminals (seed ${SEED})`, () => {
  const home = new OcupHome();
  let project = '';
  const ocup = (...args: readonly string[]): Promise<RunResult> =>
    home.run(args, { cwd: project, timeoutMs: 60_000 });

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-many-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
  });

  afterAll(async () => {
    await home.run(['down', '-v', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  function sleepersOf(service: string): number {
    const mark = `sleep ${lengthOf(service)}`;
    return processesNaming('9200').filter((text) => text.trimEnd().endsWith(mark)).length;
  }

  /** Descriptors of the supervisor and the command host that are open. */
  function openDescriptors(): Record<string, number> {
    const pids = [
      ...home.supervisorPids(),
      ...processesNaming(home.folder)
        .filter((text) => text.includes('start.cjs warm'))
        .map((text) => Number(text.split(' ')[1])),
    ];
    return Object.fromEntries(
      pids.map((pid) => [pid, readdirSync(`/proc/${pid}/fd`).length] as const),
    );
  }

  function residentMegabytes(pid: number): number {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  }

  async function states(): Promise<Record<string, string>> {
    const { stdout } = await ocup('ps', '-a', '--format', '{{.Service}} {{.State}}');
    const pairs = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]);
    expect(new Set(pairs.map(([name]) => name)).size).toBe(pairs.length);
    return Object.fromEntries(pairs);
  }

  test('none hangs, and none fails but for a reason that it tells', async () => {
    await home.succeed(['up', '-d'], { cwd: project });
    const strange: string[] = [];
    const terminal = async (number: number): Promise<void> => {
      const random = randomFrom(SEED + number);
      for (let at = 0; at < COMMANDS / TERMINALS; at += 1) {
        const args = pick(ASKED, random)(pick(SERVICES, random));
        const { code, stderr } = await ocup(...args);
        const isTold = code === 0 || /\S/.test(stderr) || args[0] === 'exec';
        const isBug = /internal error|TypeError|ReferenceError|E_INTERNAL|hung up| at .*\.ts:/.test(
          stderr,
        );
        if (!isTold || isBug) strange.push(`${args.join(' ')}: ${code}\n${stderr}`);
      }
    };
    await Promise.all(Array.from({ length: TERMINALS }, (_, number) => terminal(number)));
    expect(strange).toEqual([]);
  }, 600_000);

  test('in the end there is what the last commands ask for', async () => {
    const random = randomFrom(SEED);
    const wanted = Object.fromEntries(
      SERVICES.map((name) => [name, pick(['running', 'exited', 'gone'], random)]),
    );
    // Nobody else asks for these any more; those of one terminal come one after the other.
    const settle = async (name: string): Promise<void> => {
      await ocup('unpause', name);
      await home.succeed(['up', '-d', '--no-deps', name], { cwd: project });
      if (wanted[name] === 'exited')
        await home.succeed(['stop', '-t', '0', name], { cwd: project });
      if (wanted[name] === 'gone') await home.succeed(['rm', '-f', '-s', name], { cwd: project });
    };
    await Promise.all(
      Array.from({ length: TERMINALS }, async (_, number) => {
        for (const name of SERVICES.filter((_name, index) => index % TERMINALS === number)) {
          await settle(name);
        }
      }),
    );
    const expected = Object.entries(wanted).filter(([, state]) => state !== 'gone');
    expect(await states()).toEqual(Object.fromEntries(expected));
    const counts = SERVICES.map((name) => [name, sleepersOf(name)]);
    expect(counts).toEqual(SERVICES.map((name) => [name, wanted[name] === 'running' ? 1 : 0]));
  });

  test('no shim outlives its container, and nothing piles up in the processes that stay', async () => {
    await home.succeed(['up', '-d'], { cwd: project });
    await home.succeed(['down', '-t', '0'], { cwd: project });
    await eventually(
      () => !processesNaming(home.folder).some((text) => text.includes('ocup-shim')),
      5_000,
      'the end of all shims',
    );
    await home.succeed(['up', '-d'], { cwd: project });
    const first = openDescriptors();
    for (let round = 0; round < 3; round += 1) {
      await home.succeed(['up', '-d', '--force-recreate', '-t', '0'], { cwd: project });
      await home.succeed(['ps'], { cwd: project });
    }
    await eventually(
      () =>
        Object.entries(openDescriptors()).every(
          ([pid, count]) => count <= (first[pid] ?? count) + 2,
        ),
      5_000,
      'as few open descriptors as before',
    );
    for (const pid of home.supervisorPids()) expect(residentMegabytes(pid)).toBeLessThan(200);
  });
});
