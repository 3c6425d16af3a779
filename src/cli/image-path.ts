import { resolve } from 'node:path';
import { formatImageSource, parseImageSource } from '../model/reference.ts';

const IMAGE_ID = /^(?:sha256:)?[a-f0-9]{6,64}$/;

/**
 * An image as it was typed, with the path of a local source made absolute; registry names and ids stay as they are.
 * @throws E_IMAGE_REFERENCE
 */
export function absoluteImage(image: string, workingDir: string): string {
  if (IMAGE_ID.test(image)) return image;
  const source = parseImageSource(image);
  if (source.kind === 'registry') return image;
  return formatImageSource({ ...source, path: resolve(workingDir, source.path) });
}
