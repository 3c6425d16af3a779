import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { type ShimOptions, TestShim } from './shim-fixture.ts';

/** A shim whose volume is to be filled with `/data` of the image, which `prepare` makes. */
function withVolume(prepare: (data: string, rootfs: string) => void, source = '/data'): TestShim {
  let volume = '';
  const shim = new TestShim({
    copyUps: [
      {
        source,
        get volume() {
          return volume;
        },
      },
    ],
    prepare(rootfs, folder) {
      volume = join(folder, 'volume');
      mkdirSync(volume);
      mkdirSync(join(rootfs, 'data'));
      prepare(join(rootfs, 'data'), rootfs);
    },
  });
  return shim;
}

const volumeOf = (shim: TestShim): string => join(shim.folder, 'volume');

/** Node has no door to extended attributes. */
function python(script: string, path: string): string {
  return execFileSync('python3', ['-c', `import os, sys; ${script}`, path], { encoding: 'utf8' });
}

describe('the root', () => {
  test('is written to the upper folder only, and gone with the shim', async () => {
    await using shim = await TestShim.run({ command: 'echo x > /made; sleep 1000' });
    await shim.exec('while [ ! -e /made ]; do sleep 0.01; done');
    expect(readFileSync(join(shim.folder, 'upper/made'), 'utf8')).toBe('x\n');
    expect(readdirSync(join(shim.folder, 'image'))).not.toContain('made');
    expect(readdirSync(join(shim.config.bundle, 'rootfs'))).toEqual([]);
  });

  test('may have 120 layers with long names, the first on top', async () => {
    await using shim = await TestShim.run(manyLayers(120, 'n'.repeat(150)));
    expect((await shim.exec('cat /who; ls / | grep -c layer')).stdout).toBe('layer-0\n120\n');
  });

  test('may have folders whose names are no good as mount options', async () => {
    await using shim = await TestShim.run(manyLayers(3, 'a:b,c\\d'));
    expect((await shim.exec('cat /who')).stdout).toBe('layer-0\n');
  });

  test('may be this machine', async () => {
    await using shim = new TestShim({ command: ['/bin/busybox', 'sleep', '1000'] });
    const config = {
      ...shim.config,
      overlay: { ...shim.config.overlay, lower: ['/'] },
    };
    writeFileSync(join(shim.runFolder, 'shim.json'), JSON.stringify(config));
    expect(await shim.spawn()).toHaveProperty('pid');
    await shim.call('start');
    expect((await shim.exec(['/bin/busybox', 'test', '-e', '/etc/passwd'])).exitCode).toBe(0);
  });

  test('is left as it is without an overlay', async () => {
    await using shim = new TestShim({ overlay: undefined });
    execFileSync('cp', ['-aT', join(shim.folder, 'image'), join(shim.config.bundle, 'rootfs')]);
    expect(await shim.spawn()).toHaveProperty('pid');
    await shim.call('start');
    await shim.exec('echo x > /made');
    expect(readFileSync(join(shim.config.bundle, 'rootfs/made'), 'utf8')).toBe('x\n');
  });
});

