import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readFile, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startUnpack } from '../../../src/native/layers.ts';
import { compress, digestOf } from '../../support/image-fixture.ts';
import { padded, withChecksum, writeHeader, writeTar } from '../../support/tar-writer.ts';
import { LIMITS, UnpackLab, text } from '../../support/unpack-lab.ts';

const lab = new UnpackLab();
beforeEach(() => lab.begin());
afterAll(() => lab.close());

describe('decompression', () => {
  const tar = writeTar([
    { path: 'a', content: Buffer.alloc(300_000, 'abc') },
    { path: 'b', content: 'b' },
  ]);

  test.each(['gzip', 'zstd', 'none'] as const)(
    '%s is recognised by its first bytes',
    async (how) => {
      const { path, diffId } = await lab.unpackBytes(compress(tar, how), []);
      expect(await text(join(path, 'b'))).toBe('b');
      expect(diffId).toBe(digestOf(tar));
    },
  );

  test.each(['gzip', 'zstd'] as const)('%s of several parts cut anywhere', async (how) => {
    for (const cut of [1, 511, 700, 150_000]) {
      const parts = [tar.subarray(0, cut), tar.subarray(cut, cut + 3), tar.subarray(cut + 3)];
      const bytes = Buffer.concat(parts.map((part) => compress(part, how)));
      const path = join(lab.folder, `cut-${cut}`);
      await mkdir(path);
      const unpack = startUnpack({
        source: undefined,
        blob: undefined,
        target: path,
        isBase: true,
        limits: LIMITS,
      });
      for (let at = 0; at < bytes.length; at += 7) await unpack.push(bytes.subarray(at, at + 7));
      unpack.end();
      expect((await unpack.result).diffId).toBe(digestOf(tar));
    }
  });

  test('a skippable frame in front of zstd is passed over', async () => {
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
    const { diffId } = await lab.unpackBytes(Buffer.concat([skippable, compress(tar, 'zstd')]), []);
    expect(diffId).toBe(digestOf(tar));
  });

  test.each([
    ['gzip that ends early', compress(tar, 'gzip').subarray(0, -5), 'ends early'],
    ['zstd that ends early', compress(tar, 'zstd').subarray(0, -5), 'ends early'],
    ['gzip with a wrong checksum', flipLast(compress(tar, 'gzip'), 6), 'checksum'],
    [
      'something behind gzip',
      Buffer.concat([compress(tar, 'gzip'), Buffer.from('more')]),
      'damaged|behind',
    ],
    ['an archive that ends early', tar.subarray(0, 1000), 'ends early'],
    ['something else', Buffer.from('<html>not a layer</html>'.repeat(100)), 'not a tar archive'],
  ])('%s is an error', async (_, bytes, message) => {
    await expect(lab.unpackBytes(bytes, [])).rejects.toThrow(new RegExp(message));
  });

  test('zeros behind gzip are padding', async () => {
    const bytes = Buffer.concat([compress(tar, 'gzip'), Buffer.alloc(5000)]);
    expect((await lab.unpackBytes(bytes, [])).diffId).toBe(digestOf(tar));
  });

  test('an empty layer is a layer', async () => {
    expect((await lab.unpackBytes(writeTar([]), [])).diffId).toBe(digestOf(writeTar([])));
    expect((await lab.unpackBytes(Buffer.alloc(0), [])).diffId).toBe(digestOf(Buffer.alloc(0)));
  });
});

