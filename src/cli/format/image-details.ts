import { parseReference, formatFamiliarReference } from '../../model/reference.ts';
import type { ImageDetails } from '../../wire/image-calls.ts';
import { familiarName } from './image-name.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * An image in the form of `docker image inspect`, with all that Docker and podman say of it; what ocup knows beside
 * that stands under `Names`.
 */
export function dockerDetails({ image, config = {} }: ImageDetails): JsonObject {
  const settings = objectAt(config, 'config');
  const references = image.names.flatMap((name) => findReference(name) ?? []);
  const { targetDigest } = image;
  const digests = references.map(({ domain, repository }) =>
    formatFamiliarReference({ domain, repository, tag: undefined, digest: targetDigest }),
  );
  return {
    Id: image.id,
    RepoTags: references.flatMap((item) =>
      item.tag === undefined ? [] : [formatFamiliarReference({ ...item, digest: undefined })],
    ),
    RepoDigests: targetDigest === undefined ? [] : [...new Set(digests)],
    Names: image.names.map(familiarName),
    Digest: targetDigest ?? null,
    ManifestDigest: image.manifestDigest ?? null,
    Comment: '',
    Created: image.config.created ?? null,
    Author: image.config.author ?? '',
    Architecture: image.config.platform.architecture,
    ...(image.config.platform.variant !== undefined && { Variant: image.config.platform.variant }),
    Os: image.config.platform.os,
    Size: image.sizeBytes,
    Config: settings,
    RootFS: { Type: 'layers', Layers: image.config.diffIds },
    History: Array.isArray(config['history']) ? config['history'] : [],
    Metadata: { LastTagTime: image.taggedAt },
  };
}

function findReference(name: string): ReturnType<typeof parseReference> | undefined {
  return /^(?:oci|oci-archive|docker-archive|rootfs):/.test(name)
    ? undefined
    : parseReference(name);
}

function objectAt(value: JsonObject, key: string): JsonObject {
  const found = value[key];
  return typeof found === 'object' && found !== null ? { ...found } : {};
}
