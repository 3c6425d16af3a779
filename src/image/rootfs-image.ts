import { stat } from 'node:fs/promises';

import { findErrno } from '../base/errors.ts';
import { emptyImageConfig } from '../model/image-config.ts';
import type { Image } from '../model/image.ts';
import { digestOf } from './documents.ts';
import { hostPlatform } from './platforms.ts';

/** A folder as an image: one layer, and nothing is set. Undefined where there is no folder. */
export async function findRootfs(path: string): Promise<Image | undefined> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return undefined;
    return {
      id: digestOf(Buffer.from(`rootfs:${path}`)),
      manifestDigest: undefined,
      targetDigest: undefined,
      names: [`rootfs:${path}`],
      config: emptyImageConfig(hostPlatform()),
      sizeBytes: 0,
      taggedAt: found.mtime.toISOString(),
    };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(findErrno(error) ?? '')) return undefined;
    throw error;
  }
}

/** The folder of an image that `findRootfs` gave; undefined for any other image. */
export function rootfsFolder(image: Image): string | undefined {
  if (image.manifestDigest !== undefined) return undefined;
  return image.names[0]?.replace(/^rootfs:/, '');
}
