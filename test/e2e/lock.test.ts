import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addImage, layersOf, newStore, writeLayout } from '../support/image-fixture.ts';
import { OcupHome } from '../support/ocup.ts';
import { type Registry, startRegistry } from '../support/registry.ts';

const SCHEMA = resolve(import.meta.dirname, '../../schemas/lock.schema.json');

describe('ocup.lock', () => {
  const home = new OcupHome();
  const folder = join(home.folder, 'project');
  const lockFile = join(folder, 'ocup.lock');
  let registry: Registry;
  let isStopped = false;

  const ocup = (...args: string[]) => home.run(args, { cwd: folder });

  /** Gives the tag `box:1` an image that says `word`. */
  const publish = async (word: string): Promise<string> => {
    const store = newStore();
    const layers = layersOf([
      { path: 'bin/busybox', content: await readFile('/bin/busybox'), mode: 0o755 },
      { path: 'word', content: word },
    ]);
    const config = { Cmd: ['/bin/busybox', 'cat', '/word'] };
    const manifest = addImage(store, { layers, config });
    store.tags.set('box', manifest);
    const layout = join(home.folder, `layout-${word}`);
    await writeLayout(store, layout);
    const target = `docker://${registry.host}/team/box:1`;
    execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${layout}:box`, target]);
    return manifest.digest;
  };
  let first = '';
  let second = '';

  beforeAll(async () => {
    registry = await startRegistry();
    await mkdir(folder);
    const image = `${registry.host}/team/box:1`;
    const text = `name: locked\nservices:\n  box:\n    image: ${image}\n`;
    await writeFile(join(folder, 'compose.yaml'), text);
    first = await publish('first');
  });

  afterAll(async () => {
    await ocup('down');
    if (!isStopped) await registry.stop();
    await home.close();
  });

  test('is asked for by --locked, and written by lock in the form of its schema', async () => {
    expect(await ocup('--locked', 'up')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ocup lock'),
    });
    expect(await ocup('lock')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 added, 0 updated, 0 removed'),
    });
    const lock = JSON.parse(await readFile(lockFile, 'utf8'));
    const validate = new Ajv().compile(JSON.parse(await readFile(SCHEMA, 'utf8')));
    expect({ isValid: validate(lock), errors: validate.errors }).toEqual({
      isValid: true,
      errors: null,
    });
    expect(lock.images[`${registry.host}/team/box:1`].digest).toBe(first);
    expect(await ocup('lock', '--check')).toMatchObject({ code: 0 });
  });

  test('keeps its image when the tag moves; outdated tells, and --update follows', async () => {
    const before = await readFile(lockFile, 'utf8');
    second = await publish('second');
    expect((await ocup('up')).stdout).toContain('| first');
    expect(await ocup('pull')).toMatchObject({ code: 0 });
    expect((await ocup('lock')).stdout).toContain('0 added, 0 updated, 0 removed');
    expect(await readFile(lockFile, 'utf8')).toBe(before);
    const outdated = await ocup('outdated', '--exit-code', '--no-trunc');
    expect(outdated.code).toBe(1);
    expect(outdated.stdout).toMatch(new RegExp(`team/box:1 +${first} +${second} +box\n$`));
    expect((await ocup('lock', '--update', 'box')).stdout).toContain('1 updated');
    expect((await ocup('outdated', '--format', 'json')).stdout).toBe('');
    expect((await ocup('up')).stdout).toContain('| second');
  });

  test('that lacks an image is a warning, and with --locked an error', async () => {
    const text = await readFile(join(folder, 'compose.yaml'), 'utf8');
    await writeFile(
      join(folder, 'compose.yaml'),
      `${text}  other:\n    image: nowhere.example/x\n`,
    );
    expect((await ocup('plan')).stderr).toContain('nowhere.example/x is not in ocup.lock');
    expect(await ocup('plan', '--locked')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nowhere.example/x is not in ocup.lock'),
    });
    expect(await ocup('lock', '--check')).toMatchObject({ code: 1 });
    await writeFile(join(folder, 'compose.yaml'), text);
  });

  test('that is damaged is told with its place', async () => {
    const good = await readFile(lockFile, 'utf8');
    await writeFile(lockFile, good.replace('"digest"', '"digits"'));
    expect(await ocup('up')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ocup.lock'),
    });
    await writeFile(lockFile, good);
  });

  test('with its images here the project runs without any network', async () => {
    await ocup('down');
    await registry.stop();
    isStopped = true;
    expect(await ocup('--locked', 'pull')).toMatchObject({ code: 0 });
    const { code, stdout } = await ocup('--locked', 'up', '--pull', 'always');
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('| second'),
    });
    await rm(join(home.folder, 'layout-first'), { recursive: true });
  });
});
