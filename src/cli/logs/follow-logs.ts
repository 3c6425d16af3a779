import type { Event } from '../../model/event.ts';
import { LABEL } from '../../model/labels.ts';
import type { LogParams } from '../../wire/protocol.ts';
import type { SupervisorClient } from '../connection.ts';
import type { LogPrinter } from './log-printer.ts';

export interface FollowOptions {
  readonly client: SupervisorClient;
  readonly printer: LogPrinter;
  readonly project: string;
  /** Whether the output of a service's container that starts later is shown, too. */
  readonly isWanted: (service: string) => boolean;
  /** Those of the containers of `params` that have ended: what they write when they are started again is shown. */
  readonly ended: ReadonlySet<string>;
  /** Now, as RFC 3339 in UTC: before `ended` was asked for. */
  readonly beganAt: string;
  readonly signal: AbortSignal;
}

/**
 * Prints what `params` asks for and goes on with what is written, also by containers that are started, started
 * again or made meanwhile. Ends when no container that is followed writes any more.
 *
 * @throws E_CANCELLED
 */
export async function followLogs(params: LogParams, options: FollowOptions): Promise<void> {
  const { client, printer, project, signal } = options;
  const leave = new AbortController();
  const either = AbortSignal.any([signal, leave.signal]);
  const followed = new Set(params.containers.filter((id) => !options.ended.has(id)));
  // A container writes before its start is told of, and nothing between its end and its next start.
  const diedAt = new Map<string, string>();
  const tails = new Set<Promise<void>>();
  const follow = (tail: LogParams): void => {
    const done = client
      .call('container.logs', tail, { signal: either, onEvent: (line) => printer.print(line) })
      .then(() => undefined)
      .finally(() => tails.delete(done));
    tails.add(done);
  };
  const onFact = (fact: Event): void => {
    if (fact.kind !== 'container' || !options.isWanted(fact.labels[LABEL.service] ?? '')) return;
    if (fact.action === 'die' && !fact.willRestart) {
      followed.delete(fact.id);
      diedAt.set(fact.id, fact.time);
    }
    if (fact.action !== 'start' || followed.has(fact.id)) return;
    followed.add(fact.id);
    printer.register(fact);
    const since = diedAt.get(fact.id) ?? options.beganAt;
    follow({ ...params, containers: [fact.id], tail: undefined, since });
  };
  const events = client.call(
    'events.follow',
    { labels: { [LABEL.project]: project }, since: undefined },
    {
      signal: either,
      onEvent: (event) => {
        if (event.kind === 'fact') onFact(event.fact);
      },
    },
  );
  follow(params);
  try {
    while (tails.size > 0) await Promise.race([...tails, events]);
  } finally {
    leave.abort();
    await Promise.allSettled([...tails, events]);
  }
}
