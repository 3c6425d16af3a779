import { messageOf } from '../../base/errors.ts';
import type { Container } from '../../model/container.ts';
import { isOneOff, serviceOf } from '../../plan/names.ts';
import { isAlive, restartActions } from '../../plan/plan-stop.ts';
import { executeActions } from '../execute/executor.ts';
import { runHook } from '../execute/hooks.ts';
import { quietView } from '../progress/plain.ts';
import type { Session } from '../session.ts';
import type { Changes } from './changes.ts';
import type { WatchRule } from './rules.ts';
import { syncPaths } from './sync.ts';

export interface ReactOptions {
  readonly project: string;
  readonly signal: AbortSignal;
  /** Says nothing of what goes well. */
  readonly isQuiet: boolean;
}

/** Does what the rules of all services ask for. What fails is a warning: the next change tries again. */
export async function react(
  session: Session,
  changes: Changes,
  options: ReactOptions,
): Promise<void> {
  const services = new Set([...changes.keys()].map((rule) => rule.service));
  for (const service of services) {
    const about = new Map([...changes].filter(([rule]) => rule.service === service));
    try {
      const containers = (await session.containers(options.project)).filter(
        (item) => serviceOf(item) === service && isAlive(item) && !isOneOff(item),
      );
      await reactFor(session, { service, containers, changes: about }, options);
    } catch (error) {
      if (options.signal.aborted) return;
      session.warn(`service "${service}": ${messageOf(error)}`);
    }
  }
}

interface ServiceChanges {
  readonly service: string;
  readonly containers: readonly Container[];
  readonly changes: Changes;
}

async function reactFor(
  session: Session,
  { service, containers, changes }: ServiceChanges,
  options: ReactOptions,
): Promise<void> {
  const rules = [...changes.keys()];
  for (const rule of rules) if (rule.action === 'rebuild') warnOfRebuild(session, rule);
  const syncs = [...changes].filter(([rule]) => rule.target !== undefined);
  const count = new Set(syncs.flatMap(([, paths]) => [...paths])).size;
  const say = (text: string): void => {
    if (!options.isQuiet) session.say(text);
  };
  if (count > 0) say(`Syncing service "${service}" after ${count} changes were detected`);
  const client = await session.supervisor();
  const { signal } = options;
  await Promise.all(
    containers.map(async (container) => {
      for (const [rule, paths] of syncs)
        await syncPaths(container, rule, paths, { client, signal });
      for (const { hook } of rules) {
        if (hook === undefined) continue;
        await runHook(
          {
            hook,
            kind: 'sync+exec',
            container: container.id,
            name: container.config.name,
            owner: container,
          },
          { client, signal, onHookLine: (_, { text }) => say(text) },
        );
      }
    }),
  );
  if (!rules.some(({ action }) => action === 'restart' || action === 'sync+restart')) return;
  const items = containers.map((container) => ({ container, cause: 'watch' }));
  const actions = restartActions(items, { timeoutMs: undefined });
  const view = quietView((text) => session.say(text.trimEnd()));
  const { parallel } = session.globals;
  await executeActions(actions, { client, view, signal, parallel });
  say(`service(s) ["${service}"] restarted`);
}

function warnOfRebuild(session: Session, { service, path }: WatchRule): void {
  session.warn(
    `${path} has changed, and service "${service}" must be built anew, which ocup cannot do yet: build it with another tool, then: ocup up -d ${service}`,
  );
}
