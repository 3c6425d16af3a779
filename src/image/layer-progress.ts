import type { Descriptor } from '../model/descriptor.ts';
import type { PullProgress } from '../model/pull-progress.ts';

type LayerStatus = Extract<PullProgress, { kind: 'layer' }>['status'];

/** So often is told at most how much of a layer has come. */
const INTERVAL_MS = 100;

/** Tells how one layer gets on. */
export class LayerProgress {
  private readonly layer: Descriptor;
  private readonly tell: (progress: PullProgress) => void;
  private currentBytes = 0;
  private toldAtMs = 0;

  constructor(layer: Descriptor, tell: (progress: PullProgress) => void) {
    this.layer = layer;
    this.tell = tell;
  }

  received(bytes: number): void {
    this.currentBytes += bytes;
    const nowMs = Date.now();
    if (nowMs - this.toldAtMs < INTERVAL_MS) return;
    this.toldAtMs = nowMs;
    this.say('downloading');
  }

  /** What came was wrong: all of it comes once more. */
  restart(): void {
    this.currentBytes = 0;
  }

  say(status: LayerStatus): void {
    const { digest, size } = this.layer;
    const isComplete = status !== 'waiting' && status !== 'downloading';
    const currentBytes = isComplete ? size : this.currentBytes;
    this.tell({ kind: 'layer', digest, status, currentBytes, totalBytes: size });
  }
}
