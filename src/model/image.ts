import type { Digest } from './digest.ts';
import type { ImageConfig } from './image-config.ts';

/** An image that is here. */
export interface Image {
  /** The digest of its configuration; for `rootfs:` of the path. */
  readonly id: Digest;
  /** The digest of the manifest that was chosen; undefined for `rootfs:`. */
  readonly manifestDigest: Digest | undefined;
  /** What the reference pointed at: index or manifest. */
  readonly targetDigest: Digest | undefined;
  /** The names it has here: `docker.io/library/nginx:1.27`, `oci:/path:tag`, `rootfs:/`. */
  readonly names: readonly string[];
  readonly config: ImageConfig;
  /** Compressed bytes of its layers. */
  readonly sizeBytes: number;
  /** RFC 3339: when a name was last given to it. */
  readonly taggedAt: string;
}
