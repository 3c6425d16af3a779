import { formatBytes } from '../../base/units.ts';
import type { UsageRow } from '../../wire/image-calls.ts';
import { type CommandDefinition, option } from '../command.ts';
import { formatRows, type ListFormat, type Row } from '../format/template.ts';

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
  options: [option('--format <format>', 'table, json or a template')],
  async run(session, { options }) {
    const client = await session.supervisor();
    const usage = await client.call('system.usage', {}, { signal: session.signal });
    const rows = [
      usageRow('Images', usage.images),
      usageRow('Containers', usage.containers),
      usageRow('Local Volumes', usage.volumes),
    ];
    await session.print(formatRows(rows, options.text('format'), USAGE_FORMAT));
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
