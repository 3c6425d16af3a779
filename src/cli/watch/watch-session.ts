import { messageOf, OcupError } from '../../base/errors.ts';
import type { Service } from '../../model/project.ts';
import type { Session } from '../session.ts';
import { allPaths, ChangeWatcher } from './changes.ts';
import { pathFilter } from './ignore.ts';
import { react, type ReactOptions } from './react.ts';
import { type WatchRule, watchRules } from './rules.ts';

/** The rules of services that are to be watched. @throws E_USAGE when there are none, E_COMPOSE_INVALID */
export function getWatchRules(services: readonly Service[]): readonly WatchRule[] {
  const rules = watchRules(services);
  if (rules.length > 0) return rules;
  throw new OcupError(
    'E_USAGE',
    "none of the selected services is configured for watch, consider setting a 'develop' section",
  );
}

/** Carries out the rules until `signal` aborts. */
export async function watchFiles(
  session: Session,
  rules: readonly WatchRule[],
  options: ReactOptions,
): Promise<void> {
  const { signal } = options;
  const filtered = await Promise.all(
    rules.map(async (rule) => ({ rule, filter: await pathFilter(rule) })),
  );
  const watcher = await ChangeWatcher.open(filtered, (error) => {
    session.warn(`cannot watch all files: ${messageOf(error)}`);
  });
  const close = (): void => void watcher.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    if (signal.aborted) return;
    if (!options.isQuiet) session.say('Watch enabled');
    const initial = filtered.filter(({ rule }) => rule.isInitial && rule.target !== undefined);
    const all = await Promise.all(
      initial.map(async (item) => [item.rule, await allPaths(item)] as const),
    );
    if (all.length > 0) await react(session, new Map(all), options);
    for (;;) {
      const changes = await watcher.next();
      if (changes === undefined) return;
      await react(session, changes, options);
    }
  } finally {
    signal.removeEventListener('abort', close);
    await watcher.close();
  }
}
