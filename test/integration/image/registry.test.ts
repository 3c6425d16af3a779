import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { PRUNE_ALL } from '../../../src/model/prune-filter.ts';
import { makeCertificate } from '../../support/certificate.ts';
import {
  type ImageStore,
  addImage,
  layersOf,
  newStore,
  writeLayout,
} from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { startRegistry } from '../../support/registry.ts';

let home: ImagesHome;

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
});

afterEach(() => home.close());

/** An image of two layers, and a second one that shares the first. */
function fillStore(): ImageStore {
  const store = newStore();
  const [base, first, second] = layersOf(
    [
      { path: 'etc/', type: '5' },
      { path: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n' },
    ],
    [{ path: 'first', content: randomBytes(100_000) }],
    [{ path: 'second', content: 'second' }],
  );
  store.tags.set('first', addImage(store, { layers: [base!, first!], config: { Cmd: ['one'] } }));
  store.tags.set('second', addImage(store, { layers: [base!, second!] }));
  return store;
}

async function push(
  folder: string,
  name: string,
  target: string,
  extra: readonly string[] = [],
): Promise<void> {
  const child = spawn('skopeo', [
    'copy',
    '-q',
    ...extra,
    `oci:${folder}:${name}`,
    `docker://${target}`,
  ]);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((done) => child.once('close', done));
  if (code !== 0) throw new Error(errors);
}

describe('a plain registry', () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>;

  beforeAll(async () => {
    registry = await startRegistry();
    const seeds = new ImagesHome();
    await writeLayout(fillStore(), seeds.folder);
    for (const name of ['first', 'second']) {
      await push(seeds.folder, name, `${registry.host}/team/${name}:1`, [
        '--dest-tls-verify=false',
      ]);
    }
    await seeds.close();
  });

  afterAll(() => registry.stop());

  test('an image comes with its files, its name and its configuration', async () => {
    const image = await home.pull(`${registry.host}/team/first:1`);
    expect(image.names).toEqual([`${registry.host}/team/first:1`]);
    expect(image.config.cmd).toEqual(['one']);
    const view = home.images.openRootView(image);
    expect((await view.readFile('/etc/passwd'))?.toString()).toContain('root:x:0');
    const folders = home.images.layerPaths(image);
    expect(await readdir(folders[0]!)).toEqual(['first']);
    expect(await readdir(folders[1]!)).toEqual(['etc']);
    expect(await home.leftovers()).toEqual([]);
  });

  test('other tools read the store', async () => {
    await home.pull(`${registry.host}/team/first:1`);
    const layout = join(home.dataDir, 'images');
    const found = execFileSync('skopeo', [
      'inspect',
      '--raw',
      `oci:${layout}:${registry.host}/team/first:1`,
    ]);
    expect(JSON.parse(found.toString()).layers).toHaveLength(2);
    execFileSync('skopeo', [
      'copy',
      '-q',
      `oci:${layout}:${registry.host}/team/first:1`,
      `oci:${join(home.folder, 'copy')}:x`,
    ]);
  });

  test('the digest of a name is told without fetching anything', async () => {
    const { signal } = new AbortController();
    const { transfers } = home.images;
    const digest = await transfers.resolve(`${registry.host}/team/first:1`, signal);
    expect(await home.images.list()).toEqual([]);
    const image = await home.pull(`${registry.host}/team/first:1`);
    expect(image.targetDigest).toBe(digest);
    const missing = transfers.resolve(`${registry.host}/team/nothing:1`, signal);
    await expect(missing).rejects.toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
  });

  test('layers that are here are not fetched again, and what they use is kept', async () => {
    await home.pull(`${registry.host}/team/first:1`);
    home.progress.length = 0;
    await home.pull(`${registry.host}/team/second:1`);
    const ended = home.progress.flatMap((item) => (item.kind === 'layer' ? [item.status] : []));
    expect(ended).toContain('exists');
    await home.images.remove(`${registry.host}/team/first:1`, { force: false });
    expect((await home.images.list()).map((image) => image.names)).toEqual([
      [`${registry.host}/team/second:1`],
    ]);
    expect(await home.snapshots()).toHaveLength(2);
    await home.images.prune({ all: true, filter: PRUNE_ALL });
    expect(await home.snapshots()).toEqual([]);
    expect(await home.blobs()).toEqual([]);
  });

  test('what is not there is said in known words', async () => {
    await expect(home.pull(`${registry.host}/team/first:none`)).rejects.toMatchObject({
      code: 'E_IMAGE_NOT_FOUND',
      message: `manifest for ${registry.host}/team/first:none not found: manifest unknown`,
    });
  });

  test('a store opened again knows its images and removes leftovers', async () => {
    const image = await home.pull(`${registry.host}/team/first:1`);
    const blobs = join(home.dataDir, 'images/blobs/sha256');
    await writeFile(join(blobs, '.0123456789abcdef.tmp'), 'part');
    await mkdir(join(home.dataDir, 'snapshots/.staged-abcdef/x'), { recursive: true });
    await home.open();
    expect(await home.leftovers()).toEqual([]);
    expect(
      await home.images.find({
        kind: 'registry',
        reference: { domain: registry.host, repository: 'team/first', tag: '1', digest: undefined },
      }),
    ).toEqual(image);
  });

  test('a pull by digest checks it, and finds it by any name with that digest', async () => {
    const byTag = await home.pull(`${registry.host}/team/first:1`);
    const byDigest = await home.pull(`${registry.host}/team/first:9@${byTag.targetDigest}`, {
      policy: 'missing',
    });
    expect(byDigest.id).toBe(byTag.id);
  });
});

