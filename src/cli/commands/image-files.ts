import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { OcupError } from '../../base/errors.ts';
import { Scope } from '../../base/scope.ts';
import { formatBytes } from '../../base/units.ts';
import { hostPaths } from '../../host/paths.ts';
import { type CommandDefinition, hiddenOption, option } from '../command.ts';
import { familiarName } from '../format/image-name.ts';
import { pullEvent } from '../execute/pull.ts';
import { absoluteImage } from '../image-path.ts';
import type { Session } from '../session.ts';

const FORGOTTEN_MS = 24 * 60 * 60 * 1000;

export const imageTagCommand: CommandDefinition = {
  name: 'image tag',
  usage: '<IMAGE> <NAME>',
  summary: 'Give an image a further name',
  options: [],
  examples: [['ocup image tag app:1 registry.example/team/app:1', 'then push it there']],
  async run(session, { args }) {
    const [image = '', name = ''] = args;
    const client = await session.supervisor();
    const params = { image: absoluteImage(image, session.context.workingDir), name };
    await client.call('image.tag', params, { signal: session.signal });
    return 0;
  },
};

export const imageLoadCommand: CommandDefinition = {
  name: 'image load',
  usage: '',
  summary: 'Load images from an archive',
  options: [
    option('-i, --input <path>', 'archive or layout; default: standard input'),
    option('-q, --quiet', 'without progress'),
    option('--platform <platform>', 'for this platform, such as linux/arm64'),
  ],
  examples: [
    ['ocup image load -i app.tar', 'what docker, podman, skopeo or ocup saved'],
    ['docker save app | ocup image load', 'the same from a pipe'],
  ],
  async run(session, { options }) {
    const client = await session.supervisor();
    await using scope = new Scope();
    const path = await inputPath(session, options.text('input'), scope);
    const platform = options.text('platform');
    const view = session.openView('load', { isQuiet: options.flag('quiet') });
    const id = `Archive ${options.text('input') ?? '-'}`;
    try {
      view.show({ id, status: 'working', text: 'Loading' });
      const { images } = await client.call(
        'image.load',
        { path, platform },
        {
          signal: session.signal,
          onEvent(progress) {
            if (progress.kind === 'warning') view.warn(progress.message);
            const event = pullEvent(id, progress);
            if (event !== undefined) view.show(event);
          },
        },
      );
      view.show({ id, status: 'done', text: 'Loaded' });
      view.end();
      const lines = images.flatMap((image) =>
        image.names.length === 0
          ? [`Loaded image ID: ${image.id}\n`]
          : image.names.map((name) => `Loaded image: ${familiarName(name)}\n`),
      );
      await session.print(lines.join(''));
      return 0;
    } finally {
      view.end();
    }
  },
};

export const imageSaveCommand: CommandDefinition = {
  name: 'image save',
  usage: '<IMAGE...>',
  summary: 'Save images to an archive',
  options: [
    option('-o, --output <path>', 'file to write; default: standard output'),
    option(
      '--format <format>',
      'docker-archive (default: docker, podman and skopeo read it) or oci-archive',
    ),
    option('--platform <platform>', 'only for this platform, such as linux/arm64'),
    option('-q, --quiet', 'without progress'),
    hiddenOption(
      '-m, --multi-image-archive',
      'accepted, without effect: archives may hold several',
    ),
  ],
  examples: [
    ['ocup image save -o app.tar app:1', 'docker load, podman load and ocup image load read it'],
    ['ocup image save app:1 | gzip > app.tar.gz', 'compressed'],
  ],
  async run(session, { args, options }) {
    const format = options.choice('format', ['docker-archive', 'oci-archive']) ?? 'docker-archive';
    const output = options.text('output');
    if (output === undefined && session.context.stdout.terminal !== undefined) {
      throw new OcupError('E_USAGE', 'cannot save an archive to a terminal', {
        hint: 'Name a file with --output, or redirect standard output.',
      });
    }
    const client = await session.supervisor();
    const { workingDir } = session.context;
    await using scope = new Scope();
    const path =
      output === undefined ? await transferPath(session, scope) : resolve(workingDir, output);
    const isQuiet = options.flag('quiet') || output === undefined;
    const view = session.openView('save', { isQuiet });
    const id = `Archive ${output ?? '-'}`;
    try {
      view.show({ id, status: 'working', text: 'Saving' });
      const { sizeBytes } = await client.call(
        'image.save',
        {
          images: args.map((name) => absoluteImage(name, workingDir)),
          path,
          format: format === 'oci-archive' ? 'oci' : 'docker',
          platform: options.text('platform'),
        },
        {
          signal: session.signal,
          onEvent: ({ currentBytes }) => {
            const details = formatBytes(currentBytes);
            view.show({ id, status: 'working', text: 'Saving', details, current: currentBytes });
          },
        },
      );
      view.show({ id, status: 'done', text: 'Saved', details: formatBytes(sizeBytes) });
    } finally {
      view.end();
    }
    if (output === undefined) await sendFile(session, path);
    return 0;
  },
};

/** The archive as a file: what comes from standard input is kept in one for the time of the scope. */
async function inputPath(
  session: Session,
  input: string | undefined,
  scope: Scope,
): Promise<string> {
  const { context, signal } = session;
  if (input !== undefined && input !== '-') return resolve(context.workingDir, input);
  if (context.stdin.terminal !== undefined) {
    throw new OcupError('E_USAGE', 'cannot load an archive from a terminal', {
      hint: 'Name a file with --input, or redirect standard input.',
    });
  }
  const path = await transferPath(session, scope);
  await pipeline(context.stdin.stream, createWriteStream(path, { flags: 'wx', mode: 0o600 }), {
    signal,
  });
  return path;
}

/** A new name in the data folder, for a file that goes with the scope. */
async function transferPath({ context }: Session, scope: Scope): Promise<string> {
  const folder = join(hostPaths(context.environment, context.uid).dataDir, 'transfers');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeForgotten(folder, context.now());
  const path = join(folder, `${randomBytes(8).toString('hex')}.tar`);
  scope.defer(() => rm(path, { force: true }));
  return path;
}

/** What commands left that were killed: nobody needs a day for an archive. */
async function removeForgotten(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && nowMs - found.mtimeMs > FORGOTTEN_MS) {
      await rm(path, { force: true });
    }
  }
}

async function sendFile(session: Session, path: string): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    await session.print(chunk as Buffer);
  }
}
