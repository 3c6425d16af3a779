import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bigImage } from '../support/big-image.ts';
import { OcupHome, runProgram } from '../support/ocup.ts';
import { startRegistry } from '../support/registry.ts';
import { compare, printSamples } from './measure.ts';

const home = new OcupHome();
const registry = await startRegistry();
const folder = await mkdtemp(join(tmpdir(), 'ocup-bench-'));
let round = 0;

try {
  const layout = await bigImage(join(folder, 'layout'));
  await succeed('skopeo', [
    'copy',
    '-q',
    '--dest-tls-verify=false',
    `oci:${layout}:big`,
    `docker://${registry.host}/big:1`,
  ]);
  const samples = await compare(
    [
      {
        name: 'ocup pull',
        run: async () => {
          await home.succeed(['image', 'pull', `${registry.host}/big:1`], { timeoutMs: 300_000 });
        },
        clean: async () => {
          await home.waitForIdle();
          // Fresh folders: removing many files slows what is written soon after.
          await cp('/dev/null', join(folder, `end-${round}`));
          await rm(join(home.folder, 'data'), { recursive: true });
        },
      },
      {
        name: 'skopeo copy, umoci unpack',
        prepare: () => {
          round += 1;
          return Promise.resolve();
        },
        run: async () => {
          const target = join(folder, `oci-${round}`);
          await succeed('skopeo', [
            'copy',
            '-q',
            '--src-tls-verify=false',
            `docker://${registry.host}/big:1`,
            `oci:${target}:big`,
          ]);
          await succeed('umoci', [
            'unpack',
            '--image',
            `${target}:big`,
            join(folder, `bundle-${round}`),
          ]);
        },
      },
    ],
    3,
  );
  printSamples('pull and unpack of a 300 MB image', samples);
} finally {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
  await home.close();
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, args, { timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`${program}: ${stderr}`);
}
