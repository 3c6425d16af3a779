import { appendFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { inheritLog } from '../../../src/supervisor/log-history.ts';
import type { LogRange } from '../../../src/supervisor/log-reader.ts';
import { followLogs, type LogSource, sendLogs } from '../../../src/supervisor/log-stream.ts';
import type { LogLine } from '../../../src/wire/protocol.ts';
import { eventually } from '../../support/eventually.ts';

const ALL: LogRange = { tail: undefined, since: undefined, until: undefined };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-logs-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A line of second `second`; `P` for a part. */
function entry(second: number, text: string, flag = 'F', stream = 'stdout'): string {
  return `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z ${stream} ${flag} ${text}\n`;
}

function source(id: string, mayWrite: () => boolean = () => false): LogSource {
  return { id, path: join(folder, id), mayWrite, onChange: () => () => undefined };
}

async function readTexts(ids: readonly string[], range: Partial<LogRange> = {}): Promise<string[]> {
  const texts: string[] = [];
  const send = (line: LogLine): Promise<void> => {
    texts.push(line.text);
    return Promise.resolve();
  };
  const sources = ids.map((id) => source(id));
  await sendLogs(sources, { ...ALL, ...range }, { send, signal: new AbortController().signal });
  return texts;
}

describe('sendLogs', () => {
  test('reads rotated files oldest first', async () => {
    await writeFile(join(folder, 'a.10'), entry(1, 'one'));
    await writeFile(join(folder, 'a.2'), entry(2, 'two'));
    await writeFile(join(folder, 'a'), entry(3, 'three'));
    expect(await readTexts(['a'])).toEqual(['one', 'two', 'three']);
  });

  test('merges containers by time and keeps the order within each', async () => {
    await writeFile(join(folder, 'a'), entry(1, 'a1') + entry(5, 'a5') + entry(2, 'a2'));
    await writeFile(join(folder, 'b'), entry(3, 'b3') + entry(6, 'b6'));
    expect(await readTexts(['a', 'b'])).toEqual(['a1', 'b3', 'a5', 'a2', 'b6']);
  });

  test('gives stream, time, text and completeness', async () => {
    await writeFile(join(folder, 'a'), entry(1, 'x  y ', 'P', 'stderr'));
    const lines: LogLine[] = [];
    await sendLogs([source('a')], ALL, {
      send: (line) => Promise.resolve(void lines.push(line)),
      signal: new AbortController().signal,
    });
    expect(lines).toEqual([
      {
        id: 'a',
        stream: 'stderr',
        time: '2026-01-01T00:00:01.000000000Z',
        text: 'x  y ',
        isComplete: false,
      },
    ]);
  });

  test('since and until take in their own time', async () => {
    await writeFile(join(folder, 'a'), [1, 2, 3, 4].map((n) => entry(n, `l${n}`)).join(''));
    const time = (second: number) => `2026-01-01T00:00:0${second}.000000000Z`;
    expect(await readTexts(['a'], { since: time(2), until: time(3) })).toEqual(['l2', 'l3']);
  });

  test.each([0, 1, 3, 7, 50])('the last %i lines reach over rotated files', async (tail) => {
    const all = Array.from({ length: 12 }, (_, index) => `line ${index}`);
    const text = (from: number, to: number) =>
      all
        .slice(from, to)
        .map((line, index) => entry(index, line))
        .join('');
    await writeFile(join(folder, 'a.2'), text(0, 4));
    await writeFile(join(folder, 'a.1'), text(4, 8));
    await writeFile(join(folder, 'a'), text(8, 12));
    expect(await readTexts(['a'], { tail })).toEqual(tail === 0 ? [] : all.slice(-tail));
  });

  test('the parts of a long line count as one line of a tail', async () => {
    await writeFile(
      join(folder, 'a'),
      entry(1, 'before') + entry(2, 'p1', 'P') + entry(2, 'p2', 'P') + entry(2, 'end'),
    );
    expect(await readTexts(['a'], { tail: 1 })).toEqual(['p1', 'p2', 'end']);
  });

  test('a tail is found in a file of many blocks', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
    await writeFile(join(folder, 'a'), lines.map((line) => entry(1, line)).join(''));
    expect(await readTexts(['a'], { tail: 9000 })).toEqual(lines.slice(-9000));
  });

  test('a character over the edge of a chunk stays whole', async () => {
    const lines = Array.from({ length: 30_000 }, () => 'äöü€😀');
    await writeFile(join(folder, 'a'), lines.map((line) => entry(1, line)).join(''));
    expect(new Set(await readTexts(['a']))).toEqual(new Set(['äöü€😀']));
  });

  test('what is not of the format is kept as text', async () => {
    await writeFile(join(folder, 'a'), 'nonsense\n');
    expect(await readTexts(['a'])).toEqual(['nonsense']);
  });

  test('a log that was never written is empty', async () => {
    expect(await readTexts(['missing'])).toEqual([]);
  });
});

