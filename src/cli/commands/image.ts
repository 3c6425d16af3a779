import { isOcupError, type OcupError } from '../../base/errors.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import { pullAll } from '../execute/pull-all.ts';
import { dockerDetails } from '../format/image-details.ts';
import { familiarName } from '../format/image-name.ts';
import { formatRows, type Row } from '../format/template.ts';
import { absoluteImage } from '../image-path.ts';
import { formatError } from '../report-error.ts';
import type { Session } from '../session.ts';

export const imagePullCommand: CommandDefinition = {
  name: 'image pull',
  usage: '<IMAGE...>',
  summary: 'Pull images',
  options: [
    option('--platform <platform>', 'for this platform, such as linux/arm64'),
    option('-q, --quiet', 'print only the id'),
  ],
  async run(session, { args, options }) {
    const platform = options.text('platform');
    const isQuiet = options.flag('quiet');
    const requests = args.map((name) => {
      const image = absoluteImage(name, session.context.workingDir);
      return { image, platform, policy: 'always' } as const;
    });
    const { pulled, failures } = await pullAll(session, requests, { isQuiet, isForgiving: false });
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    if (isQuiet) await session.print(pulled.map(({ id }) => `${id}\n`).join(''));
    return 0;
  },
};

export const imageRmCommand: CommandDefinition = {
  name: 'image rm',
  aliases: ['remove'],
  usage: '<IMAGE...>',
  summary: 'Remove images',
  options: [
    option('-f, --force', 'even if a stopped container uses it, or if it is damaged'),
    hiddenOption('--no-prune', 'accepted, without effect: nothing is left below an image'),
  ],
  async run(session, { args, options }) {
    const client = await session.supervisor();
    const force = options.flag('force');
    const failures: OcupError[] = [];
    for (const name of args) {
      const image = absoluteImage(name, session.context.workingDir);
      try {
        const { untagged, deleted } = await client.call('image.remove', { image, force });
        const lines = [
          ...untagged.map((item) => `Untagged: ${familiarName(item)}\n`),
          ...deleted.map((item) => `Deleted: ${item}\n`),
        ];
        await session.print(lines.join(''));
      } catch (error) {
        if (!isOcupError(error) || isOcupError(error, 'E_CANCELLED')) throw error;
        failures.push(error);
      }
    }
    return tellFailures(session, failures, force);
  },
};

/** The others are removed all the same; by force, what is not here need not be removed. */
function tellFailures(session: Session, failures: readonly OcupError[], force: boolean): number {
  const [last, ...before] = [...failures].reverse();
  const isFatal = !force || failures.some((error) => !isOcupError(error, 'E_IMAGE_NOT_FOUND'));
  for (const error of before.reverse()) session.say(formatError(error).trimEnd());
  if (last === undefined) return 0;
  if (isFatal) throw last;
  session.say(formatError(last).trimEnd());
  return 0;
}

export const imageInspectCommand: CommandDefinition = {
  name: 'image inspect',
  usage: '<IMAGE...>',
  summary: 'Print what is known about images, as JSON',
  options: [
    option('-f, --format <format>', 'json or a template such as {{.Id}}'),
    option('--platform <platform>', 'for this platform, such as linux/arm64'),
  ],
  async run(session, { args, options }) {
    const client = await session.supervisor();
    const platform = options.text('platform');
    const found: Row[] = [];
    for (const name of args) {
      const image = absoluteImage(name, session.context.workingDir);
      found.push(dockerDetails(await client.call('image.inspect', { image, platform })));
    }
    const format = options.text('format') ?? '';
    if (format === '' || format === 'json') {
      await session.print(`${JSON.stringify(found, undefined, format === '' ? 4 : undefined)}\n`);
    } else await session.print(formatRows(found, format, { columns: [] }));
    return 0;
  },
};
