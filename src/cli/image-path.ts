import { resolve } from 'node:path';
import { formatImageSource, parseImageSource } from '../model/reference.ts';

/**
 * An image as it was typed, with the path of a local source made absolute; registry names stay as they are.
 * @throws E_IMAGE_REFERENCE
 */
export function absoluteImage(image: string, workingDir: string): string {
  const source = parseImageSource(image);
  if (source.kind === 'registry') return image;
  return formatImageSource({ ...source, path: resolve(workingDir, source.path) });
}
