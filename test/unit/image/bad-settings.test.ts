import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { badSettings, readToml } from '../../../src/image/registry/settings/settings-file.ts';

test.each([
  'mirror "https://user:hunter22@mirror.example/a b" is not an address',
  'ftp://user:hunter22@mirror.example',
  'cannot use https://mirror.example/?token=hunter22',
])('an error of settings shows no login: %s', (reason) => {
  const { message } = badSettings('/etc/docker/daemon.json', reason);
  expect(message).toContain('/etc/docker/daemon.json');
  expect(message).toContain('mirror.example');
  expect(message).not.toContain('hunter22');
});

test('an error of TOML says the line and column', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ocup-settings-'));
  try {
    const path = join(folder, 'registries.conf');
    await writeFile(path, 'a = 1\nb = [');
    await expect(readToml(path)).rejects.toMatchObject({
      code: 'E_IMAGE_REGISTRY',
      message: expect.stringMatching(
        new RegExp(`^cannot read the settings in ${path}:2:\\d+: [a-z]`),
      ),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
