import { LABEL } from '../../model/labels.ts';
import type { Container } from '../../model/container.ts';
import type { TimelineSpan } from '../../model/timeline.ts';

/**
 * When the containers that an `up` has started were first probed and first healthy. Of those that were started again
 * since: nothing.
 */
export function readinessSpans(
  spans: readonly TimelineSpan[],
  containers: readonly Container[],
): readonly TimelineSpan[] {
  const started = new Map(
    spans.filter(({ step }) => step === 'start').map((span) => [span.subject, span]),
  );
  return containers.flatMap((container) => {
    const { name, labels } = container.config;
    const start = started.get(name);
    const startedMs = toMs(container.startedAt);
    if (start === undefined || startedMs === undefined || container.restartCount > 0) return [];
    if (startedMs < start.startMs - CLOCK_SLACK_MS || startedMs > start.endMs + CLOCK_SLACK_MS) {
      return [];
    }
    const service = labels[LABEL.service];
    const { firstProbe, firstSuccess } = container;
    const base = { subject: name, service, after: [start.id] };
    const probe = firstProbe === undefined ? [] : [['first probe', firstProbe] as const];
    const success = firstSuccess === undefined ? [] : [['healthy', firstSuccess] as const];
    return [...probe, ...success].flatMap(([step, { startedAt, endedAt }]) => {
      const endMs = toMs(endedAt);
      const startMs = step === 'healthy' ? startedMs : toMs(startedAt);
      if (startMs === undefined || endMs === undefined) return [];
      return [{ id: `${step} ${name}`, step, ...base, startMs, endMs }];
    });
  });
}

/** The start of a process is written down a little after its call came. */
const CLOCK_SLACK_MS = 5;

/** Of RFC 3339 with nanoseconds, with microseconds as its fraction. */
function toMs(time: string | undefined): number | undefined {
  if (time === undefined) return undefined;
  const ms = Date.parse(time);
  const fraction = /\.\d{3}(\d{1,6})/.exec(time)?.[1];
  if (Number.isNaN(ms)) return undefined;
  return fraction === undefined ? ms : ms + Number(`0.${fraction}`);
}
