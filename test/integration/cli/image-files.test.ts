import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { addImage, layersOf, newStore, writeLayout } from '../../support/image-fixture.ts';
import { OcupHome, runProgram } from '../../support/ocup.ts';

const OCUP = resolve(import.meta.dirname, '../../../bin/ocup');
const home = new OcupHome();
const folder = join(home.folder, 'files');

beforeAll(async () => {
  await mkdir(folder);
  const store = newStore();
  store.tags.set('app', addImage(store, { layers: layersOf([{ path: 'a', content: 'a' }]) }));
  await writeLayout(store, join(folder, 'layout'));
  const image = `oci:${join(folder, 'layout')}:app`;
  await home.succeed(['image', 'pull', '-q', image]);
  await home.succeed(['image', 'tag', image, 'app:1']);
});

afterAll(() => home.close());

const shell = (line: string) => runProgram('sh', ['-c', line], { cwd: folder, env: home.env });

test('an archive goes through pipes as through files, and leaves nothing', async () => {
  const transfers = join(home.folder, 'data/transfers');
  await mkdir(transfers);
  // Of a command that was killed: one may still be at work, the other not.
  const [old, recent] = [join(transfers, 'old.tar'), join(transfers, 'recent.tar')];
  for (const path of [old, recent]) await writeFile(path, 'part');
  const before = new Date(Date.now() - 25 * 3600 * 1000);
  await utimes(old, before, before);
  await home.succeed(['image', 'save', '-q', '-o', join(folder, 'app.tar'), 'app:1']);
  const piped = await shell(`${OCUP} image save app:1 | gzip > app.tar.gz`);
  expect(piped).toMatchObject({ code: 0, stderr: '' });
  await home.succeed(['image', 'rm', 'app:1']);
  const loaded = await shell(`gunzip -c app.tar.gz | ${OCUP} image load -q`);
  expect(loaded).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Loaded image: app:1\n'),
  });
  const unpacked = await shell('gunzip app.tar.gz -c > again.tar; cmp app.tar again.tar');
  expect(unpacked).toMatchObject({ code: 0, stdout: '' });
  expect(await readdir(transfers)).toEqual(['recent.tar']);
});

test('an archive that breaks off is an error, and brings nothing in', async () => {
  const bytes = await readFile(join(folder, 'app.tar'));
  await home.succeed(['image', 'prune', '-af']);
  for (const length of [100, 600, Math.floor(bytes.length / 2)]) {
    await writeFile(join(folder, 'part.tar'), bytes.subarray(0, length));
    const { code, stdout } = await home.run(['image', 'load', '-i', join(folder, 'part.tar')]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  }
  expect((await home.succeed(['image', 'ls', '-q'])).stdout).toBe('');
});