describe('a registry with TLS and passwords', () => {
  test('is used with the credentials of the auth file, and not without', async () => {
    const { folder } = home;
    const tls = makeCertificate(folder, ['IP:127.0.0.1']);
    const registry = await startRegistry({ user: { name: 'user', password: 's3cret' }, tls });
    try {
      const { host } = registry;
      const layout = join(folder, 'layout');
      await writeLayout(fillStore(), layout);
      await push(layout, 'first', `${host}/a:1`, [
        '--dest-tls-verify=false',
        '--dest-creds=user:s3cret',
      ]);
      await expect(home.pull(`${host}/a:1`)).rejects.toMatchObject({ code: 'E_IMAGE_DENIED' });
      await mkdir(join(folder, '.docker'));
      const auth = Buffer.from('user:s3cret').toString('base64');
      await writeFile(
        join(folder, '.docker/config.json'),
        JSON.stringify({ auths: { [host]: { auth } } }),
      );
      expect((await home.pull(`${host}/a:1`)).config.cmd).toEqual(['one']);
    } finally {
      await registry.stop();
    }
  });
});

describe('local sources', () => {
  test('a layout, archives of layouts and of docker give the same image', async () => {
    const layout = join(home.folder, 'layout');
    await writeLayout(fillStore(), layout);
    const [ociArchive, dockerArchive] = [
      join(home.folder, 'oci.tar'),
      join(home.folder, 'docker.tar'),
    ];
    execFileSync('tar', ['-C', layout, '-cf', ociArchive, '.']);
    execFileSync('skopeo', [
      'copy',
      '-q',
      `oci:${layout}:first`,
      `docker-archive:${dockerArchive}:app:1`,
    ]);
    const images = [
      await home.pull(`oci:${layout}:first`),
      await home.pull(`oci-archive:${ociArchive}:first`),
      await home.pull(`docker-archive:${dockerArchive}`),
    ];
    expect(new Set(images.map((image) => image.config.cmd.join())).size).toBe(1);
    const folders = images.map((image) => home.images.layerPaths(image));
    expect(folders[1]).toEqual(folders[0]);
    expect(folders[2]).toEqual(folders[0]);
    expect(await home.snapshots()).toHaveLength(2);
    expect(await home.leftovers()).toEqual([]);
    expect(await home.images.list()).toHaveLength(2);
  });

  test('the old form of docker save, with links between layers', async () => {
    const folder = join(home.folder, 'old');
    const store = fillStore();
    const { blobs } = store;
    const manifest = JSON.parse(blobs.get(store.tags.get('first')!.digest)!.toString());
    await mkdir(join(folder, 'aaa'), { recursive: true });
    await mkdir(join(folder, 'bbb'));
    const config = JSON.parse(blobs.get(manifest.config.digest)!.toString());
    const layer = layersOf([{ path: 'same', content: 'same' }])[0]!.tar;
    const { digestOf } = await import('../../support/image-fixture.ts');
    config.rootfs.diff_ids = [digestOf(layer), digestOf(layer)];
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'aaa/layer.tar'), layer);
    execFileSync('ln', ['-s', '../aaa/layer.tar', join(folder, 'bbb/layer.tar')]);
    const saved = [
      {
        Config: 'config.json',
        RepoTags: ['app:1', 'app:2'],
        Layers: ['aaa/layer.tar', 'bbb/layer.tar'],
      },
    ];
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(saved));
    const archive = join(home.folder, 'old.tar');
    execFileSync('tar', ['-C', folder, '-cf', archive, '.']);
    const image = await home.pull(`docker-archive:${archive}:2`);
    expect(home.images.layerPaths(image)).toHaveLength(2);
    await expect(home.pull(`docker-archive:${archive}:3`)).rejects.toMatchObject({
      code: 'E_IMAGE_NOT_FOUND',
      hint: 'It holds app:1, app:2.',
    });
    expect(await home.leftovers()).toEqual([]);
  });

  test('an archive that links out of itself is refused', async () => {
    const folder = join(home.folder, 'evil');
    await mkdir(folder);
    execFileSync('ln', ['-s', '/etc/passwd', join(folder, 'config.json')]);
    const saved = [{ Config: 'config.json', RepoTags: [], Layers: [] }];
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(saved));
    const archive = join(home.folder, 'evil.tar');
    execFileSync('tar', ['-C', folder, '-cf', archive, '.']);
    await expect(home.pull(`docker-archive:${archive}`)).rejects.toMatchObject({
      code: 'E_IMAGE_FORMAT',
    });
    expect(await home.leftovers()).toEqual([]);
  });

  test('a layout without the name tells which names it has', async () => {
    const layout = join(home.folder, 'layout');
    await writeLayout(fillStore(), layout);
    await expect(home.pull(`oci:${layout}:third`)).rejects.toMatchObject({
      code: 'E_IMAGE_NOT_FOUND',
      hint: 'Name one of its images behind a colon: first, second.',
    });
    await expect(home.pull(`oci:${layout}`)).rejects.toThrow(/it has several/);
    await expect(home.pull('oci:/nowhere')).rejects.toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
  });

  test('a damaged blob of a layout is never taken for a layer', async () => {
    const store = fillStore();
    const layout = join(home.folder, 'layout');
    await writeLayout(store, layout);
    const manifest = JSON.parse(store.blobs.get(store.tags.get('first')!.digest)!.toString());
    const path = join(layout, 'blobs/sha256', String(manifest.layers[1].digest).slice(7));
    const bytes = await readFile(path);
    bytes[bytes.length - 100]! ^= 1;
    await writeFile(path, bytes);
    await expect(home.pull(`oci:${layout}:first`)).rejects.toThrow(/damaged|checksum|digest/);
    expect(await home.leftovers()).toEqual([]);
    expect(await home.images.list()).toEqual([]);
  });

  test('a folder is an image that sets nothing', async () => {
    const image = await home.pull(`rootfs:${home.folder}`);
    expect(home.images.layerPaths(image)).toEqual([home.folder]);
    expect(image.config.env).toEqual([]);
    await chmod(home.folder, 0o755);
    await expect(home.pull('rootfs:/nowhere')).rejects.toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
  });
});

