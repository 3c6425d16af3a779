import { describe, expect, test } from '@jest/globals';
import { jsonView, plainView, quietView } from '../../../src/cli/progress/plain.ts';
import type { ProgressEvent, ProgressView } from '../../../src/cli/progress/progress.ts';
import { terminalView } from '../../../src/cli/progress/terminal-view.ts';
import { testTerminal } from '../../support/command-context.ts';

const EVENTS: readonly ProgressEvent[] = [
  { id: 'Image nginx:1.27', status: 'working', text: 'Pulling' },
  {
    id: '0123456789ab',
    parentId: 'Image nginx:1.27',
    status: 'working',
    text: 'Downloading',
    current: 50,
    total: 200,
  },
  { id: 'Image nginx:1.27', status: 'done', text: 'Pulled' },
  { id: 'Container app-web-1', status: 'working', text: 'Starting' },
  { id: 'Container app-web-1', status: 'error', text: 'Error', details: 'no such file' },
];

function shown(open: (write: (text: string) => void) => ProgressView): string {
  let text = '';
  const view = open((part) => (text += part));
  for (const event of EVENTS) view.show(event);
  view.warn('careful');
  view.end();
  return text;
}

describe('progress', () => {
  test('plain is a line for each event of a resource, two spaces before its text', () => {
    expect(shown(plainView)).toBe(
      [
        ' Image nginx:1.27  Pulling',
        ' Image nginx:1.27  Pulled',
        ' Container app-web-1  Starting',
        ' Container app-web-1  Error  no such file',
        'Warning: careful',
        '',
      ].join('\n'),
    );
  });

  test('plain has no line for each count of bytes', () => {
    let text = '';
    const view = plainView((part) => (text += part));
    const event = { id: 'Archive a.tar', status: 'working', text: 'Saving' } as const;
    view.show(event);
    view.show({ ...event, details: '1kB', current: 1000 });
    expect(text).toBe(' Archive a.tar  Saving\n');
  });

  test('quiet shows only what went wrong', () => {
    expect(shown(quietView)).toBe(' Container app-web-1  Error  no such file\nWarning: careful\n');
  });

  test('json is an object for each event, layers with their image', () => {
    const lines: unknown[] = shown(jsonView)
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines[1]).toEqual({
      id: '0123456789ab',
      parent_id: 'Image nginx:1.27',
      status: 'Working',
      text: 'Downloading',
      current: 50,
      total: 200,
      percent: 25,
    });
    expect(lines[4]).toMatchObject({ status: 'Error', details: 'no such file' });
  });

  test('on a terminal a container keeps the cause of what was done to it', () => {
    let text = '';
    const view = terminalView({
      operation: 'up',
      write: (part) => (text += part),
      terminal: testTerminal(60, 24),
      isColored: false,
      now: () => 0,
    });
    const event = { id: 'Container app-web-1', status: 'working' } as const;
    view.show({ ...event, text: 'Recreate', details: 'environment.FOO' });
    view.show({ ...event, status: 'done', text: 'Recreated', details: 'it was ended at once' });
    view.show({ ...event, text: 'Starting' });
    view.show({ ...event, status: 'done', text: 'Started' });
    view.end();
    const last = text.slice(text.lastIndexOf('[+]'));
    expect(last).toContain('✔ Container app-web-1  Started  environment.FOO; it w');
  });

  test('on a terminal the last picture stays, and the cursor comes back', () => {
    const text = shown((write) =>
      terminalView({
        operation: 'up',
        write,
        terminal: testTerminal(60, 24),
        isColored: false,
        now: () => 0,
      }),
    );
    expect(text.endsWith('\u001b[?25h')).toBe(true);
    const last = text.slice(text.lastIndexOf('[+]'));
    expect(last).toContain('[+] up 2/2');
    expect(last).toContain('✔ Image nginx:1.27');
    expect(last).toContain('✘ Container app-web-1  Error  no such file');
    expect(text).toContain('Warning: careful\n');
  });
});
