import { count, listOf, objectOf, optional, type Shape, text } from '../base/shape.ts';
import type { Timeline, TimelineSpan } from '../model/timeline.ts';

export const timelineShape: Shape<Timeline> = objectOf<Timeline>({
  project: text,
  spans: listOf(
    objectOf<TimelineSpan>({
      id: text,
      step: text,
      subject: text,
      service: optional(text),
      startMs: count,
      endMs: count,
      after: listOf(text),
    }),
  ),
});
