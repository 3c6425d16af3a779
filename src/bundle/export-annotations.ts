import type { ContainerConfig } from '../model/container.ts';
import type { ImageConfig } from '../model/image-config.ts';

/**
 * The annotations of a bundle that leaves the house: labels of image and config, what the image's
 * configuration says of itself, and the config's annotations over all of it.
 * @see image-spec conversion.md#annotation-fields
 */
export function exportAnnotations(
  config: Pick<ContainerConfig, 'annotations' | 'labels' | 'stopSignal'>,
  image: ImageConfig,
): Record<string, string> {
  const { platform } = image;
  const fields: Readonly<Record<string, string | undefined>> = {
    architecture: platform.architecture,
    author: image.author,
    created: image.created,
    exposedPorts: image.exposedPorts.length > 0 ? [...image.exposedPorts].join(',') : undefined,
    os: platform.os,
    stopSignal: config.stopSignal ?? image.stopSignal,
    variant: platform.variant,
  };
  const own = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [[`org.opencontainers.image.${name}`, value] as const],
  );
  return { ...Object.fromEntries(own), ...image.labels, ...config.labels, ...config.annotations };
}
