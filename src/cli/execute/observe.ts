import { Semaphore } from '../../base/semaphore.ts';
import { LABEL } from '../../model/labels.ts';
import type { Project } from '../../model/project.ts';
import { type ImageFact, imageKey, imagesOf, type ObservedState } from '../../plan/observed.ts';
import type { SupervisorClient } from '../connection.ts';

/** How many images are asked for at once. */
const IMAGE_LOOKUPS = 8;

/**
 * What is there now, for a planner. Images are looked up for `project`'s services.
 * @throws what the supervisor throws, E_CANCELLED
 */
export async function observe(
  client: SupervisorClient,
  name: string,
  known: { readonly project?: Project | undefined; readonly signal: AbortSignal },
): Promise<ObservedState> {
  const options = { signal: known.signal };
  const [{ containers }, { networks }, { volumes }, images] = await Promise.all([
    client.call('container.list', { labels: { [LABEL.project]: name } }, options),
    client.call('network.list', {}, options),
    client.call('volume.list', {}, options),
    observeImages(client, known.project, known.signal),
  ]);
  return { containers, networks, volumes, images };
}

/** An observed state without anything: where no supervisor runs and nothing is on disk. */
export const NOTHING_OBSERVED: ObservedState = {
  containers: [],
  networks: [],
  volumes: [],
  images: new Map(),
};

/** By `imageKey`, for all services of the project. */
export async function observeImages(
  client: SupervisorClient,
  project: Project | undefined,
  signal: AbortSignal,
): Promise<Map<string, ImageFact>> {
  const wanted = new Map(
    (project?.services ?? [])
      .flatMap(imagesOf)
      .map(({ image, platform }) => [imageKey(image, platform), { image, platform }]),
  );
  const places = new Semaphore(IMAGE_LOOKUPS);
  const facts = [...wanted].map(([key, params]) =>
    places.run(async (): Promise<[string, ImageFact]> => {
      const { image } = await client.call('image.find', params, { signal });
      if (image === undefined) return [key, { status: 'absent' }];
      const taggedAtMs = Date.parse(image.taggedAt) || 0;
      return [key, { status: 'present', id: image.id, taggedAtMs }];
    }, signal),
  );
  return new Map(await Promise.all(facts));
}
