import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OcupHome } from '../support/ocup.ts';
import { compare, printSamples } from './measure.ts';

const run = promisify(execFile);
const home = new OcupHome();
const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));

try {
  await mkdir(join(folder, 'busybox/bin'), { recursive: true });
  await cp('/bin/busybox', join(folder, 'busybox/bin/busybox'));
  await run('ln', ['-s', 'busybox', join(folder, 'busybox/bin/sleep')]);
  for (const count of [1, 10, 30]) await measure(count);
} finally {
  await rm(folder, { recursive: true, force: true });
  await home.close();
}

async function measure(count: number): Promise<void> {
  const project = join(folder, `p${count}`);
  await mkdir(project);
  const services = Array.from(
    { length: count },
    (_, n) => `  s${n}:\n    image: rootfs:../busybox\n    command: sleep 10000\n`,
  );
  await writeFile(join(project, 'compose.yaml'), `services:\n${services.join('')}`);
  const bundle = join(project, 'bundle');
  await home.succeed(['bundle', 's0', '-o', bundle], { cwd: project });
  const ocup = async (...args: string[]): Promise<void> => {
    await home.succeed(args, { cwd: project });
  };
  const rounds = count === 30 ? 3 : 5;
  const starts = await compare(
    [
      { name: 'ocup up -d', run: () => ocup('up', '-d'), clean: () => ocup('down') },
      {
        name: 'runc run -d',
        run: () => runcAll(count, bundle),
        clean: () => runcEnd(count, bundle),
      },
    ],
    rounds,
  );
  printSamples(`start of ${count}`, starts);
  const stops = await compare(
    [
      { name: 'ocup down', prepare: () => ocup('up', '-d'), run: () => ocup('down') },
      {
        name: 'runc delete -f',
        prepare: () => runcAll(count, bundle),
        run: () => runcEnd(count, bundle),
      },
    ],
    rounds,
  );
  printSamples(`end of ${count}`, stops);
}

/** As many containers by runc, all at once: no network, no names, no logs. */
async function runcAll(count: number, bundle: string): Promise<void> {
  await eachAtOnce(count, (id) => ['--root', `${bundle}-state`, 'run', '-d', '-b', bundle, id]);
}

async function runcEnd(count: number, bundle: string): Promise<void> {
  await eachAtOnce(count, (id) => ['--root', `${bundle}-state`, 'delete', '-f', id]);
}

async function eachAtOnce(count: number, args: (id: string) => string[]): Promise<void> {
  const ids = Array.from({ length: count }, (_, n) => `ocup-bench-${process.pid}-${n}`);
  await run('sh', [
    '-c',
    ids.map((id) => `runc ${args(id).join(' ')} </dev/null >/dev/null 2>&1 &`).join('\n') +
      '\nwait',
  ]);
}
