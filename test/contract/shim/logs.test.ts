import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { RUNTIMES, TestShim } from './shim-fixture.ts';

const PART = 16 * 1024;

describe.each(RUNTIMES)('the log with $name', ({ path: runtime }) => {
  test('has a record a line, with its stream', async () => {
    await using shim = await TestShim.run({ runtime, command: 'echo out; echo; echo err >&2' });
    await shim.watch();
    const log = shim.log();
    expect(log.filter(([stream]) => stream === 'stdout')).toEqual([
      ['stdout', 'F', 'out'],
      ['stdout', 'F', ''],
    ]);
    expect(log).toContainEqual(['stderr', 'F', 'err']);
  });

  test('takes what another user writes to its own output, opened anew', async () => {
    await using shim = await TestShim.run({
      runtime,
      user: { uid: 1000, gid: 1000 },
      command: 'echo out > /proc/self/fd/1; echo err > /proc/self/fd/2',
    });
    await shim.watch();
    expect(
      shim
        .log()
        .map(([stream]) => stream)
        .sort(),
    ).toEqual(['stderr', 'stdout']);
  });

  test('of a terminal keeps its carriage returns', async () => {
    await using shim = await TestShim.run({ runtime, hasTty: true, command: 'echo a; echo b >&2' });
    await shim.watch();
    expect(shim.log()).toEqual([
      ['stdout', 'F', 'a\r'],
      ['stdout', 'F', 'b\r'],
    ]);
  });

  test('has every one of 200,000 lines', async () => {
    await using shim = await TestShim.run({ runtime, command: 'seq 1 200000' });
    await shim.watch();
    const texts = shim.log().map(([, , text]) => text);
    expect(texts).toEqual(Array.from({ length: 200_000 }, (_, i) => String(i + 1)));
  });
});

