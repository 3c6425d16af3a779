import { join } from 'node:path';
import { describe, test } from '@jest/globals';
import { type ProgressRow, renderFrame } from '../../../src/cli/progress/frame.ts';
import type { ProgressEvent } from '../../../src/cli/progress/progress.ts';
import { expectGolden } from '../../support/golden.ts';

function row(event: ProgressEvent, parts: readonly ProgressEvent[] = []): ProgressRow {
  return {
    event,
    beganMs: 0,
    endedMs: event.status === 'working' ? undefined : 1200,
    parts: new Map(parts.map((part) => [part.id, part])),
  };
}

const layer = (id: string, current: number, total: number): ProgressEvent => ({
  id,
  status: 'working',
  text: 'Downloading',
  current,
  total,
});

const ROWS: readonly ProgressRow[] = [
  row({ id: 'Image postgres:17', status: 'done', text: 'Pulled' }),
  row({ id: 'Image nginx:1.27', status: 'working', text: 'Pulling' }, [
    layer('aaaaaaaaaaaa', 10_000_000, 30_000_000),
    layer('bbbbbbbbbbbb', 2_300_000, 10_000_000),
  ]),
  row({ id: 'Network app_default', status: 'warning', text: 'Resource is still in use' }),
  row({ id: 'Container app-db-1', status: 'done', text: 'Healthy' }),
  row({ id: 'Container app-web-1', status: 'error', text: 'Error', details: 'x'.repeat(80) }),
];

const SCREENS: Record<string, { columns: number; rows: number; isColored: boolean }> = {
  wide: { columns: 100, rows: 24, isColored: false },
  narrow: { columns: 50, rows: 24, isColored: false },
  low: { columns: 100, rows: 5, isColored: false },
  coloured: { columns: 80, rows: 24, isColored: true },
};

describe('renderFrame', () => {
  for (const [name, screen] of Object.entries(SCREENS)) {
    test(`on a ${name} screen must look as its golden file`, () => {
      const lines = renderFrame('up', ROWS, { ...screen, nowMs: 5600 });
      const text = lines.map((line) => `${line.replaceAll('\u001b', '<ESC>')}\n`).join('');
      expectGolden(join(import.meta.dirname, `frame-${name}.txt`), text);
    });
  }
});
