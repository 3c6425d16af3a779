import { OcupError } from '../base/errors.ts';
import { unreachable } from '../base/unreachable.ts';
import { parseImageSource } from '../model/reference.ts';
import type { PullPolicy, Service } from '../model/project.ts';
import type { PlannedAction } from './action.ts';
import {
  imageFact,
  type ImageFact,
  imageKey,
  imagesOf,
  type ObservedState,
  type UsedImage,
} from './observed.ts';
import type { UpOptions } from './up-options.ts';

/**
 * The pulls that `services` need, one for each image.
 *
 * @throws E_IMAGE_NOT_FOUND for an image that is missing and must not be pulled,
 * E_COMPOSE_UNSUPPORTED for one that would have to be built
 */
export function planPulls(
  services: readonly Service[],
  observed: ObservedState,
  options: UpOptions,
): PlannedAction[] {
  const pulls = new Map<string, PlannedAction>();
  for (const used of services.flatMap((service) =>
    imagesOf(service).map((item) => ({ ...item, service })),
  )) {
    const { image, platform } = used;
    const key = imageKey(image, platform);
    if (pulls.has(key) || options.pulled.has(key)) continue;
    const fact = imageFact(observed, used);
    const cause = pullCause(used, fact, options);
    if (cause === undefined) continue;
    pulls.set(key, {
      kind: 'image.pull',
      id: `image.pull ${key}`,
      image,
      platform,
      policy: fact.status === 'present' ? 'always' : cause.policy,
      cause: cause.text,
      dependsOn: [],
    });
  }
  return [...pulls.values()];
}

interface PullCause {
  readonly policy: 'always' | 'missing' | 'never';
  readonly text: string;
}

function pullCause(
  { service, image, isOwn }: UsedImage & { readonly service: Service },
  fact: ImageFact,
  options: UpOptions,
): PullCause | undefined {
  const policy: PullPolicy =
    options.pull === undefined
      ? (service.pullPolicy ?? { kind: 'missing' })
      : { kind: options.pull };
  if (isOwn && service.hasBuild && fact.status !== 'present') return buildCause(service, policy);
  const isLocal = parseImageSource(image).kind !== 'registry';
  switch (policy.kind) {
    case 'always':
      // A local source is read anew whenever it is asked for.
      return { policy: 'always', text: 'pull policy is always' };
    case 'missing':
      return missingCause(fact, isLocal);
    case 'never':
      if (isLocal) return missingCause(fact, isLocal);
      if (fact.status !== 'absent') return undefined;
      throw new OcupError(
        'E_IMAGE_NOT_FOUND',
        `no such image: ${image} (service "${service.name}" has pull policy never)`,
        { hint: `pull it first: ocup image pull ${image}` },
      );
    case 'build':
      return missingCause(fact, isLocal);
    case 'every':
      if (fact.status !== 'present') return missingCause(fact, isLocal);
      if (options.nowMs - fact.taggedAtMs < policy.periodMs) return undefined;
      return { policy: 'always', text: 'pulled longer ago than the pull policy allows' };
    default:
      return unreachable(policy);
  }
}

function missingCause(fact: ImageFact, isLocal: boolean): PullCause | undefined {
  if (fact.status === 'present') return undefined;
  if (isLocal) return { policy: 'missing', text: 'not imported yet' };
  if (fact.status === 'absent') return { policy: 'missing', text: 'image is missing' };
  return { policy: 'missing', text: 'if it is missing' };
}

/** An image with `build` and a name of its own may be in a registry; docker compose looks there first, too. */
function buildCause(service: Service, policy: PullPolicy): PullCause {
  if (policy.kind !== 'build' && typeof service.canonical['image'] === 'string') {
    return { policy: 'missing', text: 'image is missing, and ocup cannot build it' };
  }
  throw new OcupError(
    'E_COMPOSE_UNSUPPORTED',
    `service "${service.name}" must be built, and ocup cannot build images yet`,
    {
      hint: 'build the image with another tool and name it with image:, such as image: oci-archive:./app.tar',
      details: { service: service.name },
    },
  );
}
