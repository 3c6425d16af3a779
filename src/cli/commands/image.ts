import { formatBytes } from '../../base/units.ts';
import type { Image } from '../../model/image.ts';
import { PRUNE_ALL } from '../../model/prune-filter.ts';
import { formatPlatform } from '../../model/platform.ts';
import { type CommandDefinition, option } from '../command.ts';
import { pullAll } from '../execute/pull-all.ts';
import { formatAgo, formatTimestamp } from '../format/duration.ts';
import { dockerDetails } from '../format/image-details.ts';
import { familiarName, splitImageName } from '../format/image-name.ts';
import { formatRows, type ListFormat, type Row } from '../format/template.ts';
import { absoluteImage } from '../image-path.ts';
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

const IMAGE_FORMAT: ListFormat = {
  columns: [
    { header: 'REPOSITORY', field: 'Repository' },
    { header: 'TAG', field: 'Tag' },
    { header: 'IMAGE ID', field: 'ID' },
    { header: 'CREATED', field: 'CreatedSince' },
    { header: 'SIZE', field: 'Size' },
  ],
};

export const imageLsCommand: CommandDefinition = {
  name: 'image ls',
  aliases: ['list'],
  usage: '',
  summary: 'List images that are here',
  options: [
    option('-q, --quiet', 'only ids'),
    option('--digests', 'with digests'),
    option('--no-trunc', 'do not cut ids'),
    option('--format <format>', 'table, json or a template'),
  ],
  async run(session, { options }) {
    const client = await session.supervisor();
    const listed = await client.call('image.list', {}, { signal: session.signal });
    const { images, damaged } = listed;
    warnDamaged(session, damaged);
    const isTruncated = !options.flag('no-trunc');
    const rows = images.flatMap((image) => imageRows(image, session.context.now(), isTruncated));
    if (options.flag('quiet')) {
      const ids = new Set(rows.map((row) => String(row['ID'])));
      await session.print([...ids].map((id) => `${id}\n`).join(''));
      return 0;
    }
    const digest = { header: 'DIGEST', field: 'Digest' };
    const [repository, tag, ...rest] = IMAGE_FORMAT.columns;
    const columns =
      options.flag('digests') && repository && tag ? [repository, tag, digest, ...rest] : undefined;
    const list = columns === undefined ? IMAGE_FORMAT : { ...IMAGE_FORMAT, columns };
    await session.print(formatRows(rows, options.text('format'), list));
    return 0;
  },
};

/** A row for each name; an image that has lost its names has one without. */
function imageRows(image: Image, nowMs: number, isTruncated: boolean): Row[] {
  const id = image.id.replace('sha256:', '');
  const names = image.names.map(splitImageName);
  return (names.length === 0 ? [{ repository: '<none>', tag: '<none>' }] : names).map((name) => ({
    CreatedAt: formatTimestamp(image.config.created),
    CreatedSince: formatAgo(image.config.created, nowMs) || 'N/A',
    Digest: image.targetDigest ?? image.manifestDigest ?? '<none>',
    ID: isTruncated ? id.slice(0, 12) : image.id,
    Platform: formatPlatform(image.config.platform),
    Repository: name.repository,
    Size: formatBytes(image.sizeBytes),
    Tag: name.tag,
  }));
}

export const imageRmCommand: CommandDefinition = {
  name: 'image rm',
  aliases: ['remove'],
  usage: '<IMAGE...>',
  summary: 'Remove images',
  options: [option('-f, --force', 'even if a stopped container uses it')],
  async run(session, { args, options }) {
    const client = await session.supervisor();
    for (const name of args) {
      const image = absoluteImage(name, session.context.workingDir);
      const params = { image, force: options.flag('force') };
      const { untagged, deleted } = await client.call('image.remove', params);
      await session.print(
        [
          ...untagged.map((item) => `Untagged: ${item}\n`),
          ...deleted.map((item) => `Deleted: ${item}\n`),
        ].join(''),
      );
    }
    return 0;
  },
};

export const imagePruneCommand: CommandDefinition = {
  name: 'image prune',
  usage: '',
  summary: 'Remove images that nobody uses',
  options: [
    option('-a, --all', 'those with a name, too'),
    option('-f, --force', 'accepted, without effect: nothing is asked'),
  ],
  async run(session, { options }) {
    const client = await session.supervisor();
    const all = options.flag('all');
    const { deleted, freedBytes, damaged } = await client.call('image.prune', {
      all,
      filter: PRUNE_ALL,
    });
    await session.print(deleted.map((item) => `Deleted: ${item}\n`).join(''));
    await session.print(`Total reclaimed space: ${formatBytes(freedBytes)}\n`);
    warnDamaged(session, damaged);
    return 0;
  },
};

/** What is damaged is in no list, and nothing that may be of it is removed. */
function warnDamaged(session: Session, damaged: readonly string[]): void {
  if (damaged.length === 0) return;
  const names = damaged.map((name) => familiarName(name)).join(' ');
  const what =
    damaged.length === 1 ? 'an image is damaged' : `${damaged.length} images are damaged`;
  session.warn(`${what}: repair with: ocup image verify ${names}`);
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
