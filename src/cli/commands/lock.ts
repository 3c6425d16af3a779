import { writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { allOrAbort } from '../../base/all-or-abort.ts';
import { messageOf, OcupError } from '../../base/errors.ts';
import { findLock, formatLock, lockKey, lockPath } from '../../compose/lock-file.ts';
import { isBuilt } from '../../compose/pin-images.ts';
import type { Lock, LockedImage } from '../../model/lock.ts';
import type { Project } from '../../model/project.ts';
import { parseImageSource } from '../../model/reference.ts';
import { imagesOf } from '../../plan/observed.ts';
import { getService } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import type { Session } from '../session.ts';

export const lockCommand: CommandDefinition = {
  name: 'lock',
  usage: '[SERVICE...]',
  summary: 'Write what the images of the project are now to ocup.lock',
  options: [
    option('--update', 'look up again what is locked already; all, or the images of the services'),
    option('--check', 'write nothing, and fail where something would be added or removed'),
    option('--platform <platform>...', 'also for this platform, such as linux/arm64'),
  ],
  examples: [
    ['ocup lock', 'add what is missing, remove what is no longer used'],
    ['ocup lock --update web', 'take what the tag of web stands for now'],
    ['ocup --locked up -d', 'fail where the lock does not fit'],
  ],
  async run(session, { args, options }) {
    const isUpdate = options.flag('update');
    if (args.length > 0 && !isUpdate) {
      throw new OcupError('E_USAGE', 'services are named only with --update');
    }
    const project = await session.loadProject({ allProfiles: true, isUnlocked: true });
    const path = lockPath(project);
    const name = basename(path);
    const old = await findLock(path);
    const wanted = wantedImages(project, options.list('platform'));
    const updated = new Set(args.flatMap((service) => keysOf(project, service)));
    const isKept = ({ key, platforms }: WantedImage): boolean =>
      old?.images[key] !== undefined &&
      !(isUpdate && (args.length === 0 || updated.has(key))) &&
      platforms.every((item) => item === '' || old.images[key]?.platforms[item] !== undefined);
    const asked = wanted.filter((image) => !isKept(image));
    const gone = Object.keys(old?.images ?? {}).filter(
      (key) => !wanted.some((image) => image.key === key),
    );
    if (options.flag('check')) return checkLock(session, { name, asked, gone });
    const found = await lockAll(session, asked);
    const entries = wanted.flatMap(({ key }): [string, LockedImage][] => {
      const locked = found.get(key) ?? old?.images[key];
      return locked === undefined ? [] : [[key, mergePlatforms(locked, old?.images[key])]];
    });
    const text = formatLock({ images: Object.fromEntries(entries) });
    if (!session.globals.dryRun && (old === undefined || text !== formatLock(old))) {
      await writeFile(path, text);
    }
    await session.print(summary(name, old, Object.fromEntries(entries)));
    return 0;
  },
};

/** An image of the project, and the platforms it is wanted for; empty: this machine's. */
interface WantedImage {
  readonly key: string;
  readonly image: string;
  readonly platforms: readonly string[];
}

function wantedImages(project: Project, platforms: readonly string[]): WantedImage[] {
  const folder = dirname(lockPath(project));
  const wanted = new Map<string, { image: string; platforms: Set<string> }>();
  for (const service of project.services) {
    for (const { image, platform, isOwn } of imagesOf(service)) {
      const key = lockKey(parseImageSource(image), folder);
      if (key === undefined || (isOwn && isBuilt(service))) continue;
      const known = wanted.get(key) ?? { image, platforms: new Set(platforms) };
      wanted.set(key, known);
      known.platforms.add(platform ?? '');
    }
  }
  return [...wanted].map(([key, { image, platforms: set }]) => ({
    key,
    image,
    platforms: [...set],
  }));
}

/** @throws E_USAGE_NO_SUCH_SERVICE */
function keysOf(project: Project, service: string): readonly string[] {
  const folder = dirname(lockPath(project));
  return imagesOf(getService(project, service)).flatMap(
    ({ image }) => lockKey(parseImageSource(image), folder) ?? [],
  );
}

/** What was locked for other platforms stays as long as the digest does. */
function mergePlatforms(now: LockedImage, before: LockedImage | undefined): LockedImage {
  if (before === undefined || before.digest !== now.digest) return now;
  return { ...now, platforms: { ...before.platforms, ...now.platforms } };
}

async function lockAll(
  session: Session,
  wanted: readonly WantedImage[],
): Promise<Map<string, LockedImage>> {
  if (wanted.length === 0) return new Map();
  const client = await session.supervisor();
  const view = session.openView('lock');
  const lockOne = async (
    { key, image, platforms }: WantedImage,
    signal: AbortSignal,
  ): Promise<[string, LockedImage]> => {
    const id = `Image ${image}`;
    view.show({ id, status: 'working', text: 'Locking' });
    try {
      const params = { image, platforms, environment: client.environment };
      const locked = await client.call('image.lock', params, { signal });
      view.show({ id, status: 'done', text: 'Locked' });
      return [key, locked];
    } catch (error) {
      view.show({ id, status: 'error', text: 'Error', details: messageOf(error) });
      throw error;
    }
  };
  try {
    const works = wanted.map((image) => (signal: AbortSignal) => lockOne(image, signal));
    return new Map(await allOrAbort(works, session.signal));
  } finally {
    view.end();
  }
}

async function checkLock(
  session: Session,
  {
    name,
    asked,
    gone,
  }: {
    readonly name: string;
    readonly asked: readonly WantedImage[];
    readonly gone: readonly string[];
  },
): Promise<number> {
  if (asked.length === 0 && gone.length === 0) {
    await session.print(`${name} fits\n`);
    return 0;
  }
  const parts = [
    ...asked.map(({ key }) => `${key} is missing`),
    ...gone.map((key) => `${key} is no longer used`),
  ];
  throw new OcupError('E_IMAGE_LOCK', `${name} does not fit: ${parts.join(', ')}`, {
    hint: 'Bring it up to date: ocup lock.',
  });
}

function summary(name: string, old: Lock | undefined, now: Lock['images']): string {
  const before = old?.images ?? {};
  const keys = Object.keys(now);
  const added = keys.filter((key) => before[key] === undefined);
  const moved = keys.filter(
    (key) => before[key] !== undefined && before[key].digest !== now[key]?.digest,
  );
  const gone = Object.keys(before).filter((key) => now[key] === undefined);
  const lines = [
    ...added.map((key) => `added    ${key} ${now[key]?.digest ?? ''}\n`),
    ...moved.map((key) => `updated  ${key} ${now[key]?.digest ?? ''}\n`),
    ...gone.map((key) => `removed  ${key}\n`),
  ];
  return `${lines.join('')}${name}: ${keys.length} images, ${added.length} added, ${moved.length} updated, ${gone.length} removed\n`;
}
