import type { Digest } from '../model/digest.ts';
import type { LockedImage, LockedPlatform } from '../model/lock.ts';
import { type Platform, formatPlatform, normalizePlatform } from '../model/platform.ts';
import { type PullContext, resolveTarget, selectImage } from './pull.ts';

/**
 * What the name of an origin stands for now, and what its images for these platforms are. Only documents are fetched.
 * @throws E_IMAGE_…, E_CANCELLED
 */
export async function lockImage(
  context: Omit<PullContext, 'platform'>,
  platforms: readonly (Platform | undefined)[],
): Promise<LockedImage> {
  const target = await resolveTarget(context);
  const locked: Record<string, LockedPlatform> = {};
  for (const platform of platforms) {
    const { descriptor, manifest, config } = await selectImage(target, { ...context, platform });
    const name = formatPlatform(normalizePlatform(config.platform));
    locked[name] = {
      manifest: descriptor.digest,
      config: manifest.config.digest,
      diffIds: config.diffIds,
    };
  }
  const digest: Digest = target.descriptor.digest;
  return { digest, platforms: locked };
}
