import { type CommandDefinition, option } from '../command.ts';
import { familiarName } from '../format/image-name.ts';
import { imageRows } from '../format/image-row.ts';
import { formatRows, type ListFormat } from '../format/template.ts';
import { parseImageFilter } from '../image-filter.ts';
import type { Session } from '../session.ts';

const REPOSITORY = { header: 'REPOSITORY', field: 'Repository' };
const TAG = { header: 'TAG', field: 'Tag' };
const DIGEST = { header: 'DIGEST', field: 'Digest' };
const OTHERS = [
  { header: 'IMAGE ID', field: 'ID' },
  { header: 'CREATED', field: 'CreatedSince' },
  { header: 'SIZE', field: 'Size' },
];
const HEADERS = {
  CreatedAt: 'CREATED AT',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
  VirtualSize: 'SIZE',
};

export const imageLsCommand: CommandDefinition = {
  name: 'image ls',
  aliases: ['list'],
  usage: '[REPOSITORY[:TAG]]',
  summary: 'List images that are here',
  options: [
    option('-a, --all', 'accepted, without effect: no image is hidden'),
    option('-q, --quiet', 'only ids'),
    option('-f, --filter <filter>...', 'reference=PATTERN, dangling=BOOL, label=KEY[=VALUE], ...'),
    option('--digests', 'with digests'),
    option('--no-trunc', 'do not cut ids'),
    option('--format <format>', 'table, json or a template'),
  ],
  examples: [
    ['ocup image ls --filter dangling=true', 'those without a name'],
    ["ocup image ls --filter 'reference=registry.example/*/*:1.*'", 'those whose name fits'],
    ['ocup image ls --filter since=nginx --filter label=team=web', 'made later, with a label'],
  ],
  async run(session, { args, options }) {
    const client = await session.supervisor();
    const { signal } = session;
    const nowMs = session.context.now();
    const named = args.map((name) => ['reference', name] as const);
    const filter = await parseImageFilter([...options.pairs('filter'), ...named], {
      nowMs,
      find: async (image) => {
        const params = { image, platform: undefined };
        return (await client.call('image.inspect', params, { signal })).image;
      },
    });
    const { images, damaged } = await client.call('image.list', {}, { signal });
    warnDamaged(session, damaged);
    const isTruncated = !options.flag('no-trunc');
    const rows = images.flatMap((image) => {
      const names = filter(image);
      return names === undefined ? [] : imageRows(image, names, { nowMs, isTruncated });
    });
    if (options.flag('quiet')) {
      const ids = new Set(rows.map((row) => String(row['ID'])));
      await session.print([...ids].map((id) => `${id}\n`).join(''));
      return 0;
    }
    const digest = options.flag('digests') ? [DIGEST] : [];
    const list: ListFormat = { columns: [REPOSITORY, TAG, ...digest, ...OTHERS], headers: HEADERS };
    await session.print(formatRows(rows, options.text('format'), list));
    return 0;
  },
};

/** What is damaged is in no list, and nothing that may be of it is removed. */
export function warnDamaged(session: Session, damaged: readonly string[]): void {
  if (damaged.length === 0) return;
  const names = damaged.map((name) => familiarName(name)).join(' ');
  const what =
    damaged.length === 1 ? 'an image is damaged' : `${damaged.length} images are damaged`;
  session.warn(`${what}: repair with: ocup image verify ${names}`);
}
