import { lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../src/base/errors.ts';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type TarMember,
  padded,
  withChecksum,
  writeHeader,
  writePaxRecords,
  writeTar,
} from '../../support/tar-writer.ts';
import { randomLayers } from '../../support/random-layers.ts';
import { UnpackLab, text } from '../../support/unpack-lab.ts';

const lab = new UnpackLab();
beforeEach(() => lab.begin());
afterAll(() => lab.close());

describe('hostile layers', () => {
  const outside = join(lab.top, 'outside');

  beforeEach(async () => {
    await mkdir(outside, { recursive: true });
    await writeFile(join(outside, 'victim'), 'safe');
  });

  const attacks: [string, TarMember[]][] = [
    ['a name with ..', [{ path: '../outside/victim', content: 'bad' }]],
    ['a name with .. in the middle', [{ path: 'a/../../outside/victim', content: 'bad' }]],
    ['an absolute name', [{ path: join(outside, 'victim'), content: 'bad' }]],
    [
      'a symbolic link as parent',
      [
        { path: 'l', type: '2', link: outside },
        { path: 'l/victim', content: 'bad' },
      ],
    ],
    [
      'a relative symbolic link as parent',
      [
        { path: 'l', type: '2', link: '../../outside' },
        { path: 'l/victim', content: 'bad' },
      ],
    ],
    [
      'a chain of links',
      [
        { path: 'a', type: '2', link: 'b' },
        { path: 'b', type: '2', link: '../../../..' },
        { path: `a${outside}/victim`, content: 'bad' },
      ],
    ],
    [
      'writing through a symbolic link at the end',
      [
        { path: 'l', type: '2', link: join(outside, 'victim') },
        { path: 'l', content: 'bad' },
      ],
    ],
    ['a hard link out of it', [{ path: 'h', type: '1', link: '../outside/victim' }]],
    [
      'a hard link through a symbolic link',
      [
        { path: 'l', type: '2', link: outside },
        { path: 'h', type: '1', link: 'l/victim' },
        { path: 'h', content: 'bad' },
      ],
    ],
    [
      'a whiteout through a symbolic link',
      [
        { path: 'l', type: '2', link: outside },
        { path: 'l/.wh.victim', content: '' },
      ],
    ],
    ['a whiteout of ..', [{ path: 'a/.wh...', content: '' }]],
    [
      'a device as parent',
      [
        { path: 'null', type: '3', device: [1, 3] },
        { path: 'null/x', content: 'bad' },
      ],
    ],
    [
      'a pipe as parent',
      [
        { path: 'p', type: '6' },
        { path: 'p/x', content: 'bad' },
      ],
    ],
    [
      'a folder that is a link to outside',
      [
        { path: 'l', type: '2', link: outside },
        { path: 'l/', type: '5', mode: 0o777 },
      ],
    ],
    [
      'a sparse name',
      [
        {
          path: 'x',
          content: '',
          pax: {
            'GNU.sparse.name': '../outside/victim',
            'GNU.sparse.map': '',
            'GNU.sparse.size': '0',
          },
        },
      ],
    ],
  ];

  test.each(attacks)('%s writes nothing outside', async (_, members) => {
    const before = await lstat(outside);
    const base = [{ path: 'base', content: 'x' }];
    await lab.unpackLayers(base, members).catch(() => undefined);
    expect(await text(join(outside, 'victim'))).toBe('safe');
    expect(await readdir(outside)).toEqual(['victim']);
    expect(await lstat(join(outside, 'victim'))).toMatchObject({ nlink: 1 });
    expect((await lstat(outside)).mode).toBe(before.mode);
  });

  test.each<[string, TarMember[], RegExp]>([
    ['a name above the top', [{ path: '../x', content: '' }], /leads out of it/],
    ['a name of 64 KiB', [{ path: 'n/'.repeat(32_768), type: '5' }], /longer than 4095/],
    ['one name of 300 bytes', [{ path: 'n'.repeat(300), content: '' }], /name too long/i],
    [
      'a loop of links',
      [
        { path: 'a', type: '2', link: 'a' },
        { path: 'a/x', content: '' },
      ],
      /symbolic links/,
    ],
    ['a device 0:0', [{ path: 'w', type: '3', device: [0, 0] }], /would remove a file/],
    ['a hard link to nothing', [{ path: 'h', type: '1', link: 'missing' }], /has no target/],
    [
      'a hard link to a folder',
      [
        { path: 'd/', type: '5' },
        { path: 'h', type: '1', link: 'd' },
      ],
      /link h/,
    ],
    ['a file as top', [{ path: '.', content: 'x' }], /top folder/],
    ['an unknown type', [{ path: 'x', type: 'Q' }], /unknown type/],
    ['a huge extended header', [{ path: 'x', type: 'x', size: 100_000_000 }], /larger than 4 MiB/],
    ['a NUL in a name', [{ path: 'x', pax: { path: 'a\0b' }, content: '' }], /NUL/],
  ])('%s is refused with its reason', async (_, members, message) => {
    await expect(lab.unpackLayers(members)).rejects.toThrow(message);
  });

  test('more bytes or entries than allowed are refused before they are written', async () => {
    const big = writeTar([{ path: 'x', content: Buffer.alloc(2000) }]);
    const limits = { maxBytes: 1000, maxEntries: 2 };
    await expect(lab.unpackBytes(big, [], limits)).rejects.toMatchObject({ code: 'LAYER_LIMIT' });
    const many = writeTar(['a', 'b', 'c'].map((path) => ({ path, content: '' })));
    await expect(lab.unpackBytes(many, [], limits)).rejects.toThrow(/more than 2 entries/);
    const hole = writeHeader({ path: 'hole', type: 'S' }, 0);
    hole.write('77777777777\0', 483, 12, 'latin1');
    await expect(lab.unpackBytes(withChecksum(hole), [], limits)).rejects.toMatchObject({
      code: 'LAYER_LIMIT',
    });
  });

  test('damaged headers and records are refused', async () => {
    const header = writeHeader({ path: 'a' }, 0);
    header[0] = 0x62;
    await expect(lab.unpackBytes(header, [])).rejects.toThrow(/header is damaged/);
    for (const records of ['x', '5 a=b\n', '99 a=b\n', '6 =aaa\n', '8 size=x\n', '11 mtime=x.\n']) {
      const content = Buffer.from(records);
      const bytes = Buffer.concat([
        writeHeader({ path: 'p', type: 'x' }, content.length),
        padded(content),
        writeTar([{ path: 'a', content: '' }]),
      ]);
      await expect(lab.unpackBytes(bytes, [])).rejects.toMatchObject({ code: 'LAYER_FORMAT' });
    }
    expect(writePaxRecords({ path: 'abc' }).toString()).toBe('12 path=abc\n');
  });

  test('archives damaged at random end in a layer or an error, and write nothing outside', async () => {
    const random = (below: number): number => Math.floor(Math.random() * below);
    for (let run = 0; run < 200; run += 1) {
      const seed = random(2 ** 31);
      const bytes = writeTar(randomLayers(seed).flat());
      for (let count = 1 + random(5); count > 0; count -= 1) {
        const at = random(bytes.length / 512) * 512 + random(512);
        bytes[at] = random(256);
        if (random(2) === 0) withChecksum(bytes.subarray(at - (at % 512), at - (at % 512) + 512));
      }
      await lab.unpackBytes(bytes).catch((error: unknown) => {
        expect(messageOf(error)).not.toBe('');
      });
    }
    expect(await readdir(outside)).toEqual(['victim']);
  });
});
