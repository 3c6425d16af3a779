export interface IdleOptions {
  /** How long nothing may go on, in milliseconds, asked at each change. */
  readonly idleMs: () => number;
  readonly isBusy: () => boolean;
  /** Called once. */
  readonly onIdle: () => void;
}

/** Tells when nothing has gone on for a while. Between changes no timer runs. */
export class IdleWatch {
  private readonly options: IdleOptions;
  private timer: NodeJS.Timeout | undefined;
  private isDone = false;

  constructor(options: IdleOptions) {
    this.options = options;
  }

  /** To be called after whatever may change `isBusy`. */
  update(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.isDone || this.options.isBusy()) return;
    this.timer = setTimeout(() => {
      if (this.options.isBusy()) return;
      this.stop();
      this.options.onIdle();
    }, this.options.idleMs());
  }

  stop(): void {
    this.isDone = true;
    clearTimeout(this.timer);
  }
}
