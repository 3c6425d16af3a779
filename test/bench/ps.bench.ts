import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OcupHome, runProgram } from '../support/ocup.ts';
import { compare, printSamples } from './measure.ts';

const home = new OcupHome();
const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));

try {
  const services = Array.from(
    { length: 10 },
    (_, n) => `  s${n}:\n    image: "rootfs:/"\n    command: sleep 10000\n`,
  );
  await writeFile(join(folder, 'compose.yaml'), `name: bench\nservices:\n${services.join('')}`);
  await home.succeed(['up', '-d'], { cwd: folder });
  const ocup = (...args: string[]) => ({
    name: `ocup ${args.join(' ')}`,
    run: async () => {
      await home.succeed(args, { cwd: folder });
    },
  });
  const floor = {
    name: 'node -e 0',
    run: async () => {
      await runProgram(process.execPath, ['-e', '0']);
    },
  };
  const samples = await compare(
    [ocup('ps'), ocup('up', '-d'), ocup('exec', '-T', 's0', 'true'), ocup('config', '-q'), floor],
    10,
  );
  printSamples('short commands, 10 containers running', samples);
} finally {
  await home.run(['down'], { cwd: folder });
  await rm(folder, { recursive: true, force: true });
  await home.close();
}
