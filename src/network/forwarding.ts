import { readFile, readdir, writeFile } from 'node:fs/promises';

import { isOcupError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { NetworkConfig } from '../model/network.ts';
import { runNftCommands } from '../native/firewall.ts';

const IPV4 = '/proc/sys/net/ipv4/ip_forward';
const IPV6 = '/proc/sys/net/ipv6/conf';

/**
 * Has the kernel forward packets, without which nothing leaves or enters a network; not for internal ones. It
 * is left on, as others may have come to rely on it. What stands in the way is logged.
 *
 * @see linux Documentation/networking/ip-sysctl.rst
 */
export async function enableForwarding(
  config: NetworkConfig,
  hasIpv6: boolean,
  logger: Logger,
): Promise<void> {
  if (config.isInternal) return;
  try {
    if (await switchOn(IPV4)) logger.info(`enabled ${IPV4}`);
    if (hasIpv6) await enableIpv6(logger);
  } catch (error) {
    logger.warn(`containers of network ${config.name} have no way out: ${messageOf(error)}`);
  }
  await warnOfForeignDrop(config, logger);
}

async function enableIpv6(logger: Logger): Promise<void> {
  for (const name of await readdir(IPV6)) {
    // 1 means "unless forwarding": the host would lose a default route that it has from its router.
    const path = `${IPV6}/${name}/accept_ra`;
    if ((await readFile(path, 'utf8')).trim() === '1') await writeFile(path, '2');
  }
  const path = `${IPV6}/all/forwarding`;
  if (await switchOn(path)) logger.info(`enabled ${path}`);
}

async function switchOn(path: string): Promise<boolean> {
  if ((await readFile(path, 'utf8')).trim() !== '0') return false;
  await writeFile(path, '1');
  return true;
}

/** What another table drops stays dropped, whatever ours accepts. */
async function warnOfForeignDrop(config: NetworkConfig, logger: Logger): Promise<void> {
  let chain: string;
  try {
    chain = await runNftCommands('list chain ip filter FORWARD');
  } catch (error) {
    if (!isOcupError(error)) throw error;
    return;
  }
  if (!chain.includes('policy drop')) return;
  logger.warn(
    `containers of network ${config.name} may have no way out: the FORWARD chain of iptables drops. ` +
      'Accept what comes from and goes to interfaces named ocup-+ there (chain DOCKER-USER with docker).',
  );
}
