import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { OcupError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { objectsAt } from '../../compose/fields.ts';
import { formatProject } from '../../compose/format.ts';
import { findLock, formatLock, lockKey, lockPath } from '../../compose/lock-file.ts';
import { isBuilt } from '../../compose/pin-images.ts';
import { formatPlatform, normalizePlatform } from '../../model/platform.ts';
import type { Image } from '../../model/image.ts';
import type { LockedImage } from '../../model/lock.ts';
import type { Json, JsonObject, Project, Service } from '../../model/project.ts';
import { parseImageSource, type ImageSource } from '../../model/reference.ts';
import { imageKey, imagesOf } from '../../plan/observed.ts';
import { type CommandDefinition, option } from '../command.ts';
import type { PullRequest } from '../execute/pull.ts';
import { pullAll } from '../execute/pull-all.ts';
import { pullEvent } from '../execute/pull.ts';
import type { Session } from '../session.ts';

export const exportCommand: CommandDefinition = {
  name: 'export',
  usage: '<FILE>',
  summary: 'Pack the project, its lock and all its images into one archive',
  options: [option('-q, --quiet', 'without progress')],
  examples: [
    ['ocup export app.tar', 'then, on a machine without a network:'],
    ['ocup import app.tar && cd app && ocup up -d', 'the same images run there'],
  ],
  async run(session, { args, options }) {
    const [file = ''] = args;
    const isQuiet = options.flag('quiet');
    const project = await session.loadProject({ allProfiles: true });
    const images = await collectImages(session, project, isQuiet);
    const { files, outside } = findFiles(project);
    for (const path of outside) {
      session.warn(`${path} is outside ${project.workingDir}, and is not in the archive`);
    }
    const lock = await completeLock(project, images);
    const client = await session.supervisor();
    const view = session.openView('export', { isQuiet });
    const id = `Archive ${file}`;
    try {
      view.show({ id, status: 'working', text: 'Exporting' });
      const { sizeBytes } = await client.call(
        'project.export',
        {
          path: resolve(session.context.workingDir, file),
          name: project.name,
          texts: { 'compose.yaml': portableText(project), 'ocup.lock': lock },
          files,
          images: images.map(({ image, key }) => ({ image, name: key })),
        },
        {
          signal: session.signal,
          onEvent: ({ currentBytes }) => {
            const details = formatBytes(currentBytes);
            view.show({ id, status: 'working', text: 'Exporting', details, current: currentBytes });
          },
        },
      );
      view.show({ id, status: 'done', text: 'Exported', details: formatBytes(sizeBytes) });
    } finally {
      view.end();
    }
    return 0;
  },
};

export const importCommand: CommandDefinition = {
  name: 'import',
  usage: '<FILE>',
  summary: 'Take a project and its images from an archive of export',
  options: [
    option('-o, --output <path>', 'folder for the project; default: its name'),
    option('-q, --quiet', 'without progress'),
  ],
  async run(session, { args, options }) {
    const [file = ''] = args;
    const { workingDir } = session.context;
    const output = options.text('output');
    const client = await session.supervisor();
    const view = session.openView('import', { isQuiet: options.flag('quiet') });
    const id = `Archive ${file}`;
    try {
      view.show({ id, status: 'working', text: 'Importing' });
      const { folder } = await client.call(
        'project.import',
        {
          path: resolve(workingDir, file),
          folder: output === undefined ? undefined : resolve(workingDir, output),
          parent: workingDir,
        },
        {
          signal: session.signal,
          onEvent(progress) {
            if (progress.kind === 'warning') view.warn(progress.message);
            const event = pullEvent(id, progress);
            if (event !== undefined) view.show(event);
          },
        },
      );
      view.show({ id, status: 'done', text: 'Imported' });
      view.end();
      await session.print(`${folder}\n`);
      return 0;
    } finally {
      view.end();
    }
  },
};

interface ExportedImage {
  /** As the service has it, pinned where the lock knows it. */
  readonly image: string;
  /** Its key in the lock, and its name in the archive. */
  readonly key: string;
  readonly found: Image;
}

/** All images of the project, pulled where they are missing. */
async function collectImages(
  session: Session,
  project: Project,
  isQuiet: boolean,
): Promise<ExportedImage[]> {
  const folder = dirname(lockPath(project));
  const wanted = new Map<string, { readonly key: string; readonly request: PullRequest }>();
  for (const service of project.services) {
    if (isBuilt(service)) {
      const message = `cannot export service "${service.name}": its image is built, and has no name`;
      throw new OcupError('E_COMPOSE_UNSUPPORTED', message, {
        hint: 'Name its image with image:.',
      });
    }
    const written = writtenImages(service);
    for (const [at, { image, platform }] of imagesOf(service).entries()) {
      const key = lockKey(unpinned(image, written[at]), folder);
      if (key === undefined) {
        session.warn(`${image} is a folder of this machine, and is not in the archive`);
        continue;
      }
      const request = { image, platform, policy: 'missing' } as const;
      wanted.set(imageKey(image, platform), { key, request });
    }
  }
  const all = [...wanted.values()];
  const requests = all.map(({ request }) => request);
  const { pulled, failures } = await pullAll(session, requests, { isQuiet, isForgiving: false });
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  return all.flatMap(({ key, request: { image } }, at) => {
    const found = pulled[at];
    return found === undefined ? [] : [{ image, key, found }];
  });
}

/** What the file says of each of a service's images. */
function writtenImages({ canonical }: Service): readonly (Json | undefined)[] {
  const hooks = objectsAt(canonical, 'pre_start').filter((hook) => hook['image'] !== undefined);
  return [canonical, ...hooks].map((item) => item['image']);
}

/** The lock has added a digest to what the file says. */
function unpinned(image: string, written: Json | undefined): ImageSource {
  const source = parseImageSource(image);
  if (source.kind !== 'registry' || typeof written !== 'string') return source;
  return parseImageSource(written);
}

/** The lock, completed by what is here: nothing is asked. */
async function completeLock(project: Project, images: readonly ExportedImage[]): Promise<string> {
  const locked: Record<string, LockedImage> = {};
  const old = await findLock(lockPath(project));
  for (const { key, found } of images) {
    const { targetDigest, manifestDigest, id, config } = found;
    if (targetDigest === undefined || manifestDigest === undefined) continue;
    const platform = formatPlatform(normalizePlatform(config.platform));
    const known = old?.images[key] ?? locked[key];
    const others = known?.digest === targetDigest ? known.platforms : {};
    const own = { manifest: manifestDigest, config: id, diffIds: config.diffIds };
    locked[key] = { digest: targetDigest, platforms: { ...others, [platform]: own } };
  }
  return formatLock({ images: locked });
}

/** Keys of the canonical form that hold paths of this machine. */
const PATH_KEYS: ReadonlySet<string> = new Set([
  'source',
  'file',
  'context',
  'path',
  'device',
  'dockerfile',
]);

/** The project as one file in which nothing depends on where it lies. */
function portableText(project: Project): string {
  const { workingDir, canonical } = project;
  const relativePath = (path: string): string => {
    const inner = relative(workingDir, path);
    return inner.startsWith('..') || isAbsolute(inner) ? path : `./${inner}`;
  };
  const change = (value: Json, key: string): Json => {
    if (typeof value === 'string') {
      if (PATH_KEYS.has(key) && isAbsolute(value)) return relativePath(value);
      const local = /^(oci|oci-archive|docker-archive):(\/.*)$/s.exec(value);
      if (key !== 'image' || local === null) return value;
      return `${local[1] ?? ''}:${relativePath(local[2] ?? '')}`;
    }
    if (value === null || typeof value !== 'object') return value;
    if (isList(value)) return value.map((item) => change(item, key));
    return changeAll(value);
  };
  const changeAll = (object: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(object).map(([key, item]) => [key, change(item, key)]));
  return formatProject({ canonical: changeAll(canonical) }, 'yaml');
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

interface FoundFiles {
  readonly files: readonly { readonly name: string; readonly source: string }[];
  readonly outside: readonly string[];
}

/** What services mount, and what configs and secrets are read from. */
function findFiles(project: Project): FoundFiles {
  const { workingDir, canonical } = project;
  const paths = new Set<string>();
  for (const { container } of project.services) {
    for (const mount of container.mounts) if (mount.kind === 'bind') paths.add(mount.source);
  }
  for (const section of ['configs', 'secrets']) {
    for (const item of Object.values(objectOf(canonical[section]))) {
      const { file } = objectOf(item);
      if (typeof file === 'string') paths.add(resolve(workingDir, file));
    }
  }
  const inner = [...paths].filter((path) => !relative(workingDir, path).startsWith('..'));
  // What lies in a folder that is packed comes with it.
  const tops = inner.filter((path) => !inner.some((other) => path.startsWith(`${other}/`))).sort();
  return {
    files: tops.map((source) => ({ name: relative(workingDir, source), source })),
    outside: [...paths].filter((path) => !inner.includes(path)),
  };
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !isList(value) ? value : {};
}
