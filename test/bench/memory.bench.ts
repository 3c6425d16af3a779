import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { callSocket } from '../../src/wire/client.ts';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';
import { printTable } from './measure.ts';

const COUNT = 30;
const home = new OcupHome();
const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));

try {
  const services = Array.from(
    { length: COUNT },
    (_, n) => `  s${n}:\n    image: "rootfs:/"\n    command: sleep 10000\n`,
  );
  await writeFile(join(folder, 'compose.yaml'), `name: bench\nservices:\n${services.join('')}`);
  await home.succeed(['up', '-d'], { cwd: folder });
  const info = (await callSocket(home.supervisorSocket, { method: 'system.info', params: {} })) as {
    pid: number;
  };
  await eventually(() => existsSync(home.commandSocket), 20_000, 'the command host');
  for (let n = 0; n < 10; n += 1) await home.succeed(['ps'], { cwd: folder });
  await setTimeout(3_000); // both give memory back once nothing goes on
  const hosts = processes().filter((one) => one.args.includes(`warm ${home.commandSocket}`));
  const shims = processes().filter(
    (one) => one.args.includes(home.folder) && one.args.includes('ocup-shim'),
  );
  const sleeps = processes().filter((one) => one.args.startsWith('sleep 10000'));
  const kilobytes = (pids: readonly number[]): string => {
    const total = pids.reduce((sum, pid) => sum + proportionalKb(pid), 0);
    return (total / Math.max(1, pids.length)).toFixed(0);
  };
  printTable(
    `proportional memory (PSS), ${COUNT} idle containers`,
    ['', 'processes', 'kB each'],
    [
      ['ocup-shim', String(shims.length), kilobytes(shims.map((one) => one.pid))],
      ['supervisor', '1', kilobytes([info.pid])],
      ['command host', String(hosts.length), kilobytes(hosts.map((one) => one.pid))],
      ['the sleep itself', String(sleeps.length), kilobytes(sleeps.map((one) => one.pid))],
    ],
  );
} finally {
  await home.run(['down'], { cwd: folder });
  await rm(folder, { recursive: true, force: true });
  await home.close();
}

function processes(): { pid: number; args: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), args }];
      } catch {
        return []; // it ended meanwhile
      }
    });
}

function proportionalKb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? NaN);
}
