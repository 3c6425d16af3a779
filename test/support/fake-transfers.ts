import { createHash } from 'node:crypto';
import { OcupError } from '../../src/base/errors.ts';
import type { Image } from '../../src/model/image.ts';
import type { ImageCalls } from '../../src/wire/image-calls.ts';
import type { Handlers } from '../../src/wire/server.ts';

/** The calls of a fake supervisor on images in memory; it has neither files nor registries to carry them to. */
export function fakeTransfers(images: Map<string, Image>): Pick<Handlers, keyof ImageCalls> {
  const get = (name: string): Image => {
    const found = images.get(name);
    if (found !== undefined) return found;
    throw new OcupError('E_IMAGE_NOT_FOUND', `no such image: ${name}`);
  };
  const refuse = (): Promise<never> =>
    Promise.reject(new OcupError('E_IMAGE_STORE', 'there are no files and no registries here'));
  return {
    'image.inspect': ({ image }) => Promise.resolve({ image: get(image), config: {} }),
    'image.resolve': ({ image }) =>
      Promise.resolve({ digest: `sha256:${createHash('sha256').update(image).digest('hex')}` }),
    'image.tag': ({ image, name }) => {
      const named = get(image);
      images.set(name, named);
      return Promise.resolve(named);
    },
    'image.load': refuse,
    'image.save': refuse,
    'image.push': refuse,
    'image.verify': refuse,
    'image.lock': refuse,
    'project.export': refuse,
    'project.import': refuse,
    'system.usage': refuse,
    'registry.login': refuse,
    'registry.logout': refuse,
  };
}