describe('members of an archive', () => {
  test('files, folders, links, devices and pipes come as they are described', async () => {
    const [path = ''] = await lab.unpackLayers([
      { path: './', type: '5', mode: 0o751, mtime: 5 },
      { path: 'd/', type: '5', mode: 0o1777, uid: 7, gid: 8, mtime: 1_000_000_000 },
      { path: 'd/f', content: 'content', mode: 0o640, uid: 1000, gid: 1001, mtime: 1 },
      { path: 'd/suid', content: 'x', mode: 0o6755, uid: 1, gid: 1 },
      { path: 'd/hard', type: '1', link: 'd/f' },
      { path: 'd/soft', type: '2', link: '../nowhere', uid: 5, gid: 6, mtime: 9 },
      { path: 'd/null', type: '3', device: [1, 3], mode: 0o666 },
      { path: 'd/disk', type: '4', device: [7, 300], mode: 0o660, gid: 6 },
      { path: 'd/pipe', type: '6', mode: 0o622 },
    ]);
    const stat = (name: string) => lstat(join(path, name));
    expect((await stat('')).mode & 0o7777).toBe(0o751);
    expect((await stat('')).mtimeMs).toBe(5000);
    expect(await stat('d')).toMatchObject({ uid: 7, gid: 8, mtimeMs: 1e12 });
    expect((await stat('d')).mode & 0o7777).toBe(0o1777);
    expect(await stat('d/f')).toMatchObject({ uid: 1000, gid: 1001, mtimeMs: 1000, nlink: 2 });
    expect((await stat('d/suid')).mode & 0o7777).toBe(0o6755);
    expect((await stat('d/hard')).ino).toBe((await stat('d/f')).ino);
    expect(await readlink(join(path, 'd/soft'))).toBe('../nowhere');
    expect(await stat('d/soft')).toMatchObject({ uid: 5, gid: 6, mtimeMs: 9000 });
    expect((await stat('d/null')).isCharacterDevice()).toBe(true);
    expect((await stat('d/null')).rdev).toBe(0x103);
    expect((await stat('d/null')).mode & 0o777).toBe(0o666);
    expect((await stat('d/disk')).isBlockDevice()).toBe(true);
    expect((await stat('d/pipe')).isFIFO()).toBe(true);
    expect((await stat('d/pipe')).mode & 0o777).toBe(0o622);
  });

  test('pax records: names, times below a second, attributes, owners beyond octal', async () => {
    const long = `${'long-folder-name/'.repeat(20)}file`;
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    const [path = ''] = await lab.unpackLayers([
      {
        path: long,
        content: 'x',
        pax: {
          mtime: '1234567890.123456789',
          uid: '3000000',
          gid: '4000000',
          'SCHILY.xattr.user.binary': Buffer.from([1, 0, 2, 10, 255]),
          'SCHILY.xattr.security.capability': capability,
          'SCHILY.xattr.trusted.overlay.opaque': 'y',
        },
      },
      { path: 'old', content: '', pax: { mtime: '-1.5' } },
    ]);
    const found = await lstat(join(path, long), { bigint: true });
    expect(found).toMatchObject({
      uid: 3_000_000n,
      gid: 4_000_000n,
      mtimeNs: 1234567890123456789n,
    });
    expect((await lstat(join(path, 'old'), { bigint: true })).mtimeNs).toBe(-1_500_000_000n);
    const dump = execFileSync('python3', [
      '-c',
      'import os,sys; print({n: os.getxattr(sys.argv[1], n).hex() for n in sorted(os.listxattr(sys.argv[1]))})',
      join(path, long),
    ]).toString();
    expect(dump.trim()).toBe(
      `{'security.capability': '${capability.toString('hex')}', 'user.binary': '0100020aff'}`,
    );
  });

  test('GNU long names and links', async () => {
    const long = 'n'.repeat(150);
    const target = 't'.repeat(180);
    const bytes = Buffer.concat([
      writeHeader({ path: '././@LongLink', type: 'L' }, 151),
      padded(Buffer.from(`${long}\0`)),
      writeHeader({ path: '././@LongLink', type: 'K' }, 181),
      padded(Buffer.from(`${target}\0`)),
      writeHeader({ path: 'cut', type: '2', link: 'cut' }, 0),
      Buffer.alloc(1024),
    ]);
    const { path } = await lab.unpackBytes(bytes, []);
    expect(await readlink(join(path, long))).toBe(target);
  });

  test('sizes beyond octal are base 256', async () => {
    const header = writeHeader({ path: 'f' }, 0);
    header.fill(0, 124, 136);
    header[124] = 0x80;
    header[135] = 3;
    const { path } = await lab.unpackBytes(
      Buffer.concat([withChecksum(header), padded(Buffer.from('abc')), Buffer.alloc(1024)]),
      [],
    );
    expect(await text(join(path, 'f'))).toBe('abc');
  });

  test('sparse files of all forms have their holes', async () => {
    const map = 'a'.repeat(10);
    const gnu = writeHeader({ path: 'gnu', type: 'S' }, 20);
    gnu.write('ustar  \0', 257, 8, 'latin1');
    const octal = (value: number): string => `${value.toString(8).padStart(11, '0')}\0`;
    gnu.write(octal(0) + octal(10) + octal(100_000) + octal(10), 386, 48, 'latin1');
    gnu.write(octal(200_000), 483, 12, 'latin1');
    const pax10 = padded(Buffer.from('2\n0\n10\n100000\n10\n'));
    const sparse = (version: Record<string, string>): Record<string, string> => ({
      'GNU.sparse.size': '200000',
      ...version,
    });
    const bytes = Buffer.concat([
      withChecksum(gnu),
      padded(Buffer.from(map + map)),
      writeTar(
        [
          {
            path: 'GNUSparseFile.0/pax01',
            content: map + map,
            pax: sparse({
              'GNU.sparse.map': '0,10,100000,10',
              'GNU.sparse.name': 'pax01',
              'GNU.sparse.numblocks': '2',
            }),
          },
          {
            path: 'GNUSparseFile.0/pax10',
            content: Buffer.concat([pax10, Buffer.from(map + map)]),
            pax: {
              'GNU.sparse.major': '1',
              'GNU.sparse.minor': '0',
              'GNU.sparse.name': 'pax10',
              'GNU.sparse.realsize': '200000',
            },
          },
          { path: 'after', content: 'after' },
        ],
        { end: true },
      ),
    ]);
    const { path } = await lab.unpackBytes(bytes, []);
    const expected = Buffer.alloc(200_000);
    expected.write(map, 0);
    expected.write(map, 100_000);
    for (const name of ['gnu', 'pax01', 'pax10']) {
      expect((await readFile(join(path, name))).equals(expected)).toBe(true);
      expect((await lstat(join(path, name))).blocks * 512).toBeLessThan(100_000);
    }
    expect(await text(join(path, 'after'))).toBe('after');
  });

  test('sparse archives of GNU tar itself', async () => {
    const source = join(lab.folder, 'source');
    await mkdir(source);
    const content = Buffer.alloc(5_000_000);
    for (let at = 0; at < 60; at += 1) content.write(`part ${at}`, at * 80_000 + 4096);
    await writeFile(join(source, 'big'), content);
    execFileSync('fallocate', ['-d', join(source, 'big')]);
    for (const options of [
      ['--format=gnu'],
      ['--format=posix', '--sparse-version=0.0'],
      ['--format=posix', '--sparse-version=0.1'],
      ['--format=posix', '--sparse-version=1.0'],
    ]) {
      const tar = execFileSync('tar', ['-S', ...options, '-C', source, '-cf', '-', 'big'], {
        maxBuffer: 1e8,
      });
      expect(tar.length).toBeLessThan(1_000_000);
      const { path } = await lab.unpackBytes(tar, []);
      expect((await readFile(join(path, 'big'))).equals(content)).toBe(true);
    }
  });

  test('a later member replaces an earlier one, folders by files and back', async () => {
    const [path = ''] = await lab.unpackLayers([
      { path: 'a', content: 'first' },
      { path: 'a', content: 'second' },
      { path: 'b/c/d', content: 'x' },
      { path: 'b', content: 'a file now' },
      { path: 'e', content: 'x' },
      { path: 'e/', type: '5', mode: 0o700 },
      { path: 'e/f', content: 'f' },
      { path: 'g', type: '2', link: 'e' },
      { path: 'g/', type: '5' },
      { path: 'g/h', content: 'h' },
    ]);
    expect(await text(join(path, 'a'))).toBe('second');
    expect(await text(join(path, 'b'))).toBe('a file now');
    expect(await text(join(path, 'e/f'))).toBe('f');
    expect((await lstat(join(path, 'g'))).isDirectory()).toBe(true);
    expect(await readdir(join(path, 'e'))).toEqual(['f']);
  });

  test('files behind a symbolic link go where it leads inside the layer', async () => {
    const [path = ''] = await lab.unpackLayers([
      { path: 'usr/lib/', type: '5' },
      { path: 'lib', type: '2', link: 'usr/lib' },
      { path: 'lib/x', content: 'x' },
      { path: 'abs', type: '2', link: '/usr/share' },
      { path: 'abs/y', content: 'y' },
    ]);
    expect(await text(join(path, 'usr/lib/x'))).toBe('x');
    expect(await text(join(path, 'usr/share/y'))).toBe('y');
    expect((await lstat(join(path, 'abs'))).isSymbolicLink()).toBe(true);
  });
});

