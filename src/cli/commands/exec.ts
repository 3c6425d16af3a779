import { OcupError } from '../../base/errors.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import { relayProcess } from '../process-stream.ts';
import type { RawOptions } from '../raw-options.ts';
import { getRunning, pickServices, type Session } from '../session.ts';

export const execCommand: CommandDefinition = {
  name: 'exec',
  usage: '<SERVICE> [COMMAND...]',
  summary: 'Run a command in a running container',
  passesOptionsThrough: true,
  options: [
    option('-d, --detach', 'leave it running in the background'),
    option('-e, --env <name=value>...', 'set a variable'),
    option('--index <number>', 'in this replica of the service'),
    option('-T, --no-tty', 'without a terminal; the default where there is none'),
    hiddenOption('-t, --tty', 'with a terminal; the default where there is one'),
    hiddenOption('-i, --interactive', 'with standard input; the default'),
    option('--privileged', 'with all capabilities'),
    option('-u, --user <user>', 'as this user'),
    option('-w, --workdir <path>', 'in this folder'),
  ],
  examples: [
    ['ocup exec web sh', 'open a shell'],
    ['ocup exec -T db pg_dump app > app.sql', 'keep what a command writes'],
  ],
  async run(session, { args, options }) {
    const [service = '', ...command] = args;
    if (command.length === 0) {
      throw new OcupError('E_USAGE', 'exec needs a command', {
        hint: `open a shell: ocup exec ${service} sh`,
      });
    }
    const target = await session.target();
    const containers = pickServices(await session.containers(target.name), [service], target);
    const container = getRunning(containers, service, options.count('index'));
    const hasTty = wantsTty(session, options);
    const client = await session.supervisor();
    const isDetached = options.flag('detach');
    const stream = await client.stream('container.exec', {
      container: container.id,
      command,
      environment: environmentOf(session, options),
      user: options.text('user'),
      workingDir: options.text('workdir'),
      hasTty,
      isPrivileged: options.flag('privileged'),
      hasStdin: !isDetached,
      size: hasTty ? session.context.stdout.terminal?.size() : undefined,
    });
    if (isDetached) {
      stream.close();
      return 0;
    }
    return relayProcess(stream, session.context, { hasStdin: true, hasTty, hasSignals: !hasTty });
  },
};

/** A terminal in the container, where ours can be one and nobody asked for less. */
export function wantsTty(session: Session, options: RawOptions): boolean {
  const { stdin, stdout } = session.context;
  const isPossible = stdin.terminal !== undefined && stdout.terminal !== undefined;
  return isPossible && !options.flag('no-tty') && !options.flag('detach');
}

/** `-e NAME=VALUE`; a lone `NAME` is taken from our own environment, if it is there. */
export function environmentOf(session: Session, options: RawOptions): Record<string, string> {
  return Object.fromEntries(
    options.pairs('env').flatMap(([name, written]) => {
      const value = written ?? session.context.environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
