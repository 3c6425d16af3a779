import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { addImage, layersOf, newStore, writeLayout } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { runProgram } from '../../support/ocup.ts';
import { PeerRoom, peersObstacle } from '../../support/peers.ts';

const NAME = 'registry.example/team/app:1';
const signal = new AbortController().signal;
const onProgress = (): void => undefined;

let home: ImagesHome;

/** A layout with one image of two layers: busybox, and a file of random bytes. */
async function makeLayout(folder: string): Promise<void> {
  const store = newStore();
  const layers = layersOf(
    [
      { path: 'bin/', type: '5' },
      { path: 'bin/busybox', content: await readFile('/bin/busybox'), mode: 0o755 },
      { path: 'bin/echo', type: '2', link: 'busybox' },
      { path: 'bin/cat', type: '2', link: 'busybox' },
    ],
    [{ path: 'greeting', content: `hello ${randomBytes(2000).toString('hex')}` }],
  );
  const config = { Cmd: ['/bin/cat', '/greeting'], Env: ['PATH=/bin'], Labels: { a: 'b' } };
  store.tags.set(NAME, addImage(store, { layers, config }));
  await writeLayout(store, folder);
}

async function pullSeed(into: ImagesHome): Promise<string> {
  const folder = join(into.folder, 'seed');
  await makeLayout(folder);
  const image = await into.pull(`oci:${folder}:${NAME}`);
  await into.images.transfers.tag(image.id, NAME);
  return image.id;
}

/** Takes the archive into a store of its own, and gives what it holds. */
async function loadAnew(path: string, source?: string) {
  const other = new ImagesHome();
  await other.open();
  try {
    const images =
      source === undefined
        ? await other.images.transfers.load({ path, platform: undefined, signal, onProgress })
        : [await other.pull(source)];
    const [image] = images;
    if (image === undefined) throw new Error('nothing was loaded');
    const files = other.images.openRootView(image);
    const greeting = (await files.readFile('/greeting'))?.toString();
    return { images, image, greeting };
  } finally {
    await other.close();
  }
}

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
});

afterEach(() => home.close());

