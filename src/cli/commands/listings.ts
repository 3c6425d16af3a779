import { formatBytes } from '../../base/units.ts';
import type { Container } from '../../model/container.ts';
import type { Image } from '../../model/image.ts';
import { LABEL } from '../../model/labels.ts';
import { formatPlatform } from '../../model/platform.ts';
import { isAlive } from '../../plan/plan-stop.ts';
import { type CommandDefinition, option } from '../command.ts';
import { formatAgo, formatTimestamp } from '../format/duration.ts';
import { formatRows, type ListFormat } from '../format/template.ts';
import { splitImageName } from '../format/image-name.ts';
import { pickServices } from '../session.ts';

const LS_FORMAT: ListFormat = {
  columns: [
    { header: 'NAME', field: 'Name' },
    { header: 'STATUS', field: 'Status' },
    { header: 'CONFIG FILES', field: 'ConfigFiles' },
  ],
  isJsonArray: true,
  layout: { minWidth: 20, padding: 3 },
};

export const lsCommand: CommandDefinition = {
  name: 'ls',
  usage: '',
  summary: 'List projects',
  options: [
    option('-a, --all', 'those without a running container, too'),
    option('-q, --quiet', 'only names'),
    option('--filter <filter>...', 'name=TEXT'),
    option('--format <format>', 'table or json'),
  ],
  async run(session, { options }) {
    const client = await session.existingSupervisor();
    const { signal } = session;
    const containers =
      client === undefined
        ? []
        : (await client.call('container.list', { labels: {} }, { signal })).containers;
    const names = options.pairs('filter').map(([, value = '']) => value);
    const shown = containers.filter((item) => options.flag('all') || isAlive(item));
    const rows = projectRows(shown).filter((row) => names.every((name) => row.Name.includes(name)));
    if (options.flag('quiet')) await session.print(rows.map((row) => `${row.Name}\n`).join(''));
    else await session.print(formatRows(rows, options.text('format'), LS_FORMAT));
    return 0;
  },
};

interface ProjectRow extends Record<string, string> {
  readonly Name: string;
  readonly Status: string;
  readonly ConfigFiles: string;
}

/** One row a project: `exited(1), running(2)`. */
function projectRows(containers: readonly Container[]): ProjectRow[] {
  const projects = groupBy(containers, (item) => item.config.labels[LABEL.project] ?? '');
  return [...projects]
    .filter(([name]) => name !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, members]) => {
      const states = groupBy(members, (item) => item.state);
      return {
        Name: name,
        Status: [...states]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([state, items]) => `${state}(${items.length})`)
          .join(', '),
        ConfigFiles: members[0]?.config.labels[LABEL.configFiles] ?? '',
      };
    });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

const IMAGES_FORMAT: ListFormat = {
  columns: [
    { header: 'CONTAINER', field: 'ContainerName' },
    { header: 'REPOSITORY', field: 'Repository' },
    { header: 'TAG', field: 'Tag' },
    { header: 'PLATFORM', field: 'Platform' },
    { header: 'IMAGE ID', field: 'ShortID' },
    { header: 'SIZE', field: 'HumanSize' },
    { header: 'CREATED', field: 'CreatedSince' },
  ],
  layout: { minWidth: 20, padding: 3 },
};

export const imagesCommand: CommandDefinition = {
  name: 'images',
  usage: '[SERVICE...]',
  summary: 'List the images that containers of the project use',
  options: [option('-q, --quiet', 'only ids'), option('--format <format>', 'table or json')],
  async run(session, { args, options }) {
    const target = await session.target();
    const containers = pickServices(await session.containers(target.name), args, target);
    const client = await session.existingSupervisor();
    const images =
      client === undefined
        ? []
        : (await client.call('image.list', {}, { signal: session.signal })).images;
    const nowMs = session.context.now();
    const rows = containers.map((container) => {
      const image = images.find((item) => item.id === container.imageId);
      return imageRow(container, image, nowMs);
    });
    const format = options.text('format');
    if (options.flag('quiet')) {
      const ids = new Set(containers.map((item) => item.imageId.replace('sha256:', '')));
      await session.print([...ids].map((id) => `${id}\n`).join(''));
    } else if (format === 'json') {
      const plain = rows.map(
        ({ ShortID: _id, HumanSize: _size, CreatedSince: _at, ...row }) => row,
      );
      await session.print(`${JSON.stringify(plain)}\n`);
    } else await session.print(formatRows(rows, format, IMAGES_FORMAT));
    return 0;
  },
};

