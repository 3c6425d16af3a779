import type { ImageSource } from '../../model/reference.ts';
import { unreachable } from '../../base/unreachable.ts';
import type { RegistryClient } from '../registry/client.ts';
import { dockerArchiveOrigin, ociArchiveOrigin } from './archive-origin.ts';
import { layoutOrigin } from './layout-origin.ts';
import type { Origin } from './origin.ts';
import { registryOrigin } from './registry-origin.ts';

export interface OriginContext {
  readonly client: RegistryClient;
  /** How the user calls the image. */
  readonly name: string;
  /** Where archives may be unpacked for the time of the import. */
  readonly scratch: string;
}

/** The place a source names; the caller closes it. @throws E_IMAGE_NOT_FOUND, E_IMAGE_FORMAT */
export function openOrigin(
  source: Exclude<ImageSource, { kind: 'rootfs' }>,
  { client, name, scratch }: OriginContext,
): Promise<Origin> {
  switch (source.kind) {
    case 'registry':
      return Promise.resolve(registryOrigin(client, source.reference));
    case 'oci':
      return Promise.resolve(layoutOrigin(source.path, source.tag, name));
    case 'oci-archive':
      return ociArchiveOrigin({ path: source.path, tag: source.tag, name, scratch });
    case 'docker-archive':
      return dockerArchiveOrigin({ path: source.path, tag: source.tag, name, scratch });
    default:
      return unreachable(source);
  }
}
