import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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

const configure = (path: string, text: string) => home.configure(path, text);
const pull = (name: string, env: Record<string, string> = {}) => home.pullWith(env, name);

describe('aliases of registries.conf', () => {
  test('say where a short name is, which keeps its name, and the user is told', async () => {
    const digest = mirror.addImage('team/app:1');
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
    const digest = mirror.addImage('library/app:1');
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
    const digest = mirror.addImage('deep/app:1');
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
