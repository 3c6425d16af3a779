import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ensureDebianImages } from '../../support/debian-images.ts';
import { addImage, newStore, writeLayout } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { randomLayers } from '../../support/random-layers.ts';
import { listTree } from '../../support/tree-list.ts';
import { writeTar } from '../../support/tar-writer.ts';

let home: ImagesHome;

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
});

afterEach(() => home.close());

/** The tree that ocup exports and the one that umoci unpacks. */
async function unpackBoth(
  layout: string,
  tag: string,
): Promise<{ ours: string[]; theirs: string[] }> {
  const image = await home.pull(`oci:${layout}:${tag}`);
  const ours = join(home.folder, `ours-${tag}`);
  const theirs = join(home.folder, `theirs-${tag}`);
  await mkdir(ours);
  await home.images.exportRootfs(image, ours);
  execFileSync('umoci', ['raw', 'unpack', '--image', `${layout}:${tag}`, theirs], {
    stdio: 'ignore',
  });
  return { ours: listTree(ours), theirs: listTree(theirs) };
}

describe('umoci unpacks the same', () => {
  test('images made from Debian packages', async () => {
    const layout = await ensureDebianImages();
    const { ours, theirs } = await unpackBoth(layout, 'postgres');
    expect(ours.length).toBeGreaterThan(3000);
    expect(ours).toEqual(theirs);
  }, 600_000);

  test('random layers upon layers', async () => {
    const store = newStore();
    const seeds = Array.from({ length: 25 }, () => Math.floor(Math.random() * 2 ** 31));
    for (const seed of seeds) {
      const layers = randomLayers(seed).map((members) => ({ tar: writeTar(members) }));
      store.tags.set(`s${seed}`, addImage(store, { layers }));
    }
    const layout = join(home.folder, 'layout');
    await writeLayout(store, layout);
    for (const seed of seeds) {
      const { ours, theirs } = await unpackBoth(layout, `s${seed}`);
      expect({ seed, tree: ours }).toEqual({ seed, tree: theirs });
    }
  }, 120_000);
});
