import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OcupHome, runProgram } from '../support/ocup.ts';
import { DockerRoom } from './docker-room.ts';
import { compare, printSamples } from './measure.ts';

const IMAGE = 'bench/lines:1';
const LINES = 1_000_000;
const LINE = 'x'.repeat(99);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? '3');

const home = new OcupHome();
const docker = await DockerRoom.open();
const env = { OCUP_IDLE_MS: '10000' };

try {
  const rootfs = join(docker.scratch, 'busybox');
  await mkdir(join(rootfs, 'bin'), { recursive: true });
  await cp('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const name of ['sh', 'yes', 'head']) await symlink('busybox', join(rootfs, 'bin', name));
  await docker.import(rootfs, IMAGE);
  const ours = await makeProject('ours', `rootfs:${rootfs}`);
  const theirs = await makeProject('theirs', IMAGE);
  printSamples(
    `${LINES} lines of 100 bytes, from up to the end of the container`,
    await compare(
      [
        {
          name: 'ocup',
          run: async () => {
            await ocup(ours, 'up', '-d');
            await ocup(ours, 'wait', 'lines');
          },
          clean: () => ocup(ours, 'down'),
        },
        {
          name: 'docker compose',
          run: async () => {
            await docker.succeed(theirs, ['docker', 'compose', 'up', '-d']);
            await docker.succeed(theirs, ['docker', 'wait', 'lines-lines-1']);
          },
          clean: () => docker.succeed(theirs, ['docker', 'compose', 'down']),
        },
      ],
      ROUNDS,
    ),
  );
  await ocup(ours, 'up', '-d');
  await ocup(ours, 'wait', 'lines');
  await docker.succeed(theirs, ['docker', 'compose', 'up', '-d']);
  await docker.succeed(theirs, ['docker', 'wait', 'lines-lines-1']);
  const count = `wc -l | grep -qx ${LINES}`;
  printSamples(
    'logs reads them back',
    await compare(
      [
        {
          name: 'ocup logs',
          run: () => shell(ours, `${join(import.meta.dirname, '../../bin/ocup')} logs | ${count}`),
        },
        {
          name: 'docker compose logs',
          run: () => docker.succeed(theirs, ['sh', '-c', `docker compose logs | ${count}`]),
        },
      ],
      ROUNDS,
    ),
  );
  await ocup(ours, 'down');
  await docker.succeed(theirs, ['docker', 'compose', 'down']);
} finally {
  await home.waitForIdle();
  await docker.close();
  await home.close();
}

async function makeProject(side: string, image: string): Promise<string> {
  const folder = join(docker.scratch, side);
  await mkdir(folder);
  const command = `yes ${LINE} | head -n ${LINES}`;
  const text = `name: lines\nservices:\n  lines:\n    image: "${image}"\n    command: [sh, -c, "${command}"]\n    logging: { driver: json-file, options: { max-size: 1g } }\n`;
  await writeFile(join(folder, 'compose.yaml'), text);
  return folder;
}

async function ocup(cwd: string, ...args: string[]): Promise<void> {
  await home.succeed(args, { cwd, env });
}

async function shell(cwd: string, command: string): Promise<void> {
  const options = { cwd, env: { ...home.env, ...env }, timeoutMs: 120_000 };
  const { code, stderr } = await runProgram('/bin/sh', ['-c', command], options);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr}`);
}
