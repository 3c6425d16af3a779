import { isOcupError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { runNftCommands } from '../native/firewall.ts';
import { coalesce } from './coalesce.ts';
import {
  type FirewallModel,
  findAdditions,
  formatAdditions,
  formatRules,
  parseTableFamilies,
} from './firewall-rules.ts';

/**
 * Keeps the kernel's firewall as a model says. What only comes in addition is added; any other change writes
 * the whole of our tables in one transaction, whatever somebody did to them. Changes that come while one is
 * written share the next.
 */
export class Firewall {
  /**
   * Resolves once the kernel has what the model says now. On a machine without nftables it resolves too:
   * published ports are then forwarded by this process, and containers have no way out.
   *
   * @throws E_NETWORK_KERNEL when the kernel refuses the rules
   */
  readonly apply: () => Promise<void>;

  private readonly table: string;
  private readonly readModel: () => FirewallModel;
  private readonly logger: Logger;
  /** What this process wrote last. */
  private written: FirewallModel | undefined;
  private isMissing = false;

  /** `readModel` is asked at each write for what must be true then. */
  constructor(table: string, readModel: () => FirewallModel, logger: Logger) {
    this.table = table;
    this.readModel = readModel;
    this.logger = logger;
    this.apply = coalesce(() => this.write());
  }

  private async write(): Promise<void> {
    const model = this.readModel();
    if (await this.writeAdditions(model)) return;
    this.written = undefined;
    try {
      // Removing what is not there would cost as much as removing.
      const existing = parseTableFamilies(this.table, await runNftCommands('list tables'));
      const commands = formatRules(this.table, model, existing);
      if (commands !== '') await runNftCommands(commands);
      this.written = model;
      this.isMissing = false;
    } catch (error) {
      if (!isOcupError(error, 'E_HOST_UNSUPPORTED')) throw error;
      if (!this.isMissing && model.networks.length > 0) {
        this.logger.warn(`no firewall, so containers have no way out: ${messageOf(error)}`);
      }
      this.isMissing = model.networks.length > 0;
    }
  }

  /** False when all must be written: something is gone, or our tables are not as we left them. */
  private async writeAdditions(model: FirewallModel): Promise<boolean> {
    if (this.written === undefined) return false;
    const additions = findAdditions(this.written, model);
    if (additions === undefined) return false;
    try {
      await runNftCommands(formatAdditions(this.table, additions));
    } catch (error) {
      if (!isOcupError(error, 'E_NETWORK_KERNEL')) throw error;
      return false;
    }
    this.written = model;
    return true;
  }
}
