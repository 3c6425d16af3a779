import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { VolumeConfig } from '../../../src/model/network.ts';
import { Volumes } from '../../../src/supervisor/volumes.ts';

let folder = '';
let users: readonly string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-volumes-'));
  users = [];
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const open = (damaged: string[] = []) => Volumes.open(folder, () => users, damaged);

function config(name: string, changes: Partial<VolumeConfig> = {}): VolumeConfig {
  return { name, driver: 'local', driverOptions: {}, labels: {}, ...changes };
}

describe('Volumes', () => {
  test('are there again after a restart', async () => {
    const { volume } = await (await open()).create(config('data', { labels: { a: 'b' } }));
    await writeFile(join(volume.path, 'file'), 'kept');
    expect((await open()).list()).toEqual([volume]);
  });

  test('making one that is there gives it as it is', async () => {
    const volumes = await open();
    const [first, second] = await Promise.all([
      volumes.create(config('data')),
      volumes.create(config('data')),
    ]);
    expect([first.isNew, second.isNew].sort()).toEqual([false, true]);
    expect(first.volume).toBe(second.volume);
  });

  test('one that is used is not removed', async () => {
    const volumes = await open();
    await volumes.create(config('data'));
    users = ['web'];
    await expect(volumes.remove('data')).rejects.toMatchObject({ code: 'E_VOLUME_IN_USE' });
    users = [];
    await volumes.remove('data');
    expect(existsSync(join(folder, 'volumes', 'data'))).toBe(false);
    await expect(volumes.remove('data')).rejects.toMatchObject({ code: 'E_VOLUME_NOT_FOUND' });
  });

  test('one that binds a folder leaves the folder when it is removed', async () => {
    const volumes = await open();
    const device = join(folder, 'device');
    const options = { type: 'none', o: 'bind', device };
    await expect(volumes.create(config('bound', { driverOptions: options }))).rejects.toMatchObject(
      { code: 'E_VOLUME_INVALID' },
    );
    await (await open()).create(config('plain'));
    await writeFile(join(folder, 'volumes', 'plain', '_data', 'x'), '');
    const existing = { ...options, device: join(folder, 'volumes', 'plain', '_data') };
    const { volume } = await volumes.create(config('bound', { driverOptions: existing }));
    expect(volume.path).toBe(existing.device);
    expect((await open()).find('bound')?.path).toBe(existing.device);
    await volumes.remove('bound');
    expect(existsSync(join(existing.device, 'x'))).toBe(true);
  });

  test.each([
    [config('a/b')],
    [config('')],
    [config('x', { driver: 'nfs' })],
    [config('x', { driverOptions: { type: 'nfs', o: 'addr=host', device: ':/x' } })],
    [config('x', { driverOptions: { type: 'tmpfs', device: 'tmpfs' } })],
    [config('x', { driverOptions: { nonsense: '1' } })],
  ])('%j is refused', async (refused) => {
    const create = (await open()).create(refused);
    await expect(create).rejects.toMatchObject({ code: 'E_VOLUME_INVALID' });
  });

  test('a damaged record is set aside, and its content is neither lost nor used', async () => {
    const { volume } = await (await open()).create(config('data'));
    await writeFile(join(volume.path, 'file'), 'kept');
    await writeFile(join(folder, 'volumes', 'data', 'volume.json'), '{');
    for (const count of [1, 0]) {
      const damaged: string[] = [];
      const volumes = await open(damaged);
      expect(damaged).toHaveLength(count);
      expect(volumes.find('data')).toBeUndefined();
      await expect(volumes.create(config('data'))).rejects.toMatchObject({
        code: 'E_RECORD_DAMAGED',
      });
    }
    expect(existsSync(join(volume.path, 'file'))).toBe(true);
  });
});
