import { OcupError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { type CommandDefinition, option } from '../command.ts';
import { familiarName } from '../format/image-name.ts';
import { confirm } from '../prompt.ts';
import { parsePruneFilter } from '../prune-filter.ts';
import { warnDamaged } from './image-ls.ts';

const FORCE = option('-f, --force', 'do not ask');
const FILTER = option('--filter <filter>...', 'until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]');
const QUESTION = 'Are you sure you want to continue?';

const ALL_IMAGES = 'all images without at least one container associated to them';
const DANGLING_IMAGES = 'all dangling images';

export const imagePruneCommand: CommandDefinition = {
  name: 'image prune',
  usage: '',
  summary: 'Remove images that nobody uses',
  options: [option('-a, --all', 'those with a name, too'), FORCE, FILTER],
  examples: [
    ['ocup image prune', 'those that have lost their names'],
    ['ocup image prune -af --filter until=240h', 'all that were made ten days ago or earlier'],
  ],
  async run(session, { options }) {
    const filter = parsePruneFilter(options, session.context.now());
    const all = options.flag('all');
    const warning = `WARNING! This will remove ${all ? ALL_IMAGES : DANGLING_IMAGES}.\n${QUESTION}`;
    if (!options.flag('force') && !(await confirm(session, warning))) return 0;
    const client = await session.supervisor();
    const { signal } = session;
    const pruned = await client.call('image.prune', { all, filter }, { signal });
    await session.print(deletedImages(pruned));
    await session.print(`Total reclaimed space: ${formatBytes(pruned.freedBytes)}\n`);
    warnDamaged(session, pruned.damaged);
    return 0;
  },
};

export const systemPruneCommand: CommandDefinition = {
  name: 'system prune',
  usage: '',
  summary: 'Remove containers, networks and images that nobody uses',
  options: [
    option('-a, --all', 'images with a name, too'),
    FORCE,
    option('--volumes', 'anonymous volumes, too'),
    FILTER,
  ],
  examples: [
    ['ocup system prune', 'asks first; volumes stay'],
    ['ocup system prune -f --filter label!=keep', 'all but what is labelled keep'],
  ],
  async run(session, { options }) {
    const filter = parsePruneFilter(options, session.context.now());
    const [all, withVolumes] = [options.flag('all'), options.flag('volumes')];
    if (withVolumes && filter.createdBefore !== undefined) {
      throw new OcupError('E_USAGE', 'the "until" filter is not supported with "--volumes"');
    }
    const warning = systemWarning({ all, withVolumes, filters: options.list('filter') });
    if (!options.flag('force') && !(await confirm(session, warning))) return 0;
    const client = await session.supervisor();
    const call = { signal: session.signal };
    let freedBytes = 0;
    const containers = await client.call('container.prune', { filter }, call);
    freedBytes += containers.freedBytes;
    await session.print(section('Containers', containers.deleted));
    const networks = await client.call('network.prune', { filter }, call);
    await session.print(section('Networks', networks.deleted));
    if (withVolumes) {
      const volumes = await client.call('volume.prune', { filter }, call);
      freedBytes += volumes.freedBytes;
      await session.print(section('Volumes', volumes.deleted));
    }
    const images = await client.call('image.prune', { all, filter }, call);
    freedBytes += images.freedBytes;
    await session.print(deletedImages(images));
    await session.print(`Total reclaimed space: ${formatBytes(freedBytes)}\n`);
    warnDamaged(session, images.damaged);
    return 0;
  },
};

function systemWarning(about: {
  readonly all: boolean;
  readonly withVolumes: boolean;
  readonly filters: readonly string[];
}): string {
  const items = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(about.withVolumes ? ['all anonymous volumes not used by at least one container'] : []),
    about.all ? ALL_IMAGES : DANGLING_IMAGES,
  ];
  const list = (lines: readonly string[]): string => lines.map((line) => `  - ${line}\n`).join('');
  const filters =
    about.filters.length === 0
      ? ''
      : `  Items to be pruned will be filtered with:\n${list(about.filters)}\n`;
  return `WARNING! This will remove:\n${list(items)}\n${filters}${QUESTION}`;
}

function deletedImages(pruned: {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
}): string {
  return section('Images', [
    ...pruned.untagged.map((name) => `untagged: ${familiarName(name)}`),
    ...pruned.deleted.map((id) => `deleted: ${id}`),
  ]);
}

function section(what: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `Deleted ${what}:\n${lines.join('\n')}\n\n`;
}
