import { type CommandDefinition, option } from '../command.ts';
import { DETACH_KEYS, parseDetachKeys } from '../detach-keys.ts';
import { relayProcess } from '../process-stream.ts';
import type { RawOptions } from '../raw-options.ts';
import { getRunning, pickServices } from '../session.ts';

export const attachCommand: CommandDefinition = {
  name: 'attach',
  usage: '<SERVICE>',
  summary: 'Connect the terminal with the main process of a container',
  options: [
    option('--detach-keys <keys>', `keys that leave it running, ${DETACH_KEYS} without`),
    option('--index <number>', 'of this replica of the service'),
    option('--no-stdin', 'only output'),
    option('--sig-proxy [boolean]', 'hand signals on (default)'),
    option('--no-sig-proxy', 'keep signals here'),
  ],
  async run(session, { args, options }) {
    const [service = ''] = args;
    const target = await session.target();
    const all = pickServices(await session.containers(target.name), [service], target);
    const container = getRunning(all, service, options.count('index'));
    const { hasTty, isStdinOpen } = container.config;
    const hasStdin = isStdinOpen && !options.flag('no-stdin');
    const detachKeys = parseDetachKeys(options.text('detach-keys') ?? DETACH_KEYS);
    const client = await session.supervisor();
    const stream = await client.stream('container.attach', { container: container.id, hasStdin });
    const hasSignals = !hasTty && !options.flag('no-sig-proxy') && wantsSignals(options);
    const relay = { hasStdin, hasTty, hasSignals, detachKeys };
    return relayProcess(stream, session.context, relay);
  },
};

/** `--sig-proxy=false`, as docker compose has it. */
function wantsSignals(options: RawOptions): boolean {
  return options.choice('sig-proxy', ['true', 'false']) !== 'false';
}
