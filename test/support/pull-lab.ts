import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { expect } from '@jest/globals';
import type { Image } from '../../src/model/image.ts';
import { type Descriptor, addImage, layersOf } from './image-fixture.ts';
import { ImagesHome } from './images-home.ts';
import { TestRegistry } from './test-registry.ts';

/** Large enough to come in many pieces. */
export const BIG = randomBytes(3_000_000);

/** A registry that does what a test wants, with an image `app:1` of a layer with `BIG` and a small one. */
export class PullLab {
  readonly home: ImagesHome;
  readonly registry: TestRegistry;
  readonly image: Descriptor;
  /** The one that holds `BIG`. */
  readonly layer: Descriptor;

  private constructor(home: ImagesHome, registry: TestRegistry) {
    this.home = home;
    this.registry = registry;
    const layers = layersOf([{ path: 'big', content: BIG }], [{ path: 'small', content: 'small' }]);
    this.image = addImage(registry.store, { layers });
    const manifest = JSON.parse(registry.store.blobs.get(this.image.digest)!.toString());
    this.layer = manifest.layers[0];
    registry.store.tags.set('app:1', this.image);
  }

  static async open(): Promise<PullLab> {
    const home = new ImagesHome();
    const registry = await TestRegistry.start();
    await home.open({ idleTimeoutMs: 2_000 });
    return new PullLab(home, registry);
  }

  pull(extras = {}): Promise<Image> {
    return this.home.pull(`${this.registry.host}/app:1`, extras);
  }

  isBlob(url: string | undefined): boolean {
    return url?.endsWith(this.layer.digest) === true;
  }

  async expectNothingLeft(): Promise<void> {
    expect(await this.home.leftovers()).toEqual([]);
    expect(await this.home.images.list()).toEqual([]);
  }

  async expectWhole(): Promise<void> {
    const found = await this.pull({ policy: 'never' });
    const view = this.home.images.openRootView(found);
    expect((await view.readFile('big'))?.equals(BIG)).toBe(true);
    expect(await this.home.leftovers()).toEqual([]);
  }

  async close(): Promise<void> {
    await this.registry.stop();
    await this.home.close();
  }
}

/** Serves `bytes` under a status and headers of the test's own. */
export function answer(response: ServerResponse, bytes: Buffer, headers = {}, status = 200): true {
  response.writeHead(status, headers);
  response.end(bytes);
  return true;
}
