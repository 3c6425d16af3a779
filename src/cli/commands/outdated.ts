import { dirname } from 'node:path';
import { Semaphore } from '../../base/semaphore.ts';
import { OcupError } from '../../base/errors.ts';
import { findLock, lockKey, lockPath } from '../../compose/lock-file.ts';
import type { Project } from '../../model/project.ts';
import { parseImageSource } from '../../model/reference.ts';
import { imagesOf } from '../../plan/observed.ts';
import { getService } from '../../plan/selection.ts';
import { type CommandDefinition, option } from '../command.ts';
import { familiarName } from '../format/image-name.ts';
import { formatRows, type ListFormat, type Row } from '../format/template.ts';

const OUTDATED_FORMAT: ListFormat = {
  columns: [
    { header: 'IMAGE', field: 'Image' },
    { header: 'LOCKED', field: 'Locked' },
    { header: 'NOW', field: 'Now' },
    { header: 'SERVICES', field: 'Services' },
  ],
};

/** How many sources are asked at once. */
const LOOKUPS = 6;

export const outdatedCommand: CommandDefinition = {
  name: 'outdated',
  usage: '[SERVICE...]',
  summary: 'List the images that have moved since they were locked',
  options: [
    option('-a, --all', 'those that have not moved, too'),
    option('--exit-code', 'end with 1 where something has moved'),
    option('--no-trunc', 'do not cut digests'),
    option('--format <format>', 'table, json or a template'),
  ],
  examples: [['ocup outdated', 'then: ocup lock --update SERVICE']],
  async run(session, { args, options }) {
    const project = await session.loadProject({ allProfiles: true, isUnlocked: true });
    for (const name of args) getService(project, name);
    const path = lockPath(project);
    const lock = await findLock(path);
    if (lock === undefined) {
      throw new OcupError('E_IMAGE_LOCK', `cannot find ${path}`, { hint: 'Write it: ocup lock.' });
    }
    const client = await session.supervisor();
    const { signal } = session;
    const places = new Semaphore(LOOKUPS);
    const cut = (digest: string): string =>
      options.flag('no-trunc') ? digest : digest.slice(0, 'sha256:'.length + 12);
    const rows = await Promise.all(
      usedImages(project, args).map(({ key, image, services }) =>
        places.run(async (): Promise<Row> => {
          const { environment } = client;
          const { digest } = await client.call('image.resolve', { image, environment }, { signal });
          const locked = lock.images[key]?.digest;
          return {
            Image: familiarName(key),
            Locked: locked === undefined ? '<none>' : cut(locked),
            Now: cut(digest),
            Services: services.join(','),
            IsOutdated: locked !== digest,
          };
        }, signal),
      ),
    );
    const moved = rows.filter((row) => row['IsOutdated'] === true);
    const shown = options.flag('all') ? rows : moved;
    await session.print(formatRows(shown, options.text('format'), OUTDATED_FORMAT));
    return options.flag('exit-code') && moved.length > 0 ? 1 : 0;
  },
};

interface UsedImage {
  readonly key: string;
  readonly image: string;
  readonly services: readonly string[];
}

/** A name with a digest cannot move. */
function usedImages(project: Project, names: readonly string[]): UsedImage[] {
  const folder = dirname(lockPath(project));
  const used = new Map<string, { image: string; services: Set<string> }>();
  for (const service of project.services) {
    if (names.length > 0 && !names.includes(service.name)) continue;
    for (const { image } of imagesOf(service)) {
      const source = parseImageSource(image);
      const key = lockKey(source, folder);
      const isFixed = source.kind === 'registry' && source.reference.digest !== undefined;
      if (key === undefined || isFixed) continue;
      const known = used.get(key) ?? { image, services: new Set() };
      used.set(key, known);
      known.services.add(service.name);
    }
  }
  return [...used].map(([key, { image, services }]) => ({ key, image, services: [...services] }));
}
