import type { Digest } from './digest.ts';

/** What a pull tells while it goes on. Bytes are those of the compressed layers. */
export type PullProgress =
  | { readonly kind: 'resolving' }
  | { readonly kind: 'resolved'; readonly digest: Digest; readonly totalBytes: number }
  | {
      readonly kind: 'layer';
      readonly digest: Digest;
      readonly status: 'waiting' | 'downloading' | 'unpacking' | 'exists' | 'done';
      readonly currentBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'retry'; readonly reason: string; readonly delayMs: number }
  | { readonly kind: 'warning'; readonly message: string };