describe('the log of a container that took the place of others', () => {
  const place = (name: string) => {
    return { log: join(folder, name, 'log'), history: join(folder, name, 'history') };
  };
  const read = async (name: string, range: Partial<LogRange> = {}): Promise<string> => {
    const texts: string[] = [];
    const { log: path, history } = place(name);
    await sendLogs(
      [{ ...source(name), path, history }],
      { ...ALL, ...range },
      {
        send: (line) => Promise.resolve(void texts.push(line.text)),
        signal: new AbortController().signal,
      },
    );
    return texts.join(' ');
  };

  beforeEach(async () => {
    for (const name of ['a', 'b', 'c']) await mkdir(join(folder, name));
    await writeFile(place('a').log, entry(2, 'a2'));
    await writeFile(`${place('a').log}.1`, entry(1, 'a1'));
    await writeFile(place('b').log, entry(3, 'b3') + entry(4, 'b4'));
    await writeFile(place('c').log, entry(5, 'c5'));
  });

  test('begins with what they wrote, over several replacements', async () => {
    await inheritLog(place('a'), place('b'), 9);
    await inheritLog(place('b'), place('c'), 9);
    expect(await read('c')).toBe('a1 a2 b3 b4 c5');
    expect(await read('c', { tail: 2 })).toBe('b4 c5');
    expect(await read('c', { tail: 4 })).toBe('a2 b3 b4 c5');
    expect(await read('b')).toBe('');
  });

  test('keeps so many files, the newest', async () => {
    await inheritLog(place('a'), place('b'), 9);
    await inheritLog(place('b'), place('c'), 2);
    expect(await read('c')).toBe('a2 b3 b4 c5');
    expect((await readdir(join(folder, 'c'))).sort()).toEqual(['history', 'history.1', 'log']);
  });

  test('is whole when handing it on broke off and is done again', async () => {
    await rename(`${place('a').log}.1`, `${place('b').history}.1`);
    await inheritLog(place('a'), place('b'), 9);
    expect(await read('b')).toBe('a1 a2 b3 b4');
    await inheritLog(place('a'), place('b'), 9);
    expect(await read('b')).toBe('a1 a2 b3 b4');
  });
});

describe('followLogs', () => {
  test('loses no line over rotations and ends when the container has', async () => {
    const path = join(folder, 'a');
    let mayWrite = true;
    let notify = (): void => undefined;
    const followed: LogSource = {
      id: 'a',
      path,
      mayWrite: () => mayWrite,
      onChange: (listener) => {
        notify = listener;
        return () => undefined;
      },
    };
    const texts: string[] = [];
    await writeFile(path, entry(0, 'first'));
    const follow = followLogs([followed], ALL, {
      send: (line) => Promise.resolve(void texts.push(line.text)),
      signal: new AbortController().signal,
    });
    await eventually(() => texts.length === 1, 2000);
    const expected = ['first'];
    for (let round = 0; round < 20; round += 1) {
      await appendFile(path, entry(1, `${round} old`));
      for (let number = 20; number > 0; number -= 1) {
        await rename(`${path}.${number}`, `${path}.${number + 1}`).catch(() => undefined);
      }
      await rename(path, `${path}.1`);
      await writeFile(path, entry(1, `${round} new`));
      expected.push(`${round} old`, `${round} new`);
    }
    await appendFile(path, entry(2, 'last'));
    expected.push('last');
    mayWrite = false;
    notify();
    await follow;
    expect(texts).toEqual(expected);
  });

  test('a line is sent only when its newline is there', async () => {
    const path = join(folder, 'a');
    const texts: string[] = [];
    const controller = new AbortController();
    await writeFile(path, entry(1, 'whole') + '2026-01-01T00:00:02.000000000Z stdout F ha');
    const follow = followLogs([source('a', () => true)], ALL, {
      send: (line) => Promise.resolve(void texts.push(line.text)),
      signal: controller.signal,
    });
    await eventually(() => texts.length === 1, 2000);
    await appendFile(path, 'lf\n');
    await eventually(() => texts.length === 2, 2000);
    expect(texts).toEqual(['whole', 'half']);
    controller.abort();
    await follow;
  });
});
