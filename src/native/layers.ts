import { withResolvers } from '../base/resolvers.ts';
import { loadAddon } from './addon.ts';

/** Where a layer's blob comes from and what becomes of it. */
export interface UnpackRequest {
  /** The file that holds the blob; undefined: its bytes are pushed. */
  readonly source: string | undefined;
  /** A new file to write the blob to. */
  readonly blob: string | undefined;
  /** An empty folder to unpack to, in the form overlayfs takes as a lower layer. */
  readonly target: string | undefined;
  /** Whether no layer will be below it. */
  readonly isBase: boolean;
  readonly limits: UnpackLimits;
}

/** What one layer may unpack to. */
export interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

export interface UnpackResult {
  /** `sha256:…` of the blob. */
  readonly digest: string;
  /** Bytes of the blob. */
  readonly size: number;
  /** `sha256:…` of the archive in it; empty if it was not unpacked. */
  readonly diffId: string;
}

/** How many things could not be kept for want of privileges. */
export interface SkippedMetadata {
  readonly owners: number;
  readonly devices: number;
  readonly attributes: number;
}

/** A blob on its way. */
export interface LayerUnpack {
  /**
   * Rejects with the system error that stopped it (`code`, `errno`, `syscall`, `path`), or with `code`
   * `LAYER_FORMAT`, `LAYER_LIMIT` or `LAYER_CANCELLED`. What was written stays for the caller to remove.
   */
  readonly result: Promise<UnpackResult>;
  /** Whether the work is over, such as by an error. */
  readonly hasEnded: boolean;
  /** Takes the next piece; resolves when the next may come, also once the work is over. */
  push(bytes: Buffer): Promise<void>;
  /** There are no more pieces. */
  end(): void;
  /** Gives up: `result` rejects soon. Once it is over, lets go of the folder, which is open until then or `settle`. */
  cancel(): void;
  /**
   * After success, once: fits the layer to those below it, their folders from the top. Folders that the layer never
   * spoke of get what is below, hard links to files below get their file, needless whiteouts go.
   */
  settle(below: readonly string[]): Promise<SkippedMetadata>;
}

/**
 * Bytes that may wait for the threads, beside the piece that was pushed last. With four times as many a pull of many layers
 * takes as long, and 15 MB more.
 */
const QUEUE_BYTES = 512 * 1024;

/**
 * Starts to digest, store, decompress and unpack a blob on two threads of its own, all at once:
 * `await push(bytes)` for each piece, `end()`, `await result`, `settle(below)`. The compression is recognised, not
 * told. Nothing is written outside `target`, whatever the names in the layer are.
 *
 * @see image-spec layer.md
 */
export function startUnpack(request: UnpackRequest): LayerUnpack {
  const outcome = withResolvers<UnpackResult>();
  outcome.promise.catch(() => undefined);
  let isOver = false;
  let waiting: (() => void) | undefined;
  const onEvent = (error?: Error | null, value?: UnpackResult): void => {
    isOver = error !== undefined;
    waiting?.();
    waiting = undefined;
    if (value !== undefined) outcome.resolve(value);
    else if (error !== undefined && error !== null) outcome.reject(error);
  };
  const raw = new (loadAddon().LayerUnpacker)(
    {
      source: request.source ?? '',
      blob: request.blob ?? '',
      target: request.target ?? '',
      isBase: request.isBase,
      ...request.limits,
      queueBytes: QUEUE_BYTES,
    },
    onEvent,
  );
  return {
    result: outcome.promise,
    get hasEnded() {
      return isOver;
    },
    push: (bytes) => {
      if (isOver || raw.push(bytes)) return Promise.resolve();
      return new Promise((resolve) => {
        waiting = resolve;
      });
    },
    end: () => raw.end(),
    cancel: () => raw.cancel(),
    settle: (below) => raw.settle(below),
  };
}
