import { flag, listOf, mapOf, objectOf, oneOf, optional, type Shape, text } from '../base/shape.ts';
import type { ImageCalls } from './image-calls.ts';

type Params<M extends keyof ImageCalls> = ImageCalls[M]['params'];

/** What the calls of `image-calls.ts` take. */
export const IMAGE_PARAM_SHAPES: { readonly [M in keyof ImageCalls]: Shape<Params<M>> } = {
  'image.inspect': objectOf<Params<'image.inspect'>>({ image: text, platform: optional(text) }),
  'image.resolve': objectOf<Params<'image.resolve'>>({
    image: text,
    environment: mapOf(text),
  }),
  'image.tag': objectOf<Params<'image.tag'>>({ image: text, name: text }),
  'image.load': objectOf<Params<'image.load'>>({ path: text, platform: optional(text) }),
  'image.save': objectOf<Params<'image.save'>>({
    images: listOf(text),
    path: text,
    format: oneOf('docker', 'oci'),
    platform: optional(text),
  }),
  'image.push': objectOf<Params<'image.push'>>({
    image: text,
    destination: text,
    platform: optional(text),
    environment: mapOf(text),
  }),
  'image.lock': objectOf<Params<'image.lock'>>({
    image: text,
    platforms: listOf(text),
    environment: mapOf(text),
  }),
  'project.export': objectOf<Params<'project.export'>>({
    path: text,
    name: text,
    texts: mapOf(text),
    files: listOf(
      objectOf<{ readonly name: string; readonly source: string }>({ name: text, source: text }),
    ),
    images: listOf(
      objectOf<{ readonly image: string; readonly name: string }>({ image: text, name: text }),
    ),
  }),
  'project.import': objectOf<Params<'project.import'>>({
    path: text,
    folder: optional(text),
    parent: text,
  }),
  'system.usage': objectOf<Params<'system.usage'>>({}),
  'registry.login': objectOf<Params<'registry.login'>>({
    server: text,
    login: optional(
      objectOf<{ readonly username: string; readonly password: string }>({
        username: text,
        password: text,
      }),
    ),
    environment: mapOf(text),
  }),
  'registry.logout': objectOf<Params<'registry.logout'>>({
    server: text,
    environment: mapOf(text),
  }),
  'image.verify': objectOf<Params<'image.verify'>>({
    images: listOf(text),
    repairs: flag,
    environment: mapOf(text),
  }),
};
