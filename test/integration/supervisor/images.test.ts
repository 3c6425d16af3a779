import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PRUNE_ALL } from '../../../src/model/prune-filter.ts';
import type { ContainerConfig } from '../../../src/model/container.ts';
import { addLayer, beginLayout, finishLayout } from '../../support/layout-writer.ts';
import { runProgram } from '../../support/ocup.ts';
import { shellConfig, SupervisorHome } from '../../support/supervisor-home.ts';

const home = new SupervisorHome();
const layout = join(home.folder, 'layout');
const image = `oci:${layout}:box`;

function boxConfig(name: string, changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return { ...shellConfig(name, ''), image, command: undefined, ...changes };
}

/** A layout with one image: busybox, a user, and a folder with content that is declared a volume. */
async function writeLayout(): Promise<void> {
  const root = join(home.folder, 'root');
  for (const folder of ['bin', 'etc', 'tmp', 'data']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of ['sh', 'cat', 'sleep', 'id', 'ls']) {
    await symlink('busybox', join(root, 'bin', name));
  }
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:1234:1234::/:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'app:x:1234:\nextra:x:77:app\n');
  await writeFile(join(root, 'data/from-image'), 'copied up');
  await chmod(join(root, 'data'), 0o700);
  await chown(join(root, 'data'), 1234, 1234);
  await chown(join(root, 'data/from-image'), 1234, 1234);
  await chmod(join(root, 'tmp'), 0o1777);
  await beginLayout(layout);
  const layer = await addLayer(layout, root);
  const config = {
    User: 'app',
    Cmd: ['sh', '-c', 'id -u; id -G; cat /data/from-image; echo; echo mine >/tmp/x; sleep 0.1'],
    Volumes: { '/data': {} },
    ExposedPorts: { '80/tcp': {} },
    Healthcheck: { Test: ['CMD', 'true'] },
    StopSignal: 'SIGINT',
  };
  await finishLayout(layout, [{ name: 'box', layers: [layer], config }]);
}

beforeAll(async () => {
  await writeLayout();
  await home.start();
});

afterAll(async () => {
  await home.close();
});

