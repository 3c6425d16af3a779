import { OcupError, findErrno } from '../base/errors.ts';
import { loadAddon } from './addon.ts';

/**
 * Runs a batch of nftables commands in the language of `nft -f`, as one transaction: all or nothing.
 * Resolves with what they print.
 *
 * @throws E_HOST_UNSUPPORTED when libnftables is not installed or the kernel has no nf_tables
 * @throws E_NETWORK_KERNEL when a command is refused
 * @see man 3 libnftables
 */
export async function runNftCommands(commands: string): Promise<string> {
  let result: readonly [isDone: boolean, text: string];
  try {
    result = await loadAddon().runNft(commands);
  } catch (cause) {
    if (findErrno(cause) === undefined) throw cause;
    throw new OcupError('E_HOST_UNSUPPORTED', 'cannot load libnftables.so.1', {
      hint: 'Install libnftables (package libnftables1 or nftables).',
      cause,
    });
  }
  const [isDone, text] = result;
  if (isDone) return text;
  if (/Operation not supported|Protocol not supported|cache initialization failed/.test(text)) {
    throw new OcupError('E_HOST_UNSUPPORTED', `cannot use nftables: ${firstLine(text)}`, {
      hint: 'Load the kernel modules nf_tables and nft_chain_nat, or give ocup CAP_NET_ADMIN.',
    });
  }
  throw new OcupError('E_NETWORK_KERNEL', `cannot change the firewall: ${firstLine(text)}`);
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
