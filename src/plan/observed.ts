import type { Container } from '../model/container.ts';
import type { Service } from '../model/project.ts';
import type { Network, Volume } from '../model/network.ts';

/** What is known about an image without asking a registry. */
export type ImageFact =
  /** `taggedAtMs`: since the epoch, when a name was last given to it. */
  | { readonly status: 'present'; readonly id: string; readonly taggedAtMs: number }
  | { readonly status: 'absent' }
  /** Nobody could be asked. */
  | { readonly status: 'unknown' };

/** What is there now, as plain values: all that a planner may look at beside the project. */
export interface ObservedState {
  /** Those with the project's label, one-off ones among them. */
  readonly containers: readonly Container[];
  /** All networks here, of whatever project. */
  readonly networks: readonly Network[];
  readonly volumes: readonly Volume[];
  /** By `imageKey`. */
  readonly images: ReadonlyMap<string, ImageFact>;
}

/** Tells images of one name for several platforms apart. */
export function imageKey(image: string, platform: string | undefined): string {
  return platform === undefined ? image : `${image} ${platform}`;
}

/** An image that a service is run from. */
export interface UsedImage {
  readonly image: string;
  readonly platform: string | undefined;
  /** False: that of a hook. */
  readonly isOwn: boolean;
}

/** The image of a service's containers, and then those that its hooks name. */
export function imagesOf({ container }: Service): readonly UsedImage[] {
  const { image, platform, hooks } = container;
  const others = (hooks?.preStart ?? []).flatMap((hook) => hook.image ?? []);
  return [
    { image, platform, isOwn: true },
    ...others.map((other) => ({ image: other, platform, isOwn: false })),
  ];
}

/** The fact about an image, `unknown` where nobody looked. */
export function imageFact(
  observed: ObservedState,
  image: { readonly image: string; readonly platform: string | undefined },
): ImageFact {
  return observed.images.get(imageKey(image.image, image.platform)) ?? { status: 'unknown' };
}
