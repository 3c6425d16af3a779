import { formatBytes } from '../../base/units.ts';
import type { Image } from '../../model/image.ts';
import { formatPlatform } from '../../model/platform.ts';
import { formatAgo, formatTimestamp } from './duration.ts';
import { splitImageName } from './image-name.ts';
import type { Row } from './template.ts';

export interface ImageRowOptions {
  readonly nowMs: number;
  readonly isTruncated: boolean;
}

/** A row with docker's fields for each of `names`; an image that has lost its names has one without. */
export function imageRows(
  image: Image,
  names: readonly string[],
  { nowMs, isTruncated }: ImageRowOptions,
): Row[] {
  const id = image.id.replace('sha256:', '');
  const split = names.map(splitImageName);
  const size = formatBytes(image.sizeBytes);
  return (split.length === 0 ? [{ repository: '<none>', tag: '<none>' }] : split).map((name) => ({
    Containers: 'N/A',
    CreatedAt: formatTimestamp(image.config.created),
    CreatedSince: formatAgo(image.config.created, nowMs) || 'N/A',
    Digest: image.targetDigest ?? image.manifestDigest ?? '<none>',
    ID: isTruncated ? id.slice(0, 12) : image.id,
    Platform: formatPlatform(image.config.platform),
    Repository: name.repository,
    SharedSize: 'N/A',
    Size: size,
    Tag: name.tag,
    UniqueSize: 'N/A',
    VirtualSize: size,
  }));
}
