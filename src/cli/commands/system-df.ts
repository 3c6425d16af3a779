import { formatBytes } from '../../base/units.ts';
import type { DiskUsage, UsageRow } from '../../wire/image-calls.ts';
import { type CommandDefinition, option } from '../command.ts';
import type { SupervisorClient } from '../connection.ts';
import { containerRow } from '../format/container-row.ts';
import { imageRows } from '../format/image-row.ts';
import { formatRows, type ListFormat, type Row } from '../format/template.ts';
import type { Session } from '../session.ts';

const USAGE_FORMAT: ListFormat = {
  columns: [
    { header: 'TYPE', field: 'Type' },
    { header: 'TOTAL', field: 'TotalCount' },
    { header: 'ACTIVE', field: 'Active' },
    { header: 'SIZE', field: 'Size' },
    { header: 'RECLAIMABLE', field: 'Reclaimable' },
  ],
};

export const systemDfCommand: CommandDefinition = {
  name: 'system df',
  usage: '',
  summary: 'Show what images, containers and volumes take on disk',
  options: [
    option('-v, --verbose', 'each image, container and volume'),
    option('--format <format>', 'table, json or a template'),
  ],
  async run(session, { options }) {
    const client = await session.supervisor();
    const usage = await client.call('system.usage', {}, { signal: session.signal });
    const format = options.text('format');
    if (options.flag('verbose')) {
      const details = await readDetails(session, client, usage);
      await session.print(formatDetails(details, format));
      return 0;
    }
    const rows = [
      usageRow('Images', usage.images),
      usageRow('Containers', usage.containers),
      usageRow('Local Volumes', usage.volumes),
    ];
    await session.print(formatRows(rows, format, USAGE_FORMAT));
    return 0;
  },
};

function usageRow(type: string, usage: UsageRow): Row {
  const { total, active, sizeBytes, reclaimableBytes } = usage;
  const share = sizeBytes === 0 ? '' : ` (${Math.round((100 * reclaimableBytes) / sizeBytes)}%)`;
  return {
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: formatBytes(sizeBytes),
    Reclaimable: `${formatBytes(reclaimableBytes)}${share}`,
  };
}

interface Details {
  readonly Images: readonly Row[];
  readonly Containers: readonly Row[];
  readonly Volumes: readonly Row[];
  /** Nothing is built here. */
  readonly BuildCache: readonly Row[];
}

/** The heading of each part, as docker has it. */
const PARTS: readonly (readonly [keyof Details, string, ListFormat])[] = [
  [
    'Images',
    'Images',
    {
      columns: [
        { header: 'REPOSITORY', field: 'Repository' },
        { header: 'TAG', field: 'Tag' },
        { header: 'IMAGE ID', field: 'ID' },
        { header: 'CREATED', field: 'CreatedSince' },
        { header: 'SIZE', field: 'Size' },
        { header: 'SHARED SIZE', field: 'SharedSize' },
        { header: 'UNIQUE SIZE', field: 'UniqueSize' },
        { header: 'CONTAINERS', field: 'Containers' },
      ],
    },
  ],
  [
    'Containers',
    'Containers',
    {
      columns: [
        { header: 'CONTAINER ID', field: 'ID' },
        { header: 'IMAGE', field: 'Image' },
        { header: 'COMMAND', field: 'Command' },
        { header: 'LOCAL VOLUMES', field: 'LocalVolumes' },
        { header: 'SIZE', field: 'Size' },
        { header: 'CREATED', field: 'RunningFor' },
        { header: 'STATUS', field: 'Status' },
        { header: 'NAMES', field: 'Names' },
      ],
    },
  ],
  [
    'Volumes',
    'Local Volumes',
    {
      columns: [
        { header: 'VOLUME NAME', field: 'Name' },
        { header: 'LINKS', field: 'Links' },
        { header: 'SIZE', field: 'Size' },
      ],
    },
  ],
];

async function readDetails(
  session: Session,
  client: SupervisorClient,
  usage: DiskUsage,
): Promise<Details> {
  const { signal } = session;
  const [{ images }, { containers }, { volumes }] = await Promise.all([
    client.call('image.list', {}, { signal }),
    client.call('container.list', { labels: {} }, { signal }),
    client.call('volume.list', {}, { signal }),
  ]);
  const nowMs = session.context.now();
  const imageUsage = new Map(usage.images.items.map((item) => [item.id, item]));
  const volumeUsage = new Map(usage.volumes.items.map((item) => [item.name, item]));
  return {
    Images: images.flatMap((image) => {
      const used = imageUsage.get(image.id);
      const [row] = imageRows(image, image.names.slice(0, 1), { nowMs, isTruncated: false });
      if (used === undefined || row === undefined) return [];
      const size = formatBytes(used.sharedBytes + used.uniqueBytes);
      return {
        ...row,
        Containers: String(used.containers),
        SharedSize: formatBytes(used.sharedBytes),
        Size: size,
        UniqueSize: formatBytes(used.uniqueBytes),
        VirtualSize: size,
      };
    }),
    Containers: containers.map((container) => ({
      ...containerRow(container, { nowMs, isTruncated: false }),
      Size: formatBytes(usage.containers.items[container.id] ?? 0),
    })),
    Volumes: volumes.flatMap(({ config, path }) => {
      const used = volumeUsage.get(config.name);
      if (used === undefined) return [];
      return {
        Availability: 'N/A',
        Driver: config.driver,
        Group: 'N/A',
        Labels: Object.entries(config.labels)
          .map(([name, value]) => `${name}=${value}`)
          .join(','),
        Links: String(used.links),
        Mountpoint: path,
        Name: config.name,
        Scope: 'local',
        Size: formatBytes(used.sizeBytes),
        Status: 'N/A',
      };
    }),
    BuildCache: [],
  };
}

/** One object for `json` and templates, whose lists are its fields; else a table for each of them. */
function formatDetails(details: Details, format: string | undefined): string {
  const isTable = format === undefined || format === '' || format === 'table';
  if (!isTable) return formatRows([{ ...details }], format, { columns: [] });
  return PARTS.map(([part, title, list]) => {
    const rows = details[part].map((row) => ({ ...row, ...shortId(row) }));
    return `${title} space usage:\n\n${formatRows(rows, undefined, list)}`;
  }).join('\n');
}

function shortId(row: Row): Row {
  const id = row['ID'];
  return typeof id === 'string' ? { ID: id.replace('sha256:', '').slice(0, 12) } : {};
}
