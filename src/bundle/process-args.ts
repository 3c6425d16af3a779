import { OcupError } from '../base/errors.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { ImageConfig } from '../model/image-config.ts';

/**
 * The command line: entrypoint and command of the config, else of the image. An entrypoint in the config
 * takes the image's command away. The init program is not part of it.
 *
 * @throws E_BUNDLE_INVALID when nothing is left to run
 * @see compose-spec 05-services.md#entrypoint
 */
export function resolveArgs(
  config: Pick<ContainerConfig, 'entrypoint' | 'command'>,
  image: Pick<ImageConfig, 'entrypoint' | 'cmd'>,
): string[] {
  const entrypoint = withoutEmptyEntrypoint(config.entrypoint ?? image.entrypoint);
  const command = config.command ?? (config.entrypoint === undefined ? image.cmd : []);
  const args = [...entrypoint, ...command];
  if (args.length === 0) {
    throw new OcupError('E_BUNDLE_INVALID', 'no command specified', {
      hint: 'Set command or entrypoint: the image has neither.',
    });
  }
  return args;
}

/** `entrypoint: ""` is how an image's entrypoint is taken away on a command line. */
function withoutEmptyEntrypoint(entrypoint: readonly string[]): readonly string[] {
  return entrypoint.length === 1 && entrypoint[0] === '' ? [] : entrypoint;
}
