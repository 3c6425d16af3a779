import type { Digest } from './digest.ts';

/** What writing an archive tells while it goes on. */
export interface SaveProgress {
  readonly kind: 'bytes';
  readonly currentBytes: number;
}

/** What a push tells while it goes on. Bytes are those of blobs as they are stored. */
export type PushProgress =
  | {
      readonly kind: 'blob';
      readonly digest: Digest;
      /** `mounted`: taken over from another repository of the registry. */
      readonly status: 'waiting' | 'uploading' | 'exists' | 'mounted' | 'done';
      readonly currentBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'retry'; readonly reason: string; readonly delayMs: number }
  | { readonly kind: 'warning'; readonly message: string };