describe('an empty volume', () => {
  test('gets content, owners, modes, times and links of the image', async () => {
    await using shim = withVolume((data) => {
      mkdirSync(join(data, 'deep/er'), { recursive: true });
      writeFileSync(join(data, 'deep/er/file'), 'text');
      linkSync(join(data, 'deep/er/file'), join(data, 'hard'));
      symlinkSync('/etc/passwd', join(data, 'soft'));
      execFileSync('mkfifo', [join(data, 'pipe')]);
      python('os.setxattr(sys.argv[1], "user.note", b"kept")', join(data, 'hard'));
      chownSync(join(data, 'hard'), 12, 34);
      chmodSync(join(data, 'hard'), 0o4711);
      utimesSync(join(data, 'hard'), 1000, 2000);
      utimesSync(join(data, 'deep'), 1000, 3000);
      chownSync(data, 56, 78);
      chmodSync(data, 0o1770);
      utimesSync(data, 1000, 4000);
    });
    expect(await shim.spawn()).toHaveProperty('pid');
    const volume = volumeOf(shim);
    expect(readdirSync(volume).sort()).toEqual(['deep', 'hard', 'pipe', 'soft']);
    const hard = statSync(join(volume, 'hard'));
    expect([hard.uid, hard.gid, hard.mode & 0o7777, hard.mtimeMs]).toEqual([
      12, 34, 0o4711, 2000000,
    ]);
    expect(statSync(join(volume, 'deep/er/file')).ino).toBe(hard.ino);
    expect(readFileSync(join(volume, 'hard'), 'utf8')).toBe('text');
    expect(readlinkSync(join(volume, 'soft'))).toBe('/etc/passwd');
    expect(lstatSync(join(volume, 'pipe')).isFIFO()).toBe(true);
    const note = python('print(os.getxattr(sys.argv[1], "user.note"))', join(volume, 'hard'));
    expect(note).toBe("b'kept'\n");
    expect(statSync(join(volume, 'deep')).mtimeMs).toBe(3000000);
    const top = statSync(volume);
    expect([top.uid, top.gid, top.mode & 0o7777, top.mtimeMs]).toEqual([56, 78, 0o1770, 4000000]);
  });

  test('gets what a symbolic link inside the root leads to, and never what is outside', async () => {
    await using shim = withVolume((data, rootfs) => {
      writeFileSync(join(data, 'inside'), '');
      symlinkSync('/data', join(rootfs, 'absolute'));
      symlinkSync('../../../../absolute', join(rootfs, 'escaping'));
    }, '/escaping');
    expect(await shim.spawn()).toHaveProperty('pid');
    expect(readdirSync(volumeOf(shim))).toEqual(['inside']);
  });

  test('stays empty where the image has no such folder', async () => {
    await using shim = withVolume(() => undefined, '/no/such');
    expect(await shim.spawn()).toHaveProperty('pid');
    expect(readdirSync(volumeOf(shim))).toEqual([]);
  });
});

describe('a volume', () => {
  test('that is not empty stays as it is', async () => {
    await using shim = withVolume((data) => {
      writeFileSync(join(data, 'new'), '');
      writeFileSync(join(data, '../../volume/old'), '');
    });
    expect(await shim.spawn()).toHaveProperty('pid');
    expect(readdirSync(volumeOf(shim))).toEqual(['old']);
  });

  test('whose copy was cut off is copied anew', async () => {
    await using shim = withVolume((data) => {
      writeFileSync(join(data, 'new'), 'whole');
      mkdirSync(join(data, '../../volume/.ocup-copy-up.partial/sub'), { recursive: true });
      writeFileSync(join(data, '../../volume/.ocup-copy-up.partial/sub/half'), '');
    });
    expect(await shim.spawn()).toHaveProperty('pid');
    expect(readdirSync(volumeOf(shim))).toEqual(['new']);
  });

  test('whose copy was whole but not in place is completed', async () => {
    await using shim = withVolume((data) => {
      writeFileSync(join(data, 'a'), '');
      const volume = join(data, '../../volume');
      writeFileSync(join(volume, 'a'), 'moved');
      mkdirSync(join(volume, '.ocup-copy-up'));
      writeFileSync(join(volume, '.ocup-copy-up/b'), 'to move');
    });
    expect(await shim.spawn()).toHaveProperty('pid');
    expect(readdirSync(volumeOf(shim)).sort()).toEqual(['a', 'b']);
    expect(readFileSync(join(volumeOf(shim), 'a'), 'utf8')).toBe('moved');
  });

  test('that cannot hold it is empty again, and the shim says why', async () => {
    await using shim = withVolume((data) => {
      writeFileSync(join(data, 'small'), 'x');
      writeFileSync(join(data, 'large'), Buffer.alloc(4 << 20, 1));
    });
    const volume = volumeOf(shim);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', volume]);
    try {
      const message: unknown = expect.stringContaining('No space left on device');
      expect(await shim.spawn()).toMatchObject({ error: { kind: 'mount', message } });
      await shim.shimEnded();
      expect(readdirSync(volume)).toEqual([]);
    } finally {
      execFileSync('umount', [volume]);
    }
  });
});

function manyLayers(count: number, name: string): ShimOptions {
  const lower: string[] = [];
  return {
    prepare(rootfs, folder) {
      for (let i = 0; i < count; i += 1) {
        const layer = join(folder, `${name}-${i}`);
        mkdirSync(layer);
        writeFileSync(join(layer, 'who'), `layer-${i}\n`);
        writeFileSync(join(layer, `layer-${i}`), '');
        lower.push(layer);
      }
      lower.push(rootfs);
    },
    get overlay() {
      const folder = join(lower.at(-1) ?? '', '..');
      return { lower, upper: join(folder, 'upper'), work: join(folder, 'work') };
    },
  };
}