describe('an archive of ours', () => {
  test('has the same bytes each time, and gives the same image back', async () => {
    const id = await pullSeed(home);
    const save = (path: string, format: 'docker' | 'oci') =>
      home.images.transfers.save({ images: [NAME], path, format, platform: undefined, signal });
    const [first, second] = [join(home.folder, 'a.tar'), join(home.folder, 'b.tar')];
    const one = await save(first, 'docker');
    expect(await save(second, 'docker')).toEqual(one);
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
    const target = (await home.images.inspect(NAME)).targetDigest;
    for (const format of ['docker', 'oci'] as const) {
      await save(first, format);
      const { image } = await loadAnew(first);
      expect(image).toMatchObject({ id, names: [NAME], targetDigest: target });
    }
    expect((await readdir(home.folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('that is saved by id has no name, and keeps its image all the same', async () => {
    const id = await pullSeed(home);
    const path = join(home.folder, 'id.tar');
    const request = { images: [id.slice(7, 19)], format: 'docker', platform: undefined } as const;
    await home.images.transfers.save({ ...request, path, signal });
    const { image } = await loadAnew(path);
    expect(image).toMatchObject({ id, names: [] });
  });

  test('that cannot be written leaves nothing', async () => {
    await pullSeed(home);
    const path = join(home.folder, 'none/x.tar');
    const request = { images: [NAME], format: 'oci', platform: undefined, path, signal } as const;
    const save = home.images.transfers.save(request);
    await expect(save).rejects.toMatchObject({ code: 'E_IMAGE_STORE' });
    expect(existsSync(join(home.folder, 'none'))).toBe(false);
  });
});

describe('what is no archive', () => {
  test.each([
    [
      '/bin/busybox',
      'E_IMAGE_FORMAT',
      'cannot read /bin/busybox: it is not a tar archive, or damaged',
    ],
    ['/nowhere.tar', 'E_IMAGE_NOT_FOUND', 'cannot find /nowhere.tar: /nowhere.tar does not exist'],
  ])('%s is refused', async (path, code, message) => {
    const load = home.images.transfers.load({ path, platform: undefined, signal, onProgress });
    await expect(load).rejects.toMatchObject({ code, message });
    expect(await home.leftovers()).toEqual([]);
  });

  test('what is cut off is told as that', async () => {
    const id = await pullSeed(home);
    const path = join(home.folder, 'cut.tar');
    const request = { images: [id], format: 'oci', platform: undefined } as const;
    await home.images.transfers.save({ ...request, path, signal });
    await truncate(path, (await stat(path)).size - 20_000);
    const load = home.images.transfers.load({ path, platform: undefined, signal, onProgress });
    await expect(load).rejects.toMatchObject({
      code: 'E_IMAGE_FORMAT',
      message: `cannot read ${path}: it is cut off`,
    });
  });
});

const obstacle = peersObstacle();
describe('peers', () => {
  if (obstacle !== undefined) {
    test.skip(`needs the peers: ${obstacle}`, () => undefined);
    return;
  }
  let room: PeerRoom;
  let seeds: ImagesHome;
  let archive = '';
  let id = '';

  beforeAll(async () => {
    room = await PeerRoom.open({ layout: 'legacy' });
    seeds = new ImagesHome();
    await seeds.open();
    id = await pullSeed(seeds);
    archive = join(room.scratch, 'ours.tar');
    const request = { images: [NAME], format: 'docker', platform: undefined } as const;
    await seeds.images.transfers.save({ ...request, path: archive, signal });
    await mkdir(join(room.scratch, 'containers'), { recursive: true });
  }, 60_000);

  afterAll(async () => {
    await seeds.close();
    await room.close();
  });

  const podman = (...args: string[]) => room.get(['podman', '--cgroup-manager=cgroupfs', ...args]);

  test('podman loads ours; ours loads both forms of podman, and names an image of each', async () => {
    expect(await podman('load', '-q', '-i', archive)).toContain(NAME);
    expect((await podman('image', 'inspect', '--format', '{{.Id}}', NAME)).trim()).toBe(
      id.slice('sha256:'.length),
    );
    for (const format of ['docker-archive', 'oci-archive']) {
      const path = join(room.scratch, `${format}.tar`);
      await podman('save', '-q', '--format', format, '-o', path, NAME);
      const { image, greeting } = await loadAnew(path);
      expect(image).toMatchObject({ id, names: [NAME] });
      expect(greeting).toMatch(/^hello /);
      const source = `${format}:${path}`;
      expect((await loadAnew(path, source)).image.id).toBe(id);
      expect((await loadAnew(path, `${source}:${NAME}`)).image.id).toBe(id);
    }
  });

  test('docker loads ours, and ours loads what docker saves', async () => {
    const socket = `unix://${room.scratch}/docker.sock`;
    const daemon = ['dockerd', '--storage-driver', 'overlay2', '--iptables=false', '--bridge=none'];
    room.start([...daemon, '-H', socket]);
    const docker = (...args: string[]) => room.get(['docker', '-H', socket, ...args]);
    await eventually(() => docker('info').then(Boolean, () => false), 30_000, 'dockerd');
    expect(await docker('load', '-i', archive)).toContain(NAME);
    const path = join(room.scratch, 'docker.tar');
    await docker('save', '-o', path, NAME);
    const { image, greeting } = await loadAnew(path);
    expect(image).toMatchObject({ id, names: [NAME] });
    expect(greeting).toMatch(/^hello /);
    expect((await loadAnew(path, `docker-archive:${path}:${NAME}`)).image.id).toBe(id);
  }, 90_000);

  test('skopeo copies between all forms', async () => {
    const layout = join(room.scratch, 'layout');
    const skopeo = (...args: string[]) => room.get(['skopeo', ...args]);
    await skopeo('copy', '-q', `oci-archive:${archive}`, `oci:${layout}:copy`);
    await skopeo('copy', '-q', `docker-archive:${archive}`, `oci:${layout}:other`);
    expect((await loadAnew(layout, `oci:${layout}:copy`)).image.id).toBe(id);
    // skopeo writes the configuration of a Docker archive anew.
    expect((await loadAnew(layout, `oci:${layout}:other`)).greeting).toMatch(/^hello /);
    const forms = ['docker-archive', 'oci-archive'];
    for (const form of forms) {
      const path = join(room.scratch, `skopeo-${form}.tar`);
      await skopeo('copy', '-q', `oci:${layout}:copy`, `${form}:${path}:${NAME}`);
      const loaded = await loadAnew(path);
      expect(loaded.image.names).toEqual([NAME]);
      expect(loaded.greeting).toMatch(/^hello /);
      expect((await loadAnew(path, `${form}:${path}`)).image.id).toBe(loaded.image.id);
    }
  });

  test("docker's old form, with a folder a layer and a link between them, is read", async () => {
    const path = join(room.scratch, 'docker.tar');
    const work = join(room.scratch, 'old');
    await mkdir(work);
    await runProgram('tar', ['-xf', existsSync(path) ? path : archive, '-C', work]);
    const script = `
      set -e
      config=$(sed 's/.*"Config":"\\([^"]*\\)".*/\\1/' manifest.json)
      layers=$(sed 's/.*"Layers":\\[\\([^]]*\\)\\].*/\\1/' manifest.json | tr -d '"' | tr , ' ')
      mv "$config" config.json
      list=
      for layer in $layers; do
        name=$(basename "$layer"); mkdir "$name"; mv "$layer" "$name/real.tar"
        ln -s real.tar "$name/layer.tar"; list="$list,\\"$name/layer.tar\\""
      done
      rm -rf blobs index.json oci-layout
      echo "[{\\"Config\\":\\"config.json\\",\\"RepoTags\\":[\\"${NAME}\\"],\\"Layers\\":[\${list#,}]}]" > manifest.json
      tar -cf ../old.tar .`;
    const made = await runProgram('sh', ['-c', script], { cwd: work });
    expect(made).toMatchObject({ code: 0 });
    const { image, greeting } = await loadAnew(join(room.scratch, 'old.tar'));
    expect(image).toMatchObject({ id, names: [NAME] });
    expect(greeting).toMatch(/^hello /);
  });
});
