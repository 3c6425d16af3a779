import { formatFamiliarReference, parseImageSource } from '../../model/reference.ts';

/** An image's name as tables show it: `nginx` and `1.27`, `oci:/images` and `web`. */
export function splitImageName(name: string): {
  readonly repository: string;
  readonly tag: string;
} {
  const source = parseImageSource(name);
  if (source.kind === 'registry') {
    const { tag, digest, ...rest } = source.reference;
    const bare = formatFamiliarReference({ ...rest, tag: undefined, digest: undefined });
    return { repository: bare, tag: tag ?? (digest === undefined ? '' : '<none>') };
  }
  if (source.kind === 'rootfs') return { repository: `rootfs:${source.path}`, tag: '<none>' };
  return { repository: `${source.kind}:${source.path}`, tag: source.tag ?? '<none>' };
}

/** A name as people write it: without `docker.io/library/`. */
export function familiarName(name: string): string {
  if (name.startsWith('sha256:')) return name;
  const source = parseImageSource(name);
  return source.kind === 'registry' ? formatFamiliarReference(source.reference) : name;
}
