import { constants } from 'node:os';
import type { ContainerEvent, Event } from '../../model/event.ts';
import { LABEL } from '../../model/labels.ts';
import { type CommandDefinition, option } from '../command.ts';
import { parseTimeBound } from '../logs/time-bound.ts';

const SIGNAL_NUMBERS: ReadonlyMap<string, string> = new Map(
  Object.entries(constants.signals).map(([name, number]) => [name, String(number)]),
);

export const eventsCommand: CommandDefinition = {
  name: 'events',
  usage: '[SERVICE...]',
  summary: 'Print what happens to containers, as it happens',
  options: [
    option('--json', 'an object of JSON for each event'),
    option('--since <time>', 'also what happened from this time on'),
    option('--until <time>', 'end at this time'),
  ],
  async run(session, { args, options }) {
    const { context, signal } = session;
    const since = parseTimeBound(options.text('since'), context.now());
    const until = parseTimeBound(options.text('until'), context.now());
    const target = await session.target();
    const client = await session.supervisor();
    const labels = { [LABEL.project]: target.name };
    const format = options.flag('json') ? jsonEvent : textEvent;
    const over = new AbortController();
    const whole = AbortSignal.any([signal, over.signal]);
    const onEvent = (item: { kind: 'begun' } | { kind: 'fact'; fact: Event }): void => {
      if (item.kind === 'begun') {
        if (until !== undefined) endAt(until, context.now(), over);
        return;
      }
      const { fact } = item;
      if (fact.kind !== 'container' || (until !== undefined && fact.time > until)) return;
      if (args.length > 0 && !args.includes(fact.labels[LABEL.service] ?? '')) return;
      void session.print(`${format(fact)}\n`);
    };
    try {
      await client.call('events.follow', { labels, since }, { signal: whole, onEvent });
    } catch (error) {
      if (!whole.aborted) throw error;
    }
    return signal.aborted ? 130 : 0;
  },
};

/** What was before has come by then. */
function endAt(until: string, nowMs: number, over: AbortController): void {
  const leftMs = Date.parse(until) - nowMs;
  if (leftMs <= 0) over.abort();
  else AbortSignal.timeout(leftMs).addEventListener('abort', () => over.abort());
}

type ContainerFact = ContainerEvent & { readonly time: string };

/** What docker says of a container's event: its image, its name, its own labels, and what the event has. */
function attributesOf(fact: ContainerFact): Record<string, string> {
  const labels = Object.entries(fact.labels).filter(([key]) => !isInternal(key));
  const all: [string, string][] = [
    ...labels,
    ['image', fact.image],
    ['name', fact.name],
    ...ownAttributes(fact),
  ];
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isInternal(label: string): boolean {
  const isOwn = label === LABEL.fingerprint || label === LABEL.autoRemove;
  return isOwn || label.startsWith('com.docker.compose.');
}

function ownAttributes(fact: ContainerFact): [string, string][] {
  if (fact.action === 'die') return [['exitCode', String(fact.exit.code ?? 'unknown')]];
  if (fact.action !== 'kill' && fact.action !== 'stop') return [];
  return [['signal', SIGNAL_NUMBERS.get(fact.signal) ?? fact.signal]];
}

function actionOf(fact: ContainerFact): string {
  if (fact.action === 'health') return `health_status: ${fact.health}`;
  return fact.action === 'exec' ? `exec_start: ${fact.command.join(' ')}` : fact.action;
}

function jsonEvent(fact: ContainerFact): string {
  return JSON.stringify({
    action: actionOf(fact),
    attributes: attributesOf(fact),
    id: fact.id,
    service: fact.labels[LABEL.service] ?? '',
    time: fact.time,
    type: 'container',
  });
}

function textEvent(fact: ContainerFact): string {
  const attributes = Object.entries(attributesOf(fact)).map(([name, value]) => `${name}=${value}`);
  return `${fact.time} container ${actionOf(fact)} ${fact.id} (${attributes.join(', ')})`;
}
