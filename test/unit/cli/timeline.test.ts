import { describe, expect, test } from '@jest/globals';
import { criticalPath } from '../../../src/cli/timeline/critical-path.ts';
import { formatChromeTrace, formatTimeline } from '../../../src/cli/timeline/format.ts';
import type { TimelineSpan } from '../../../src/model/timeline.ts';

function span(id: string, startMs: number, endMs: number, after: readonly string[]): TimelineSpan {
  return { id, step: id, subject: '', service: undefined, startMs, endMs, after };
}

const UP = [
  span('load', 0, 10, []),
  span('pull', 10, 500, ['load']),
  span('quick', 10, 20, ['load']),
  span('create', 520, 530, ['quick', 'pull', 'elsewhere']),
  span('start', 530, 600, ['create']),
];

describe('criticalPath', () => {
  test('leads back over whatever ended last, and counts the pauses in between', () => {
    const path = criticalPath(UP).map((step) => [step.span.id, step.ownMs]);
    expect(path).toEqual([
      ['load', 10],
      ['pull', 490],
      ['create', 10],
      ['start', 70],
    ]);
  });

  test('ends where spans wait for each other, and is empty without any', () => {
    const circle = [span('a', 0, 1, ['b']), span('b', 0, 2, ['a'])];
    expect(criticalPath(circle).map((step) => step.span.id)).toEqual(['a', 'b']);
    expect(criticalPath([])).toEqual([]);
  });
});

test('what comes after an up is shown, and is on no critical path', () => {
  const path = criticalPath(UP);
  const spans = [...UP, span('healthy', 600, 5000, ['start'])];
  const text = formatTimeline(spans, path, { width: 80, isColored: false });
  expect(text).toMatch(/^ {2}- +healthy /m);
  expect(text).toMatch(/^\* - +start /m);
  expect(text).toContain('* critical path, 0.580 s:');
  const trace = JSON.parse(formatChromeTrace('app', spans, path)) as {
    readonly traceEvents: readonly { name: string; args: { isCritical?: boolean } }[];
  };
  const critical = trace.traceEvents.filter(({ args }) => args.isCritical === true);
  expect(critical.map(({ name }) => name)).toEqual(['load', 'pull', 'create', 'start']);
});
