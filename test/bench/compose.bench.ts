import { execFile } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';
import { DockerRoom } from './docker-room.ts';
import { compare, printSamples } from './measure.ts';

const run = promisify(execFile);
const IMAGE = 'bench/busybox:1';

/** Both sides keep what is gone after a reboot where machines have it: in memory. */
const RUN_FOLDER = mkdtempSync('/dev/shm/ocup-bench-');
/** What one side's end leaves the kernel to do is not to slow down the other. */
const SETTLE_MS = 1000;
/** How often each is measured: docker takes seconds. */
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? '3');

const home = new OcupHome({ runFolder: join(RUN_FOLDER, 'ocup') });
const room = await DockerRoom.open({ runFolder: RUN_FOLDER });
// As a user has it: beside a daemon that always runs, ours stays warm for a while.
const env = { OCUP_IDLE_MS: '10000' };

try {
  await makeImage();
  for (const count of [1, 10, 30]) await measureProject(count);
  await measureShort();
  await measureChain();
} finally {
  await home.waitForIdle();
  await room.close();
  await home.close();
  rmSync(RUN_FOLDER, { recursive: true, force: true });
}

/** The same files for both: busybox alone. */
async function makeImage(): Promise<void> {
  const rootfs = join(room.scratch, 'busybox');
  await mkdir(join(rootfs, 'bin'), { recursive: true });
  await cp('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const name of ['sh', 'sleep', 'true', 'test', 'touch']) {
    await symlink('busybox', join(rootfs, 'bin', name));
  }
  await room.import(rootfs, IMAGE);
}

async function measureProject(count: number): Promise<void> {
  const services = Array.from({ length: count }, (_, n) => service(`s${n}`, []));
  const [ours, theirs] = await makeProjects(`p${count}`, services);
  const up = await compare(
    [
      {
        name: 'ocup up -d',
        run: () => ocup(ours, 'up', '-d'),
        clean: () => ocup(ours, 'down'),
      },
      {
        name: 'docker compose up -d',
        run: () => compose(theirs, 'up', '-d'),
        clean: () => compose(theirs, 'down', '-t', '0'),
      },
    ],
    ROUNDS,
    { settleMs: SETTLE_MS },
  );
  printSamples(`up of ${count}`, up);
  const down = await compare(
    [
      {
        name: 'ocup down',
        prepare: () => ocup(ours, 'up', '-d'),
        run: () => ocup(ours, 'down'),
      },
      {
        // Its process 1 hears no SIGTERM; without -t 0 docker waits ten seconds for it.
        name: 'docker compose down -t 0',
        prepare: () => compose(theirs, 'up', '-d'),
        run: () => compose(theirs, 'down', '-t', '0'),
      },
    ],
    ROUNDS,
    { settleMs: SETTLE_MS },
  );
  printSamples(`down of ${count}`, down);
}

async function measureShort(): Promise<void> {
  const services = Array.from({ length: 10 }, (_, n) => service(`s${n}`, []));
  const [ours, theirs] = await makeProjects('short', services);
  await ocup(ours, 'up', '-d');
  await compose(theirs, 'up', '-d');
  await eventually(() => existsSync(home.commandSocket), 20_000, 'the command host');
  for (const args of [['ps'], ['exec', '-T', 's0', 'true'], ['up', '-d'], ['config', '-q']]) {
    const name = args.join(' ');
    const samples = await compare(
      [
        { name: `ocup ${name}`, run: () => ocup(ours, ...args) },
        {
          name: 'an empty native program',
          run: async () => {
            await run('/bin/true');
          },
        },
        { name: "the way into docker's room", run: () => inRoom(theirs, ['true']) },
        { name: `docker compose ${name}`, run: () => compose(theirs, ...args) },
      ],
      ROUNDS * 3,
    );
    printSamples(`${name}, 10 containers running`, samples);
  }
  await ocup(ours, 'down');
  await compose(theirs, 'down', '-t', '0');
}

async function measureChain(): Promise<void> {
  const services = Array.from({ length: 5 }, (_, n) => {
    const before = n === 0 ? [] : ['depends_on:', `  s${n - 1}: { condition: service_healthy }`];
    return service(`s${n}`, [
      'command: ["sh", "-c", "touch /ready; exec sleep 10000"]',
      'healthcheck: { test: ["CMD", "test", "-e", "/ready"], interval: 1s }',
      ...before,
    ]);
  });
  const [ours, theirs] = await makeProjects('chain', services);
  const samples = await compare(
    [
      {
        name: 'ocup up -d',
        run: () => ocup(ours, 'up', '-d'),
        clean: () => ocup(ours, 'down'),
      },
      {
        name: 'docker compose up -d',
        run: () => compose(theirs, 'up', '-d'),
        clean: () => compose(theirs, 'down', '-t', '0'),
      },
    ],
    ROUNDS,
    { settleMs: SETTLE_MS },
  );
  printSamples('a chain of 5 by health, interval 1 s', samples);
}

function service(name: string, lines: readonly string[]): string {
  const hasCommand = lines.some((line) => line.startsWith('command:'));
  const all = ['image: IMAGE', ...(hasCommand ? [] : ['command: sleep 10000']), ...lines];
  return `  ${name}:\n${all.map((line) => `    ${line}\n`).join('')}`;
}

/** The same project for both, but for where the image is. */
async function makeProjects(
  name: string,
  services: readonly string[],
): Promise<readonly [ours: string, theirs: string]> {
  const folders = ['ours', 'theirs'].map((side) => join(room.scratch, side, name));
  const images = [`rootfs:${join(room.scratch, 'busybox')}`, IMAGE];
  for (const [at, folder] of folders.entries()) {
    await mkdir(folder, { recursive: true });
    const text = `services:\n${services.join('').replaceAll('IMAGE', images[at] ?? '')}`;
    await writeFile(join(folder, 'compose.yaml'), text);
  }
  return [folders[0] ?? '', folders[1] ?? ''];
}

async function ocup(cwd: string, ...args: string[]): Promise<void> {
  await home.succeed(args, { cwd, env });
}

async function compose(cwd: string, ...args: string[]): Promise<void> {
  await inRoom(cwd, ['docker', 'compose', ...args]);
}

async function inRoom(cwd: string, argv: readonly string[]): Promise<void> {
  await room.succeed(cwd, argv);
}
