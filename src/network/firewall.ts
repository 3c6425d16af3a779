import { isOcupError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { runNftCommands } from '../native/firewall.ts';
import { type FirewallModel, formatRules } from './firewall-rules.ts';

/**
 * Keeps the kernel's firewall as a model says. Each change writes the whole of our tables in one transaction:
 * whatever somebody did to them is repaired on the way. Changes that come while one is written share the
 * next.
 */
export class Firewall {
  private readonly table: string;
  private readonly readModel: () => FirewallModel;
  private readonly logger: Logger;
  private running: Promise<void> | undefined;
  private waiting: Promise<void> | undefined;
  private missing: string | undefined;

  /** `readModel` is asked at each write for what must be true then. */
  constructor(table: string, readModel: () => FirewallModel, logger: Logger) {
    this.table = table;
    this.readModel = readModel;
    this.logger = logger;
  }

  /** Why this machine has no firewall for us; undefined while it has one, or none was needed. */
  get missingReason(): string | undefined {
    return this.missing;
  }

  /**
   * Resolves once the kernel has what the model says now. On a machine without nftables it resolves too:
   * published ports are then forwarded by this process, and containers have no way out.
   *
   * @throws E_NETWORK_KERNEL when the kernel refuses the rules
   */
  apply(): Promise<void> {
    if (this.running === undefined) {
      this.running = this.write().finally(() => (this.running = undefined));
      return this.running;
    }
    const next = (): Promise<void> => {
      this.waiting = undefined;
      return this.apply();
    };
    this.waiting ??= this.running.then(next, next);
    return this.waiting;
  }

  private async write(): Promise<void> {
    try {
      await runNftCommands(formatRules(this.table, this.readModel()));
      this.missing = undefined;
    } catch (error) {
      if (!isOcupError(error, 'E_HOST_UNSUPPORTED')) throw error;
      if (this.missing === undefined) {
        this.logger.warn(`no firewall, so containers have no way out: ${messageOf(error)}`);
      }
      this.missing = messageOf(error);
    }
  }
}