describe('an image', () => {
  test('must be here before a container is made from it', async () => {
    const create = home.call('container.create', {
      config: boxConfig('early'),
      inheritVolumesOf: undefined,
    });
    await expect(create).rejects.toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
    const progress: string[] = [];
    const params = { image, platform: undefined, policy: 'missing', environment: {} } as const;
    const pulled = await home.call('image.pull', params, {
      onEvent: ({ kind }) => progress.push(kind),
    });
    expect(progress).toContain('layer');
    const found = await home.call('image.find', { image, platform: undefined });
    expect(found.image).toEqual(pulled);
  });

  test('gives command, user, volumes and health to its container', async () => {
    const started = await home.run(boxConfig('box', { user: undefined }));
    expect(started).toMatchObject({ health: 'starting', exposedPorts: ['80/tcp'] });
    await home.waitFor('box', 'exited');
    expect(await home.logs('box')).toEqual(['1234', '1234 77', 'copied up']);
    const { volumes } = await home.call('volume.list', {});
    expect(volumes).toHaveLength(1);
    expect(volumes[0]).toMatchObject({ isAnonymous: true });
    const { path } = volumes[0]!;
    expect(readFileSync(join(path, 'from-image'), 'utf8')).toBe('copied up');
    expect(statSync(path)).toMatchObject({ uid: 1234, mode: 0o40700 });
  });

  test('is not filled into a volume that has something already', async () => {
    const config = { name: 'full', driver: 'local', driverOptions: {}, labels: {} };
    const { path } = await home.call('volume.create', { config });
    await writeFile(join(path, 'own'), '');
    const mounts = [
      {
        kind: 'volume',
        volume: 'full',
        target: '/data',
        isReadOnly: false,
        noCopy: false,
        subpath: undefined,
      },
    ] as const;
    await home.run(boxConfig('lister', { mounts, command: ['ls', '/data'] }));
    await home.waitFor('lister', 'exited');
    expect(await home.logs('lister')).toEqual(['own']);
    await home.call('container.remove', { container: 'lister', force: true, volumes: true });
    await home.call('volume.remove', { name: 'full' });
  });

  test('is kept while a container was made from it', async () => {
    const remove = () => home.call('image.remove', { image, force: false });
    await expect(remove()).rejects.toMatchObject({ code: 'E_IMAGE_IN_USE' });
    const pruned = await home.call('image.prune', { all: true, filter: PRUNE_ALL });
    expect(pruned.deleted).toEqual([]);
    await home.call('container.remove', { container: 'box', force: true, volumes: true });
    expect((await remove()).deleted).toHaveLength(1);
    await home.call('image.pull', {
      image,
      platform: undefined,
      policy: 'missing',
      environment: {},
    });
  });

  test('is never removed between being found for a container and being named by its record', async () => {
    let made = 0;
    for (let round = 0; round < 24; round += 1) {
      await home.call('image.pull', {
        image,
        platform: undefined,
        policy: 'missing',
        environment: {},
      });
      const creating = home
        .call('container.create', { config: boxConfig('racer'), inheritVolumesOf: undefined })
        .catch((error: unknown) => error);
      const removing = [
        home.call('image.prune', { all: true, filter: PRUNE_ALL }),
        home.call('image.remove', { image, force: false }).catch(() => undefined),
      ];
      const created = await creating;
      await Promise.all(removing);
      if (created instanceof Error) {
        expect(created).toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
        continue;
      }
      made += 1;
      const found = await home.call('image.find', { image, platform: undefined });
      expect(found.image).toBeDefined();
      await home.call('container.start', { container: 'racer' });
      await home.waitFor('racer', 'exited');
      expect((await home.logs('racer'))[0]).toBe('1234');
      await home.call('container.remove', { container: 'racer', force: true, volumes: true });
    }
    expect(made).toBeGreaterThan(0);
    await home.call('image.pull', {
      image,
      platform: undefined,
      policy: 'missing',
      environment: {},
    });
  });

  test('many containers of it fill one volume once', async () => {
    const mounts = [
      {
        kind: 'volume',
        volume: 'shared',
        target: '/data',
        isReadOnly: false,
        noCopy: false,
        subpath: undefined,
      },
    ] as const;
    const names = Array.from({ length: 6 }, (_, index) => `filler-${index}`);
    await Promise.all(
      names.map((name) =>
        home.run(boxConfig(name, { mounts, command: ['cat', '/data/from-image'] })),
      ),
    );
    for (const name of names) {
      await home.waitFor(name, 'exited');
      expect(await home.logs(name)).toEqual(['copied up']);
      await home.call('container.remove', { container: name, force: true, volumes: true });
    }
    await home.call('volume.remove', { name: 'shared' });
  });
});

const PLAIN = { archive: undefined, isDigested: false };

describe('bundle.create', () => {
  test('writes a bundle that runc runs', async () => {
    const path = join(home.folder, 'bundle');
    const config = boxConfig('exported', { command: ['sh', '-c', 'id -u; cat /data/from-image'] });
    const result = await home.call('bundle.create', { config, path, ...PLAIN });
    expect(result.path).toBe(path);
    expect((await readdir(path)).sort()).toEqual(['config.json', 'rootfs']);
    const args = ['--root', join(home.folder, 'runc'), 'run', '-b', path, 'ocup-sv-exported'];
    const run = await runProgram('/usr/sbin/runc', args);
    expect(run).toMatchObject({ code: 0, stdout: '1234\ncopied up' });
  });

  test('leaves a folder alone that has something in it', async () => {
    const create = home.call('bundle.create', {
      config: boxConfig('x'),
      path: layout,
      ...PLAIN,
    });
    await expect(create).rejects.toMatchObject({ code: 'E_BUNDLE_EXISTS' });
    expect(existsSync(join(layout, 'rootfs'))).toBe(false);
  });

  test('leaves nothing when it fails', async () => {
    const path = join(home.folder, 'failed');
    const config = boxConfig('x', { user: 'nosuch' });
    await expect(home.call('bundle.create', { config, path, ...PLAIN })).rejects.toMatchObject({
      code: 'E_BUNDLE_USER',
    });
    expect(existsSync(path)).toBe(false);
  });
});
