import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Links } from '../native/links.ts';
import { coalesce } from './coalesce.ts';

/** What is not waited for stays for so long, to go together with what else is to go. */
const PAUSE_MS = 50;

/**
 * Removes links in company: the kernel waits for packets that are on their way, some ten milliseconds, and does so
 * once for all that go together.
 */
export class LinkRemovals {
  private readonly names = new Set<string>();
  /** What the kernel removes now. */
  private readonly leaving = new Set<string>();
  private readonly logger: Logger;
  private readonly run: () => Promise<void>;
  private timer: NodeJS.Timeout | undefined;

  constructor(links: Links, logger: Logger) {
    this.logger = logger;
    this.run = coalesce(async () => {
      const names = [...this.names];
      this.names.clear();
      for (const name of names) this.leaving.add(name);
      await links.removeAll(names).finally(() => {
        for (const name of names) this.leaving.delete(name);
      });
    });
  }

  /**
   * Has links removed that nobody waits for: those of a container that has ended, which also go by themselves with the
   * last process in its network namespace, and bridges without addresses.
   */
  soon(names: readonly string[]): void {
    for (const name of names) this.names.add(name);
    if (this.names.size === 0) return;
    this.timer ??= setTimeout(() => {
      this.flush().catch((error: unknown) => {
        this.logger.warn(`cannot remove links: ${messageOf(error)}`);
      });
    }, PAUSE_MS);
  }

  /** Has a link stay that `soon` was told of: its name is taken again. One that is being removed by now is not spared. */
  spare(name: string): void {
    this.names.delete(name);
  }

  /** Resolves once no link of that name is about to go, so that another can be made. */
  async settled(name: string): Promise<void> {
    if (this.names.has(name) || this.leaving.has(name)) await this.run();
  }

  /** Resolves once these are gone, and with them all that `soon` was told. @throws the kernel's error */
  async now(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    for (const name of names) this.names.add(name);
    await this.flush();
  }

  /** Resolves once nothing is left to remove. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.names.size > 0) await this.run();
  }
}
