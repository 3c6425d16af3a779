import type { Descriptor } from '../../model/descriptor.ts';

export interface OriginCall {
  readonly signal: AbortSignal;
  /** Another try is made after a pause. */
  readonly onRetry: (reason: string, delayMs: number) => void;
  /** Something that the user should know. */
  readonly onNotice?: ((message: string) => void) | undefined;
}

/** What a name stands for, and its content where that came along. */
export interface OriginTarget {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer | undefined;
}

/**
 * A place that images are read from: a registry, a layout, an archive. `resolve` comes first; what it names is read by
 * `document`, and what that names by `document` and `blob`; `close` comes last and is idempotent.
 */
export interface Origin {
  /** The index or manifest that was asked for. @throws E_IMAGE_… */
  resolve(call: OriginCall): Promise<OriginTarget>;
  /** A manifest, index or configuration, verified. @throws E_IMAGE_… */
  document(descriptor: Descriptor, call: OriginCall): Promise<Buffer>;
  /** A layer's bytes, not verified. @throws E_IMAGE_… */
  blob(descriptor: Descriptor, call: OriginCall): AsyncIterable<Buffer>;
  /** Says that the bytes of a blob were wrong. True: another try gets them from another place. */
  distrust?(descriptor: Descriptor, reason: string, call: OriginCall): boolean;
  /** Whether what `resolve` gave was wrong, and another try may give something else. */
  isMisled?(): boolean;
  close(): Promise<void>;
}
