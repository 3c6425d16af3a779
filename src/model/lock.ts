import type { Digest } from './digest.ts';

/** What one platform of a locked image is. */
export interface LockedPlatform {
  readonly manifest: Digest;
  readonly config: Digest;
  /** Of the layers from the base up. */
  readonly diffIds: readonly Digest[];
}

/** What a reference stood for when it was locked. */
export interface LockedImage {
  /** Of the index, or of the manifest where there is none. It fixes all the rest. */
  readonly digest: Digest;
  /** By platform: `linux/amd64`. */
  readonly platforms: Readonly<Record<string, LockedPlatform>>;
}

/** The images of a project by reference: written out in full, paths relative to the lock's folder. */
export interface Lock {
  readonly images: Readonly<Record<string, LockedImage>>;
}
