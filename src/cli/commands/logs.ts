import { isOcupError, messageOf, OcupError } from '../../base/errors.ts';
import type { Container } from '../../model/container.ts';
import { isOneOff, numberOf, serviceOf } from '../../plan/names.ts';
import { isAlive } from '../../plan/plan-stop.ts';
import { type CommandDefinition, option } from '../command.ts';
import { followLogs } from '../logs/follow-logs.ts';
import { LogPrinter, toLogSource } from '../logs/log-printer.ts';
import { printPastLogs } from '../logs/past-logs.ts';
import { parseTail, parseTimeBound } from '../logs/time-bound.ts';
import { pickServices } from '../session.ts';
import { isColored } from '../style.ts';

export const logsCommand: CommandDefinition = {
  name: 'logs',
  usage: '[SERVICE...]',
  summary: 'Show what containers have written',
  options: [
    option('-f, --follow', 'go on with what they write from now on'),
    option('-n, --tail <lines>', 'only the last lines of each container; all is the default'),
    option('--since <time>', 'only lines from then on: 10m, or 2026-01-31T12:00:00Z'),
    option('--until <time>', 'only lines until then'),
    option('-t, --timestamps', 'print when each line was written'),
    option('--no-color', 'print without colours'),
    option('--no-log-prefix', 'print lines as they are'),
    option('--history', 'also what the containers wrote that were replaced since'),
    option('--grep <pattern>', 'only lines that the regular expression is found in'),
    option('--json', 'an object of JSON for each line'),
    option(
      '--format <format>',
      "text, json, or json-file for the lines that Docker's driver keeps",
    ),
    option('--index <number>', 'only this replica of each service'),
  ],
  examples: [
    ['ocup logs -f web', 'show the output of web as it comes'],
    [
      'ocup logs --tail 20 --since 10m',
      'at most 20 lines of the last ten minutes of each container',
    ],
  ],
  async run(session, { args, options }) {
    const { context, globals, signal } = session;
    const index = options.count('index');
    const follow = options.flag('follow');
    const tail = parseTail(options.text('tail'));
    const since = parseTimeBound(options.text('since'), context.now());
    const until = parseTimeBound(options.text('until'), context.now());
    const target = await session.target();
    const beganAt = new Date(context.now()).toISOString();
    const picked = pickServices(await session.containers(target.name), args, target).filter(
      (item) => !isOneOff(item) && (index === undefined || numberOf(item) === index),
    );
    if (index !== undefined) requireReplicas(picked, args, index);
    for (const { config } of picked.filter(keepsNothing)) {
      session.warn(`${config.name} keeps no log: its logging driver is none`);
    }
    if (picked.length === 0) return 0;
    const printer = new LogPrinter(context, {
      hasPrefix: !options.flag('no-log-prefix'),
      hasTimestamps: options.flag('timestamps'),
      // All of it is what was asked for: `ocup logs web | grep …` finds errors, too.
      hasErrorStream: false,
      format: options.flag('json')
        ? 'json'
        : (options.choice('format', ['text', 'json', 'json-file']) ?? 'text'),
      pattern: parsePattern(options.text('grep')),
      isBinary: !follow,
      isColored:
        !options.flag('no-color') && isColored(context.stdout, globals, context.environment),
    });
    for (const container of picked) printer.register(toLogSource(container));
    const client = await session.supervisor();
    const withHistory = options.flag('history');
    const containers = picked.map(({ id }) => id);
    const params = { containers, follow, tail, since, until, withHistory };
    try {
      if (follow) {
        const isWanted = (service: string): boolean =>
          index === undefined && (args.length === 0 || args.includes(service));
        const { name: project } = target;
        const ended = new Set(picked.filter((item) => !isAlive(item)).map(({ id }) => id));
        const options = { client, printer, project, isWanted, ended, beganAt, signal };
        await followLogs(params, options);
      } else {
        await printPastLogs(params, { client, printer, signal });
      }
    } catch (error) {
      // Ctrl-C is how one leaves.
      if (!follow || !isOcupError(error, 'E_CANCELLED')) throw error;
      return 130;
    } finally {
      for (const { id } of picked) printer.endOf(id);
      await printer.flush();
    }
    return 0;
  },
};

function keepsNothing({ config }: Container): boolean {
  return config.logging?.driver === 'none';
}

/** @throws E_CONTAINER_STATE for a service that was named and has no container of that number */
function requireReplicas(
  picked: readonly Container[],
  services: readonly string[],
  index: number,
): void {
  const missing = services.find((name) => !picked.some((item) => serviceOf(item) === name));
  if (missing === undefined) return;
  throw new OcupError(
    'E_CONTAINER_STATE',
    `service "${missing}" is not running container #${index}`,
  );
}

/** @throws E_USAGE */
function parsePattern(text: string | undefined): RegExp | undefined {
  try {
    return text === undefined ? undefined : new RegExp(text);
  } catch (cause) {
    throw new OcupError('E_USAGE', `--grep is no regular expression: ${messageOf(cause)}`, {
      cause,
    });
  }
}
