import { Semaphore } from '../../base/semaphore.ts';
import type { Json, JsonObject } from '../../model/project.ts';
import { formatReference, parseImageSource } from '../../model/reference.ts';
import type { Session } from '../session.ts';

/** Registries are asked for so many images at once. */
const CONCURRENT = 8;

/**
 * The model with the digest of each image behind its name, as its registry has it now: full names, as docker
 * compose writes them. Images of files and those with a digest stay. The supervisor asks, since it knows registries.
 *
 * @throws E_IMAGE_… where a registry does not answer, or has no such image
 */
export async function withDigests(canonical: JsonObject, session: Session): Promise<JsonObject> {
  const limit = new Semaphore(CONCURRENT);
  const services = await Promise.all(
    servicesOf(canonical).map(async ([name, service]): Promise<[string, Json]> => {
      const { image } = service;
      if (typeof image !== 'string' || image === '') return [name, service];
      const resolved = await limit.run(() => resolve(image, session), session.signal);
      return [name, { ...service, image: resolved }];
    }),
  );
  return { ...canonical, services: Object.fromEntries(services) };
}

/** Only the services' images: a file that, put behind the others with `-f`, keeps them as they are now. */
export function imagesOnly(canonical: JsonObject): JsonObject {
  const services = servicesOf(canonical).map(([name, { image }]): [string, Json] => [
    name,
    image === undefined ? {} : { image },
  ]);
  return { services: Object.fromEntries(services) };
}

async function resolve(image: string, session: Session): Promise<string> {
  const source = parseImageSource(image);
  if (source.kind !== 'registry') return image;
  const { reference } = source;
  if (reference.digest !== undefined) return formatReference({ ...reference, tag: undefined });
  const name = formatReference(reference);
  const client = await session.supervisor();
  const { signal } = session;
  const params = { image: name, environment: client.environment };
  const { digest } = await client.call('image.resolve', params, { signal });
  return `${name}@${digest}`;
}

function servicesOf({ services }: JsonObject): [string, JsonObject][] {
  return Object.entries(isObject(services) ? services : {}).map(([name, service]) => [
    name,
    isObject(service) ? service : {},
  ]);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
