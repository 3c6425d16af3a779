import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadProject } from '../../../src/compose/load-project.ts';
import type { LoadOptions } from '../../../src/compose/load-options.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ocup-recall-'));
  write(
    'compose.yaml',
    'services: { web: { image: "web:${TAG:-1}", env_file: [{ path: web.env, required: false }] } }',
  );
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

const load = (changes: Partial<LoadOptions> = {}) =>
  loadProject({ workingDir: folder, environment: { HOME: '/root' }, ...changes });

const imageOf = async (changes: Partial<LoadOptions> = {}): Promise<string | undefined> =>
  (await load(changes)).services[0]?.container.image;

describe('a project that was loaded before', () => {
  test('is given again while nothing has changed', async () => {
    const first = await load();
    expect(await load()).toBe(first);
    expect(await load({ environment: { HOME: '/root' } })).toBe(first);
  });

  test.each<[string, () => void]>([
    ['the file itself', () => write('compose.yaml', 'services: { web: { image: "web:2" } }')],
    [
      'an override file that comes',
      () => write('compose.override.yaml', 'services: { web: { image: "web:2" } }'),
    ],
    ['.env that comes', () => write('.env', 'TAG=2')],
  ])('is loaded again after a change of %s', async (_, change) => {
    expect(await imageOf()).toBe('web:1');
    change();
    expect(await imageOf()).toBe('web:2');
  });

  test('is loaded again when a file of variables comes, changes and goes', async () => {
    const variable = async (): Promise<unknown> =>
      (await load()).services[0]?.container.environment['A'];
    expect(await variable()).toBeUndefined();
    write('web.env', 'A=1');
    expect(await variable()).toBe('1');
    write('web.env', 'A=2');
    expect(await variable()).toBe('2');
    rmSync(join(folder, 'web.env'));
    expect(await variable()).toBeUndefined();
  });

  test('is another one with another variable, another name or another folder', async () => {
    expect(await imageOf()).toBe('web:1');
    expect(await imageOf({ environment: { HOME: '/root', TAG: '3' } })).toBe('web:3');
    expect((await load({ projectName: 'other' })).name).toBe('other');
    mkdirSync(join(folder, 'sub'));
    const [here, below] = [await load(), await load({ workingDir: join(folder, 'sub') })];
    expect(below).not.toBe(here);
  });

  test('inputs of once are read each time', async () => {
    write('in', 'one');
    write('compose.yaml', 'services: { job: { image: job, x-ocup: { once: { inputs: [in] } } } }');
    const inputs = async (): Promise<unknown> => (await load()).services[0]?.once;
    const first = await inputs();
    write('in', 'two');
    expect(await inputs()).not.toEqual(first);
  });

  test('standard input is read each time', async () => {
    const given = (image: string): Partial<LoadOptions> => ({
      files: ['-'],
      stdin: () => Promise.resolve(`{ name: p, services: { a: { image: "${image}" } } }`),
    });
    expect(await imageOf(given('one'))).toBe('one');
    expect(await imageOf(given('two'))).toBe('two');
  });
});