describe('the log', () => {
  test('has a line without a newline at the end', async () => {
    await using shim = await TestShim.run({ command: 'echo -n no newline' });
    await shim.watch();
    expect(shim.log()).toEqual([['stdout', 'F', 'no newline']]);
  });

  test('joins a line that came in pieces', async () => {
    await using shim = await TestShim.run({
      command: 'echo -n a; sleep 0.05; echo -n b; sleep 0.05; echo c',
    });
    await shim.watch();
    expect(shim.log()).toEqual([['stdout', 'F', 'abc']]);
  });

  test.each([PART - 1, PART, PART + 1, 2 * PART, 5 * PART + 7])(
    'cuts a line of %d bytes into parts of 16 KiB',
    async (length) => {
      await using shim = await TestShim.run({
        command: `head -c ${length} /dev/zero | tr '\\0' x; echo; echo next`,
      });
      await shim.watch();
      const log = shim.log();
      expect(log.pop()).toEqual(['stdout', 'F', 'next']);
      expect(log.map(([, tag]) => tag).join('')).toMatch(/^P*F$/);
      expect(log.slice(0, -1).every(([, , text]) => text.length === PART)).toBe(true);
      expect(log.length).toBe(Math.ceil(length / PART));
      expect(log.map(([, , text]) => text).join('')).toBe('x'.repeat(length));
    },
  );

  test('keeps bytes that are not UTF-8', async () => {
    await using shim = await TestShim.run({ command: String.raw`printf '\377\001\n'` });
    await shim.watch();
    const bytes = readFileSync(join(shim.folder, 'log'));
    expect(bytes.subarray(-3)).toEqual(Buffer.from([0xff, 0x01, 0x0a]));
  });

  test('is rotated by size without losing a line', async () => {
    await using shim = await TestShim.run({
      command: 'seq 1 5000',
      logMaxBytes: 100_000,
      logMaxFiles: 4,
    });
    await shim.watch();
    const files = ['', '.1', '.2', '.3'].filter((end) =>
      existsSync(join(shim.folder, `log${end}`)),
    );
    expect(files).toHaveLength(3);
    for (const end of files) {
      expect(statSync(join(shim.folder, `log${end}`)).size).toBeLessThanOrEqual(100_000);
    }
    const texts = files.reverse().flatMap((end) => shim.log(end).map(([, , text]) => text));
    expect(texts).toEqual(Array.from({ length: 5000 }, (_, i) => String(i + 1)));
  });

  test('keeps only so many files', async () => {
    await using shim = await TestShim.run({
      command: 'seq 1 5000',
      logMaxBytes: 20_000,
      logMaxFiles: 2,
    });
    await shim.watch();
    expect(existsSync(join(shim.folder, 'log.1'))).toBe(true);
    expect(existsSync(join(shim.folder, 'log.2'))).toBe(false);
    expect(shim.log().at(-1)?.[2]).toBe('5000');
  });

  test('of one file begins anew when it is full', async () => {
    await using shim = await TestShim.run({
      command: 'seq 1 5000',
      logMaxBytes: 20_000,
      logMaxFiles: 1,
    });
    await shim.watch();
    expect(existsSync(join(shim.folder, 'log.1'))).toBe(false);
    expect(statSync(join(shim.folder, 'log')).size).toBeLessThanOrEqual(20_000);
    expect(shim.log().at(-1)?.[2]).toBe('5000');
  });

  test('is appended to, on a line of its own after a torn one', async () => {
    await using shim = await TestShim.run({
      command: 'echo more',
      prepare: (_, folder) =>
        writeFileSync(join(folder, 'log'), '2026-01-01T00:00:00.000000000Z st'),
    });
    await shim.watch();
    const [torn, more] = readFileSync(join(shim.folder, 'log'), 'utf8').split('\n');
    expect(torn).toBe('2026-01-01T00:00:00.000000000Z st');
    expect(more).toMatch(/ stdout F more$/);
  });

  test('that is thrown away does not hold the container up', async () => {
    await using shim = await TestShim.run({ logPath: undefined, command: 'seq 1 100000; exit 4' });
    expect(await shim.watch()).toMatchObject({ exitCode: 4 });
  });

  // Far more than the disk takes and what pipe and shim hold besides.
  test('on a full disk makes the container wait for room, and loses nothing', async () => {
    await using disk = smallDisk();
    await using shim = await TestShim.run({
      logPath: join(disk.path, 'log'),
      command: 'seq 1 100000; echo written > /tmp/written',
    });
    await eventually(() => statSync(join(disk.path, 'log')).size > 900_000, 10_000);
    await sleep(500);
    const written = join(shim.folder, 'upper/tmp/written');
    expect(existsSync(written)).toBe(false);
    disk.grow();
    expect(await shim.watch()).toMatchObject({ exitCode: 0 });
    expect(existsSync(written)).toBe(true);
    expect(shim.log().map(([, , text]) => text)).toEqual(
      Array.from({ length: 100_000 }, (_, index) => String(index + 1)),
    );
  });

  test('on a disk that stays full does not keep the end of the container back, and says what is missing', async () => {
    await using disk = smallDisk();
    await using shim = await TestShim.run({
      logPath: join(disk.path, 'log'),
      command: 'seq 1 100000',
    });
    await eventually(() => statSync(join(disk.path, 'log')).size > 900_000, 10_000);
    await sleep(500); // until it is full
    process.kill(shim.pid, 'SIGKILL');
    expect(await shim.watch()).toMatchObject({ exitCode: 137 });
    const log = shim.log();
    const lost = /^ocup: (\d+) lines are missing here: No space left on device$/.exec(
      log.pop()?.[2] ?? '',
    );
    expect(log.map(([, , text]) => text)).toEqual(
      Array.from({ length: log.length }, (_, index) => String(index + 1)),
    );
    // Of those that it had written; the rest it was never rid of.
    expect(Number(lost?.[1])).toBeGreaterThan(0);
    expect(log.length + Number(lost?.[1])).toBeLessThan(100_000);
  });

  test('that reaches its reader late still reaches it before the exit', async () => {
    await using shim = await TestShim.run({
      command: 'i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); done; exit 1',
    });
    await shim.watch();
    expect(shim.log()).toHaveLength(200);
  });
});

/** A tmpfs of one megabyte. */
function smallDisk(): AsyncDisposable & { readonly path: string; readonly grow: () => void } {
  const path = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]);
  return {
    path,
    grow: () => execFileSync('mount', ['-o', 'remount,size=16m', path]),
    [Symbol.asyncDispose]() {
      execFileSync('umount', ['-l', path]);
      execFileSync('rmdir', [path]);
      return Promise.resolve();
    },
  };
}
