import { messageOf } from '../../base/errors.ts';
import type { Session } from '../session.ts';

export interface WatchSwitchOptions {
  /** Acts on changes until its signal aborts. */
  readonly watch: (signal: AbortSignal) => Promise<void>;
  /** Nothing is watched once this aborts. */
  readonly signal: AbortSignal;
}

/** Turns the watch of files on and off while a project runs. */
export class WatchSwitch {
  /** Called when the switch has changed, with what went wrong if it was that. Without it a failure is thrown. */
  onChange: ((problem: string) => void) | undefined;
  private readonly session: Session;
  private readonly options: WatchSwitchOptions;
  private running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(session: Session, options: WatchSwitchOptions) {
    this.session = session;
    this.options = options;
  }

  get isOn(): boolean {
    return this.running !== undefined;
  }

  /** On where it is off, and the other way round. */
  turn(): void {
    if (this.running !== undefined) {
      this.running.stop.abort();
      return;
    }
    const stop = new AbortController();
    this.running = { stop, ended: this.run(stop.signal) };
    this.onChange?.('');
  }

  /** Resolves when it is off. @throws what its watch threw */
  async whileOn(): Promise<void> {
    await this.running?.ended;
  }

  /** Resolves when nothing of it is left. */
  async end(): Promise<void> {
    this.running?.stop.abort();
    await this.running?.ended.catch(() => undefined); // told where it was waited for
  }

  private async run(stop: AbortSignal): Promise<void> {
    const { watch, signal } = this.options;
    let problem = '';
    try {
      await watch(AbortSignal.any([signal, stop]));
      if (stop.aborted && !signal.aborted) this.session.say('Watch disabled');
    } catch (error) {
      if (this.onChange === undefined) throw error;
      problem = messageOf(error);
    } finally {
      this.running = undefined;
    }
    this.onChange?.(problem);
  }
}