describe('giving up', () => {
  test('cancelling ends a layer that waits for more', async () => {
    const unpack = startUnpack({
      source: undefined,
      blob: join(lab.folder, 'blob'),
      target: lab.folder,
      isBase: true,
      limits: LIMITS,
    });
    await unpack.push(Buffer.alloc(100));
    unpack.cancel();
    await expect(unpack.result).rejects.toMatchObject({ code: 'LAYER_CANCELLED' });
    await unpack.push(Buffer.alloc(100));
  });

  test('a system error names call and path', async () => {
    const unpack = startUnpack({
      source: join(lab.folder, 'missing'),
      blob: undefined,
      target: lab.folder,
      isBase: true,
      limits: LIMITS,
    });
    await expect(unpack.result).rejects.toMatchObject({
      code: 'ENOENT',
      errno: 2,
      syscall: 'open',
      path: join(lab.folder, 'missing'),
    });
  });

  test('bytes that nobody takes hold the source back', async () => {
    const layer = compress(writeTar([{ path: 'x', content: Buffer.alloc(40e6) }]), 'none');
    const unpack = startUnpack({
      source: undefined,
      blob: join(lab.folder, 'blob'),
      target: lab.folder,
      isBase: true,
      limits: LIMITS,
    });
    let isHeld = false;
    for (let at = 0; at < layer.length; at += 1e6) {
      const pushed = unpack.push(layer.subarray(at, at + 1e6));
      isHeld ||=
        (await Promise.race([pushed.then(() => 'taken'), Promise.resolve('held')])) === 'held';
      await pushed;
    }
    unpack.end();
    expect((await unpack.result).size).toBe(layer.length);
    expect(isHeld).toBe(true);
  });
});

function flipLast(bytes: Buffer, from: number): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.length - from;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
