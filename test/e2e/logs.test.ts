import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';

const run = promisify(execFile);
const OCUP = resolve(import.meta.dirname, '../../bin/ocup');

const COMPOSE = `
name: logs
services:
  bytes:
    image: "rootfs:/"
    command: [sh, -c, 'printf "\\\\377\\\\000\\\\200 caf\\\\303\\\\251\\\\n"']
  long:
    image: "rootfs:/"
    command: [sh, -c, "head -c 10485760 /dev/zero | tr '\\\\0' x; echo; echo after"]
  many:
    image: "rootfs:/"
    command: [sh, -c, "seq 1 50000; echo last >&2"]
    logging: { driver: json-file, options: { max-size: 100k, max-file: "3" } }
  first:
    image: "rootfs:/"
    command: [sh, -c, "echo one; sleep 0.6; echo three"]
  second:
    image: "rootfs:/"
    command: [sh, -c, "sleep 0.3; echo two >&2"]
`;

describe('logs', () => {
  const home = new OcupHome();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-logs-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    await home.succeed(['up', '-d'], { cwd: project });
    for (const service of ['bytes', 'long', 'many', 'first', 'second']) {
      await home.run(['wait', service], { cwd: project });
    }
  });

  afterAll(async () => {
    await home.run(['down', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  /** Standard output as bytes. */
  async function logs(...args: readonly string[]): Promise<Buffer> {
    const options = { cwd: project, env: { ...process.env, ...home.env, NODE_OPTIONS: '' } };
    const { stdout } = await run(OCUP, ['logs', '--no-log-prefix', ...args], {
      ...options,
      encoding: 'buffer',
      maxBuffer: 64 << 20,
    });
    return stdout;
  }

  test('bytes that are no text come back as they were written', async () => {
    const expected = Buffer.from([0xff, 0, 0x80, ...Buffer.from(' café\n')]);
    expect((await logs('bytes')).toString('hex')).toBe(expected.toString('hex'));
  });

  test('a line of 10 MB is one line', async () => {
    const text = await logs('long');
    const hash = createHash('sha256').update('x'.repeat(10_485_760)).update('\nafter\n');
    expect(createHash('sha256').update(text).digest('hex')).toBe(hash.digest('hex'));
  });

  test('a log that rotates keeps its newest lines, in order', async () => {
    const all = (await logs('many')).toString().trimEnd().split('\n');
    const lines = all.filter((line) => line !== 'last').map(Number);
    expect(all).toHaveLength(lines.length + 1);
    expect(lines.at(-1)).toBe(50_000);
    expect(lines.length).toBeGreaterThan(2000);
    expect(lines.length).toBeLessThan(50_000);
    expect(lines.every((line, index) => line === (lines[0] ?? 0) + index)).toBe(true);
  });

  test('lines of several containers are merged by time', async () => {
    const { stdout, stderr } = await home.succeed(['logs', '-t', 'first', 'second'], {
      cwd: project,
    });
    const words = stdout.split('\n').map((line) => line.split(' | ')[1] ?? '');
    expect(words.map((line) => line.split(' ')[1])).toEqual(['one', 'two', 'three', undefined]);
    // What containers write on standard error is asked for like the rest.
    expect(stderr).toBe('');
  });

  test('--grep, --tail and --since choose lines', async () => {
    expect((await logs('--grep', '^4999[0-9]$', '--tail', '5', 'many')).toString()).toBe(
      '49997\n49998\n49999\n',
    );
    expect((await logs('--since', '1ms', 'many')).toString()).toBe('');
    const refused = await home.run(['logs', '--grep', '(', 'many'], { cwd: project });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('--grep is no regular expression');
  });

  test('--json and --format json-file give objects', async () => {
    expect(JSON.parse((await logs('--json', '--tail', '1', 'first')).toString())).toEqual({
      time: expect.stringMatching(/^\d{4}-.*\.\d{9}Z$/),
      service: 'first',
      container: 'first-1',
      stream: 'stdout',
      text: 'three',
    });
    const line = (await logs('--format', 'json-file', 'second')).toString();
    expect(JSON.parse(line)).toMatchObject({ log: 'two\n', stream: 'stderr' });
    const bytes = (await logs('--json', 'bytes')).toString();
    expect(JSON.parse(bytes)).toMatchObject({ text: '\ufffd\u0000\ufffd café' });
  });
});
