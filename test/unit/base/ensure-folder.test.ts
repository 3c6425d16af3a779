import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ensureFolder } from '../../../src/base/ensure-folder.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-folder-'));
});

afterEach(() => rm(folder, { recursive: true }));

test('makes what is missing, and takes what is there, be it behind a link', async () => {
  await ensureFolder(join(folder, 'a/b/c'));
  await ensureFolder(join(folder, 'a/b/c'));
  await symlink('a', join(folder, 'link'));
  await ensureFolder(join(folder, 'link/b/d'));
  expect((await stat(join(folder, 'a/b/d'))).isDirectory()).toBe(true);
});

test('a file in the way, a dangling link and a file system without folders are errors, not an endless loop', async () => {
  await writeFile(join(folder, 'file'), '');
  await symlink('nowhere', join(folder, 'dangling'));
  await expect(ensureFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(ensureFolder(join(folder, 'file/x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(ensureFolder(join(folder, 'dangling'))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(ensureFolder('/proc/none')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(ensureFolder('/proc/none/x')).rejects.toMatchObject({ code: 'ENOENT' });
});
