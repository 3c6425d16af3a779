import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Image } from '../../../src/model/image.ts';
import { addImage, layersOf } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { TestRegistry } from '../../support/test-registry.ts';

let home: ImagesHome;
let mirror: TestRegistry;
let other: TestRegistry;

beforeEach(async () => {
  home = new ImagesHome();
  mirror = await TestRegistry.start();
  other = await TestRegistry.start();
});

afterEach(async () => {
  await mirror.stop();
  await other.stop();
  await home.close();
});

/** Puts an image at `name` (`library/app:1`) into a registry. */
function serve(registry: TestRegistry, name: string): string {
  const layers = layersOf([{ path: 'name', content: name }]);
  const image = addImage(registry.store, { layers });
  registry.store.tags.set(name, image);
  return image.digest;
}

/** Settings below the user's own folder, `.config`. */
async function configure(path: string, text: string): Promise<void> {
  const file = join(home.folder, '.config', path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function pull(name: string, env: Record<string, string> = {}): Promise<Image> {
  await home.open({ env: { HOME: home.folder, PATH: process.env['PATH'], ...env } });
  return home.pull(name);
}

describe('aliases of registries.conf', () => {
  test('say where a short name is, which keeps its name, and the user is told', async () => {
    const digest = serve(mirror, 'team/app:1');
    await configure('containers/registries.conf', `[aliases]\n"app" = "${other.host}/no/app"\n`);
    await configure(
      'containers/registries.conf.d/50-own.conf',
      `[aliases]\n"app" = "${mirror.host}/team/app"\n`,
    );
    const image = await pull('app:1');
    expect(image.manifestDigest).toBe(digest);
    expect(image.names).toEqual(['docker.io/library/app:1']);
    expect(other.requests).toEqual([]);
    expect(home.progress.filter((one) => one.kind === 'warning')).toEqual([
      {
        kind: 'warning',
        message: `it is ${mirror.host}/team/app:1, by an alias in ${join(home.folder, '.config/containers/registries.conf.d/50-own.conf')}`,
      },
    ]);
    const fixed = await pull(`app@${digest}`);
    expect(fixed.manifestDigest).toBe(digest);
  });

  test('that were installed, and registries to search, do not change what a name means', async () => {
    const digest = serve(mirror, 'library/app:1');
    const alias = `[aliases]\n"app" = "${other.host}/team/app"\n`;
    await configure('containers/registries.conf.d/000-shortnames.conf', alias);
    await configure('containers/registries.conf.d/shortnames.conf', alias);
    await configure(
      'containers/registries.conf',
      `unqualified-search-registries = ["${other.host}"]\nshort-name-mode = "enforcing"\n`,
    );
    await configure(
      'docker/daemon.json',
      JSON.stringify({ 'registry-mirrors': [`http://${mirror.host}`] }),
    );
    expect((await pull('app:1')).manifestDigest).toBe(digest);
    expect(other.requests).toEqual([]);
  });

  test('follow mirrors and locations of the place they lead to', async () => {
    const digest = serve(mirror, 'deep/app:1');
    await configure(
      'containers/registries.conf',
      `[[registry]]
       location = "registry.example"
       [[registry.mirror]]
       location = "${mirror.host}/deep"
       insecure = true
       [aliases]
       "team/app" = "registry.example/app"
      `,
    );
    expect((await pull('team/app:1')).manifestDigest).toBe(digest);
  });

  test.each(['app', 'registry.example/app:1', 'registry.example/UPPER'])(
    'that lead to %s are an error that names the file',
    async (name) => {
      await configure('containers/registries.conf', `[aliases]\n"app" = "${name}"\n`);
      await expect(pull('app:1')).rejects.toMatchObject({
        code: 'E_IMAGE_REGISTRY',
        message: expect.stringMatching(/registries\.conf: the alias .* is not a registry and/),
      });
    },
  );
});