describe('names', () => {
  test('an image that loses its name stays while a container uses it', async () => {
    const layout = join(home.folder, 'layout');
    const store = fillStore();
    await writeLayout(store, layout);
    const name = `oci:${layout}:first`;
    const old = await home.pull(name);
    home.use(old, 'web.1');
    await expect(home.images.remove(name, { force: false })).rejects.toMatchObject({
      code: 'E_IMAGE_IN_USE',
      message: `cannot remove image ${name}: container web.1 is using it`,
    });
    store.tags.set('first', store.tags.get('second')!);
    await writeLayout(store, layout);
    const renewed = await home.pull(name);
    expect(renewed.id).not.toBe(old.id);
    expect(await home.images.prune({ all: false, filter: PRUNE_ALL })).toMatchObject({
      deleted: [],
      freedBytes: 0,
    });
    expect((await home.images.list()).map((image) => [image.id, image.names])).toEqual([
      [renewed.id, [name]],
      [old.id, []],
    ]);
    home.users.length = 0;
    const pruned = await home.images.prune({ all: false, filter: PRUNE_ALL });
    expect(pruned.deleted).toEqual([old.id]);
    expect(pruned.freedBytes).toBeGreaterThan(100_000);
    expect(await home.images.inspect(renewed.id.slice(7, 19))).toEqual(renewed);
    await expect(home.images.inspect(old.id)).rejects.toMatchObject({ code: 'E_IMAGE_NOT_FOUND' });
  });

  test('removing one of two names keeps the image', async () => {
    const layout = join(home.folder, 'layout');
    const store = fillStore();
    store.tags.set('alias', store.tags.get('first')!);
    await writeLayout(store, layout);
    const image = await home.pull(`oci:${layout}:first`);
    await home.pull(`oci:${layout}:alias`);
    expect(await home.images.remove(`oci:${layout}:first`, { force: false })).toEqual({
      untagged: [`oci:${layout}:first`],
      deleted: [],
    });
    const removed = await home.images.remove(image.id, { force: false });
    expect(removed).toEqual({ untagged: [`oci:${layout}:alias`], deleted: [image.id] });
    expect(await home.blobs()).toEqual([]);
    expect(await home.snapshots()).toEqual([]);
  });

  test('a damaged index is set aside, and pulling gives the names back', async () => {
    const layout = join(home.folder, 'layout');
    await writeLayout(fillStore(), layout);
    await home.pull(`oci:${layout}:first`);
    await writeFile(join(home.dataDir, 'images/index.json'), '{"manifests":');
    const said: string[] = [];
    const logger = {
      info: () => undefined,
      warn: () => undefined,
      error: (text: string) => said.push(text),
    };
    await home.open({ logger });
    expect(said.join()).toMatch(/index.json.*kept as .*damaged/);
    expect(await home.images.list()).toEqual([]);
    await home.pull(`oci:${layout}:first`);
    expect(await home.images.list()).toHaveLength(1);
  });
});