function imageRow(container: Container, image: Image | undefined, nowMs: number) {
  const { repository, tag } = splitImageName(container.config.image);
  return {
    ID: container.imageId,
    ContainerName: container.config.name,
    Repository: repository,
    Tag: tag,
    Platform: image === undefined ? '' : formatPlatform(image.config.platform),
    Size: image?.sizeBytes ?? 0,
    Created: image?.config.created ?? '',
    LastTagTime: image?.taggedAt ?? '',
    ShortID: container.imageId.replace('sha256:', '').slice(0, 12),
    HumanSize: formatBytes(image?.sizeBytes ?? 0),
    CreatedSince: formatAgo(image?.config.created, nowMs) || 'N/A',
  };
}

const VOLUMES_FORMAT: ListFormat = {
  columns: [
    { header: 'DRIVER', field: 'Driver' },
    { header: 'VOLUME NAME', field: 'Name' },
  ],
};

export const volumesCommand: CommandDefinition = {
  name: 'volumes',
  usage: '[SERVICE...]',
  summary: 'List the volumes of the project',
  options: [option('-q, --quiet', 'only names'), option('--format <format>', 'table or json')],
  async run(session, { args, options }) {
    const target = await session.target();
    const client = await session.existingSupervisor();
    const all =
      client === undefined
        ? []
        : (await client.call('volume.list', {}, { signal: session.signal })).volumes;
    const used = new Set(
      pickServices(await session.containers(target.name), args, target).flatMap((item) =>
        item.mounts.flatMap((mount) => (mount.kind === 'volume' ? [mount.volume] : [])),
      ),
    );
    const rows = all
      .filter((item) =>
        args.length > 0
          ? used.has(item.config.name)
          : item.config.labels[LABEL.project] === target.name || used.has(item.config.name),
      )
      .map(({ config, path, createdAt }) => ({
        CreatedAt: formatTimestamp(createdAt),
        Driver: config.driver,
        Labels: Object.entries(config.labels)
          .map(([name, value]) => `${name}=${value}`)
          .join(','),
        Mountpoint: path,
        Name: config.name,
        Scope: 'local',
      }));
    if (options.flag('quiet')) await session.print(rows.map((row) => `${row.Name}\n`).join(''));
    else await session.print(formatRows(rows, options.text('format'), VOLUMES_FORMAT));
    return 0;
  },
};

const NETWORKS_FORMAT: ListFormat = {
  columns: [
    { header: 'NETWORK ID', field: 'ShortID' },
    { header: 'NAME', field: 'Name' },
    { header: 'DRIVER', field: 'Driver' },
    { header: 'SUBNET', field: 'Subnet' },
  ],
};

export const networkLsCommand: CommandDefinition = {
  name: 'network ls',
  aliases: ['list'],
  usage: '',
  summary: 'List all networks',
  options: [option('-q, --quiet', 'only names'), option('--format <format>', 'table or json')],
  async run(session, { options }) {
    const client = await session.existingSupervisor();
    const networks =
      client === undefined
        ? []
        : (await client.call('network.list', {}, { signal: session.signal })).networks;
    const rows = networks.map(({ id, config, subnet, gateway, bridge, createdAt }) => ({
      Bridge: bridge,
      CreatedAt: formatTimestamp(createdAt),
      Driver: config.driver,
      Gateway: gateway,
      ID: id,
      Name: config.name,
      Project: config.labels[LABEL.project] ?? '',
      ShortID: id.slice(0, 12),
      Subnet: subnet,
    }));
    if (options.flag('quiet')) await session.print(rows.map((row) => `${row.Name}\n`).join(''));
    else await session.print(formatRows(rows, options.text('format'), NETWORKS_FORMAT));
    return 0;
  },
};
