import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { compress } from '../../support/image-fixture.ts';
import { buildLayerFuzz } from '../../support/fuzz-build.ts';
import { randomLayers } from '../../support/random-layers.ts';
import { writeTar } from '../../support/tar-writer.ts';

/** How long damaged layers are tried. */
const SECONDS = Number(process.env['OCUP_FUZZ_SECONDS'] ?? 60);

let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-fuzz-'));
  program = await buildLayerFuzz();
  await makeSeeds(join(folder, 'seeds'));
  await mkdir(join(folder, 'root'));
}, 600_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Good archives in all dialects and compressions, to be damaged. */
async function makeSeeds(seeds: string): Promise<void> {
  await mkdir(seeds);
  for (let seed = 0; seed < 12; seed += 1) {
    for (const [at, members] of randomLayers(seed).entries()) {
      const archive = writeTar(members);
      await writeFile(join(seeds, `${seed}-${at}`), archive);
      if (seed % 4 !== 0) continue;
      await writeFile(join(seeds, `${seed}-${at}.gz`), compress(archive, 'gzip'));
      await writeFile(join(seeds, `${seed}-${at}.zst`), compress(archive, 'zstd'));
    }
  }
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'deep', 'n'.repeat(90), 'm'.repeat(90)), { recursive: true });
  await writeFile(join(tree, 'deep/file'), 'content');
  await writeFile(join(tree, 'sparse'), 'start');
  await truncate(join(tree, 'sparse'), 100_000);
  execFileSync('sh', [
    '-ec',
    `cd "$0"; ln deep/file hard; ln -s ../../x link; mkfifo fifo; mknod null c 1 3; chmod 4755 deep/file
     printf end >>sparse; setfattr -n user.a -v b sparse 2>/dev/null || true`,
    tree,
  ]);
  const options = [
    ['gnu', '--format=gnu'],
    ['posix', '--format=posix', '--xattrs'],
    ['ustar', '--format=ustar'],
    ['v7', '--format=v7', '--exclude=deep', '--exclude=null', '--exclude=fifo'],
    ['sparse-gnu', '--format=gnu', '-S'],
    ['sparse-0.0', '--format=posix', '-S', '--sparse-version=0.0'],
    ['sparse-0.1', '--format=posix', '-S', '--sparse-version=0.1'],
    ['sparse-1.0', '--format=posix', '-S', '--sparse-version=1.0'],
  ];
  for (const [name = '', ...rest] of options) {
    execFileSync('tar', ['-cf', join(seeds, name), ...rest, '-C', tree, '.']);
  }
}

describe('layers that are damaged at random', () => {
  test(
    'never break the memory, hang, or write outside their folder',
    async () => {
      const seed = String(Math.floor(Math.random() * 2 ** 32));
      const last = join(folder, 'last');
      const args = [String(SECONDS), seed, join(folder, 'seeds'), last, join(folder, 'root')];
      const ended = await new Promise<{ code: unknown; output: string }>((done) => {
        execFile(program, args, { maxBuffer: 1 << 24 }, (error, stdout, stderr) =>
          done({
            code: error === null ? 0 : (error.code ?? error.signal),
            output: stdout + stderr,
          }),
        );
      });
      const kept = join(tmpdir(), `layer-fuzz-${seed}`);
      if (ended.code !== 0) execFileSync('cp', [last, kept]);
      expect({ seed, ...ended }).toMatchObject({
        code: 0,
        output: expect.stringMatching(/^\d{3,} inputs\n$/),
      });
    },
    (SECONDS + 120) * 1000,
  );
});
