import { unreachable } from '../../base/unreachable.ts';
import type { Container } from '../../model/container.ts';
import type { ProbeResult } from '../../model/healthcheck.ts';
import { explainExit } from '../../model/exit-cause.ts';
import { serviceOf } from '../../plan/names.ts';
import { formatAgo, formatDuration } from '../format/duration.ts';

/** Why a container is as it is. */
export interface Explanation {
  readonly container: string;
  readonly state: string;
  /** One line. */
  readonly headline: string;
  /** Further sentences. */
  readonly details: readonly string[];
  readonly hint: string | undefined;
  /** Nothing is wrong with it. */
  readonly isFine: boolean;
}

/** Tells from what is known of a container why it is as it is; `nowMs` is since the epoch. */
export function explainContainer(container: Container, nowMs: number): Explanation {
  const { name } = container.config;
  const base = { container: name, state: container.state };
  switch (container.state) {
    case 'running':
    case 'paused':
      return { ...base, ...ofRunning(container, nowMs) };
    case 'restarting':
    case 'exited':
    case 'dead':
      return { ...base, ...ofEnded(container, nowMs) };
    case 'created':
      if (container.exit !== undefined) return { ...base, ...ofEnded(container, nowMs) };
      return {
        ...base,
        headline: `${name} was made and not started`,
        details: [],
        hint: undefined,
        isFine: false,
      };
    case 'removing':
      return {
        ...base,
        headline: `${name} is being removed`,
        details: [],
        hint: undefined,
        isFine: true,
      };
    default:
      return unreachable(container.state);
  }
}

type Words = Omit<Explanation, 'container' | 'state'>;

function ofRunning(container: Container, nowMs: number): Words {
  const { name } = container.config;
  const upMs = Math.max(0, nowMs - Date.parse(container.startedAt ?? '')) || 0;
  const up = `for ${lowerFirst(formatDuration(upMs))}`;
  const restarts = restartWords(container);
  if (container.state === 'paused') {
    const hint = `let it go on: ocup unpause ${serviceOf(container)}`;
    return { headline: `${name} is paused`, details: restarts, hint, isFine: true };
  }
  switch (container.health) {
    case 'none':
      return { headline: `${name} runs ${up}`, details: restarts, hint: undefined, isFine: true };
    case 'healthy':
      return {
        headline: `${name} runs ${up} and is healthy`,
        details: restarts,
        hint: undefined,
        isFine: true,
      };
    case 'starting':
    case 'unhealthy':
      return {
        headline:
          container.health === 'starting'
            ? `${name} runs ${up}, and no probe has succeeded yet`
            : `${name} runs ${up} and is unhealthy`,
        details: [...restarts, ...probeWords(container.probes)],
        hint: undefined,
        isFine: false,
      };
    default:
      return unreachable(container.health);
  }
}

function ofEnded(container: Container, nowMs: number): Words {
  const { config, exit, state } = container;
  if (exit === undefined) {
    return { headline: `${config.name} ended`, details: [], hint: undefined, isFine: false };
  }
  const cause = explainExit(exit);
  const ago = formatAgo(exit.at, nowMs);
  const code = exit.code === undefined ? 'an unknown code' : `code ${exit.code}`;
  const why = cause.short === code ? '' : `: ${cause.short}`;
  const verb =
    exit.pid === undefined && exit.reason !== undefined ? 'could not be started' : 'ended';
  const again = state === 'restarting' ? ', and is about to be started again' : '';
  return {
    headline: `${config.name} ${verb} ${lowerFirst(ago)} with ${code}${why}${again}`,
    details: [cause.sentence, ...ranWords(container), ...restartWords(container)],
    hint: cause.hint,
    isFine: cause.isExpected,
  };
}

function ranWords({ startedAt, exit }: Container): string[] {
  const ranMs = Date.parse(exit?.at ?? '') - Date.parse(startedAt ?? '');
  if (Number.isNaN(ranMs) || ranMs < 0 || exit?.pid === undefined) return [];
  return [`it ran ${ranMs < 1000 ? `${ranMs} ms` : lowerFirst(formatDuration(ranMs))}`];
}

function restartWords({ restartCount, config }: Container): string[] {
  if (restartCount === 0) return [];
  const times = restartCount === 1 ? 'once' : `${restartCount} times`;
  return [`it was started again ${times}, as restart: ${config.restart.kind} asks`];
}

function probeWords(probes: readonly ProbeResult[]): string[] {
  const last = probes.at(-1);
  if (last === undefined) return ['its probe has not come to an end yet'];
  const output = last.output.trim();
  // Below 0: the probe was ended, or could not be run.
  const result = last.exitCode < 0 ? 'failed' : `ended with ${last.exitCode}`;
  return [`its last probe ${result}${output === '' ? '' : `: ${output}`}`];
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
