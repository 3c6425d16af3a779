import type { TimelineSpan } from '../../model/timeline.ts';

/** A step on the critical path. */
export interface PathStep {
  readonly span: TimelineSpan;
  /** How much of the whole it is answerable for: from the end of the step before to its own end. */
  readonly ownMs: number;
}

/**
 * What the whole would have been quicker without: from the span that ended last back to the begin, each time to
 * the one among those it waited for that ended last. Oldest first; empty without spans.
 */
export function criticalPath(spans: readonly TimelineSpan[]): readonly PathStep[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const path: TimelineSpan[] = [];
  for (let span = lastToEnd(spans); span !== undefined;) {
    path.unshift(span);
    byId.delete(span.id); // a circle would have no end
    span = lastToEnd(span.after.flatMap((id) => byId.get(id) ?? []));
  }
  return path.map((span, index) => {
    const before = path[index - 1]?.endMs ?? span.startMs;
    return { span, ownMs: Math.max(0, span.endMs - Math.max(span.startMs, before)) };
  });
}

function lastToEnd(spans: readonly TimelineSpan[]): TimelineSpan | undefined {
  return spans.reduce<TimelineSpan | undefined>(
    (last, span) => (last === undefined || span.endMs > last.endMs ? span : last),
    undefined,
  );
}
