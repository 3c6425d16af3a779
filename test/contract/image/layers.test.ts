import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { exportTree, findInLayers, removeTree } from '../../../src/native/trees.ts';
import { UnpackLab, text } from '../../support/unpack-lab.ts';

const lab = new UnpackLab();
beforeEach(() => lab.begin());
afterAll(() => lab.close());

describe('layers upon layers', () => {
  test('whiteouts and opaque folders hide what is below, and nothing else', async () => {
    const tree = await lab.merge(
      [
        { path: 'gone', content: 'x' },
        { path: 'stays', content: 'x' },
        { path: 'd/', type: '5' },
        { path: 'd/low', content: 'x' },
        { path: 'e/', type: '5' },
        { path: 'e/f', content: 'x' },
      ],
      [
        { path: '.wh.gone', content: '' },
        { path: 'd/new', content: 'new' },
        { path: 'd/.wh..wh..opq', content: '' },
        { path: '.wh.e', content: '' },
        { path: '.wh.never-was', content: '' },
      ],
    );
    expect((await readdir(tree)).sort()).toEqual(['d', 'stays']);
    expect(await readdir(join(tree, 'd'))).toEqual(['new']);
  });

  test('a whiteout never removes what its own layer added', async () => {
    for (const members of [
      [
        { path: 'f', content: 'new' },
        { path: '.wh.f', content: '' },
        { path: 'd/x', content: 'new' },
        { path: '.wh.d', content: '' },
      ],
      [
        { path: '.wh.f', content: '' },
        { path: 'f', content: 'new' },
        { path: '.wh.d', content: '' },
        { path: 'd/x', content: 'new' },
      ],
    ]) {
      await removeTree(lab.folder);
      await mkdir(lab.folder);
      const tree = await lab.merge(
        [
          { path: 'f', content: 'old' },
          { path: 'd/old', content: 'old' },
        ],
        members,
      );
      expect(await text(join(tree, 'f'))).toBe('new');
      expect(await readdir(join(tree, 'd'))).toEqual(['x']);
    }
  });

  test('a folder that a layer does not speak of is that of the layers below', async () => {
    const tree = await lab.merge(
      [
        { path: './', type: '5', mode: 0o711, mtime: 3 },
        {
          path: 'tmp/',
          type: '5',
          mode: 0o1777,
          uid: 4,
          gid: 5,
          mtime: 77,
          pax: { 'SCHILY.xattr.user.k': 'v' },
        },
      ],
      [{ path: 'tmp/x', content: 'x' }],
      [{ path: 'tmp/.wh.x', content: '' }],
    );
    expect((await lstat(join(tree, 'tmp'))).mode & 0o7777).toBe(0o1777);
    expect(await lstat(join(tree, 'tmp'))).toMatchObject({ uid: 4, gid: 5, mtimeMs: 77_000 });
    expect((await lstat(tree)).mode & 0o7777).toBe(0o711);
    expect(await lstat(tree)).toMatchObject({ mtimeMs: 3000 });
    expect(await readdir(join(tree, 'tmp'))).toEqual([]);
  });

  test('a folder nobody speaks of is 0755, root and from 1970, so that trees are the same each time', async () => {
    const tree = await lab.merge([{ path: 'a/b/c', content: 'x' }]);
    for (const name of ['', 'a', 'a/b']) {
      expect(await lstat(join(tree, name))).toMatchObject({ uid: 0, gid: 0, mtimeMs: 0 });
      expect((await lstat(join(tree, name))).mode & 0o7777).toBe(0o755);
    }
  });

  test('files behind a link of a lower layer go where it leads', async () => {
    const tree = await lab.merge(
      [
        { path: 'usr/lib/', type: '5', mode: 0o711 },
        { path: 'usr/lib/old', content: 'old' },
        { path: 'lib', type: '2', link: 'usr/lib' },
        { path: 'lib64', type: '2', link: '/lib' },
      ],
      [
        { path: 'lib/new', content: 'new' },
        { path: 'lib/sub/deep', content: 'deep' },
        { path: 'lib64/other', content: 'other' },
        { path: 'usr/lib/direct', content: 'direct' },
        { path: 'lib/.wh.old', content: '' },
      ],
    );
    expect((await lstat(join(tree, 'lib'))).isSymbolicLink()).toBe(true);
    expect((await readdir(join(tree, 'usr/lib'))).sort()).toEqual([
      'direct',
      'new',
      'other',
      'sub',
    ]);
    expect((await lstat(join(tree, 'usr/lib'))).mode & 0o777).toBe(0o711);
  });

  test('a folder replaces a link below, and hides nothing but that', async () => {
    const tree = await lab.merge(
      [
        { path: 'usr/lib/x', content: 'x' },
        { path: 'lib', type: '2', link: 'usr/lib' },
      ],
      [
        { path: 'lib/', type: '5' },
        { path: 'lib/y', content: 'y' },
      ],
    );
    expect(await readdir(join(tree, 'lib'))).toEqual(['y']);
    expect(await readdir(join(tree, 'usr/lib'))).toEqual(['x']);
  });

  test('hard links to files below share one file, which is a copy', async () => {
    const tree = await lab.merge(
      [
        { path: 'd/', type: '5', mode: 0o700, mtime: 10 },
        {
          path: 'd/a',
          content: 'a',
          mode: 0o4711,
          uid: 3,
          gid: 4,
          mtime: 11,
          pax: { 'SCHILY.xattr.user.k': 'v' },
        },
        { path: 'l', type: '2', link: 'd' },
      ],
      [
        { path: 'b', type: '1', link: 'd/a' },
        { path: 'c', type: '1', link: 'b' },
        { path: 'e', type: '1', link: 'l/a' },
      ],
    );
    const a = await lstat(join(tree, 'd/a'));
    expect(a).toMatchObject({ nlink: 4, uid: 3, gid: 4, mtimeMs: 11_000 });
    expect(a.mode & 0o7777).toBe(0o4711);
    for (const name of ['b', 'c', 'e']) expect((await lstat(join(tree, name))).ino).toBe(a.ino);
    expect(await lstat(join(tree, 'd'))).toMatchObject({ mtimeMs: 10_000 });
  });

  test('a file replaces a folder below, a folder a file', async () => {
    const tree = await lab.merge(
      [
        { path: 'd/x', content: 'x' },
        { path: 'f', content: 'f' },
      ],
      [
        { path: 'd', content: 'file' },
        { path: 'f/y', content: 'y' },
      ],
      [
        { path: 'd/', type: '5' },
        { path: 'd/z', content: 'z' },
      ],
    );
    expect(await readdir(join(tree, 'd'))).toEqual(['z']);
    expect(await readdir(join(tree, 'f'))).toEqual(['y']);
  });

  test('overlayfs shows the same tree as the export', async () => {
    const layers = await lab.unpackLayers(
      [
        { path: 'usr/lib/a', content: 'a' },
        { path: 'lib', type: '2', link: 'usr/lib' },
        { path: 'gone/x', content: 'x' },
        { path: 'opaque/low', content: 'low' },
        { path: 'h', content: 'h' },
      ],
      [
        { path: 'lib/b', content: 'b' },
        { path: '.wh.gone', content: '' },
        { path: 'opaque/.wh..wh..opq', content: '' },
        { path: 'opaque/high', content: 'high' },
        { path: 'i', type: '1', link: 'h' },
      ],
      [
        { path: 'gone/new', content: 'new' },
        { path: '.wh.h', content: '' },
      ],
    );
    const [target, mount] = [join(lab.folder, 'plain'), join(lab.folder, 'mount')];
    await mkdir(target);
    await mkdir(mount);
    await exportTree(layers, target);
    const script = `mount -t overlay overlay -o lowerdir=${layers.join(':')} ${mount} && cd ${mount} && find . -printf '%p %y %m %U %G %T@ %l\\n' | sort`;
    const shown = execFileSync('unshare', [
      '-m',
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
    ]).toString();
    const plain = execFileSync('sh', [
      '-c',
      `cd ${target} && find . -printf '%p %y %m %U %G %T@ %l\\n' | sort`,
    ]).toString();
    expect(plain).toBe(shown);
    expect(await readdir(join(target, 'gone'))).toEqual(['new']);
  });
});

describe('looking into layers', () => {
  test('links resolve inside, and what is hidden is not found', async () => {
    const layers = await lab.unpackLayers(
      [
        { path: 'etc/passwd', content: 'low' },
        { path: 'etc/group', content: 'low' },
        { path: 'up', type: '2', link: '../../../etc' },
        { path: 'loop', type: '2', link: 'loop' },
      ],
      [
        { path: 'etc/passwd', content: 'high' },
        { path: 'etc/.wh.group', content: '' },
      ],
    );
    const found = await findInLayers(layers, '/up/passwd');
    expect(found).toMatchObject({ layer: 0, path: 'etc/passwd', sizeBytes: 4 });
    expect(await findInLayers(layers, 'etc/group')).toBeUndefined();
    expect(await findInLayers(layers, 'loop')).toBeUndefined();
    expect((await findInLayers(layers, 'loop', { followsLast: false }))?.path).toBe('loop');
    expect(await findInLayers(layers, 'etc/passwd/x')).toBeUndefined();
    expect((await findInLayers(layers, '/'))?.path).toBe('');
  });
});
