import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { addImage, layersOf } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { TestRegistry, refuse } from '../../support/test-registry.ts';

let home: ImagesHome;
let registry: TestRegistry;

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
  registry = await TestRegistry.start();
  const layers = layersOf([{ path: 'name', content: 'app' }]);
  registry.store.tags.set('app:1', addImage(registry.store, { layers }));
});

afterEach(async () => {
  await registry.stop();
  await home.close();
});

function limitTo(remaining: number): void {
  registry.misbehave = (request, response) => {
    if (!(request.url ?? '').includes('/manifests/')) return false;
    response.setHeader('ratelimit-limit', '100;w=21600');
    response.setHeader('ratelimit-remaining', `${remaining};w=21600`);
    return false;
  };
}

function warnings(): string[] {
  return home.progress.flatMap((one) => (one.kind === 'warning' ? [one.message] : []));
}

describe('what a registry tells its users', () => {
  test('a limit that is nearly reached', async () => {
    limitTo(7);
    await home.pull(`${registry.host}/app:1`);
    expect(warnings()).toEqual(['the registry allows 100 pulls in 6 hours, 7 are left']);
  });

  test('nothing of a limit that is far away', async () => {
    limitTo(50);
    await home.pull(`${registry.host}/app:1`);
    expect(warnings()).toEqual([]);
  });

  test('warnings of its own', async () => {
    registry.misbehave = (_, response) => {
      response.setHeader('warning', '299 - "this \\"image\\" is old"');
      return false;
    };
    await home.pull(`${registry.host}/app:1`);
    expect(warnings()).toEqual(['this "image" is old']);
  });

  test('the limit, where it was the reason to refuse', async () => {
    registry.misbehave = (_, response) => {
      response.setHeader('ratelimit-limit', '100;w=21600');
      response.setHeader('ratelimit-remaining', '0;w=21600');
      refuse(response, 429, 'TOOMANYREQUESTS', 'too many');
      return true;
    };
    await expect(home.pull(`${registry.host}/app:1`)).rejects.toMatchObject({
      hint: expect.stringContaining('100 pulls in 6 hours, 0 are left'),
    });
  });
});
