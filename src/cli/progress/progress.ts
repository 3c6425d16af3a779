/** How far one resource is. */
export interface ProgressEvent {
  /** `Container app-db-1`, `Image nginx:1.27`. */
  readonly id: string;
  /** The resource it is a part of: the image of a layer. */
  readonly parentId?: string | undefined;
  readonly status: 'working' | 'done' | 'warning' | 'error';
  /** One word: `Creating`, `Healthy`. */
  readonly text: string;
  readonly details?: string | undefined;
  /** Bytes, where they are counted. */
  readonly current?: number | undefined;
  readonly total?: number | undefined;
}

/** Where the progress of a command is shown. */
export interface ProgressView {
  show(event: ProgressEvent): void;
  /** Says something beside the progress; never lost. */
  warn(message: string): void;
  /** The last picture stays. */
  end(): void;
}

/** Writes to where progress goes. */
export type WriteText = (text: string) => void;
