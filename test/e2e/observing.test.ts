import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';

const OCUP = resolve(import.meta.dirname, '../../bin/ocup');

const COMPOSE = `
name: watching
services:
  busy:
    image: "rootfs:/"
    command: ["sh", "-c", "while :; do :; done"]
    stop_signal: SIGKILL
    mem_limit: 64m
  quiet:
    image: "rootfs:/"
    command: ["sh", "-c", "echo began; exec sleep 1000"]
    stop_signal: SIGKILL
  talker:
    image: "rootfs:/"
    command: ["sh", "-c", "while read line; do echo got $$line; done"]
    stop_signal: SIGKILL
    stdin_open: true
    tty: true
`;

describe('looking at containers', () => {
  const home = new OcupHome();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-watching-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    await home.succeed(['up', '-d'], { cwd: project });
  });

  afterAll(async () => {
    await home.run(['down'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  const ocup = async (...args: string[]): Promise<string> =>
    (await home.succeed(args, { cwd: project })).stdout;

  /** Starts ocup and gives what it has printed so far. */
  function start(...args: string[]) {
    const env = { ...process.env, NODE_OPTIONS: '', ...home.env };
    const child = spawn(OCUP, args, { cwd: project, env, stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ended = new Promise<number | null>((done) => child.once('close', done));
    return { child, ended, text: () => text };
  }

  test('logs -f loses no line of a container that is restarted, or stopped and started', async () => {
    const args = ['--no-log-prefix', '--tail', '1', 'quiet', 'busy'];
    const { child, ended, text } = start('logs', '-f', ...args);
    const hasBegun = (times: number) => (): boolean => text() === 'began\n'.repeat(times);
    await eventually(hasBegun(1), 20_000);
    await ocup('restart', 'quiet');
    await eventually(hasBegun(2), 20_000);
    await ocup('stop', 'quiet');
    const late = start('logs', '-f', ...args);
    await eventually(() => late.text() === 'began\n', 20_000);
    await ocup('start', 'quiet');
    await eventually(hasBegun(3), 20_000);
    await eventually(() => late.text() === 'began\nbegan\n', 20_000);
    for (const one of [child, late.child]) one.kill('SIGINT');
    await Promise.all([ended, late.ended]);
  });

  test('an attached up goes on with what replaces its last container', async () => {
    const { child, ended, text } = start('up', '--no-deps', 'quiet');
    await eventually(() => text().includes('Attaching to quiet-1\n'), 20_000);
    for (const times of [1, 2]) {
      await ocup('up', '-d', '--force-recreate', 'quiet');
      const expected = 'quiet-1 has been recreated\nquiet-1  | began\n'.repeat(times);
      await eventually(() => text().endsWith(expected), 20_000);
    }
    await ocup('kill', 'quiet');
    expect(await ended).toBe(0);
    expect(text()).toContain('quiet-1 exited with code 137\n');
    expect(child.killed).toBe(false);
    await ocup('start', 'quiet');
  });

  describe('stats', () => {
    test('--no-stream prints docker’s columns once', async () => {
      const [header = '', ...rows] = (await ocup('stats', '--no-stream')).trimEnd().split('\n');
      expect(header.split(/ {2,}/)).toEqual([
        ...['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O'],
        'PIDS',
      ]);
      expect(rows).toHaveLength(3);
    });

    test('tells the busy one from the quiet one, with limit, share and processes', async () => {
      const text = await ocup('stats', '--no-stream', '--format', 'json');
      const rows = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>);
      const find = (name: string) => rows.find((row) => row['Name'] === `watching-${name}-1`) ?? {};
      expect(Number.parseFloat(find('busy')['CPUPerc'] ?? '')).toBeGreaterThan(5);
      expect(Number.parseFloat(find('quiet')['CPUPerc'] ?? '')).toBeLessThan(5);
      expect(find('busy')['MemUsage']).toMatch(/^[\d.]+[KM]?i?B \/ 64MiB$/);
      expect(find('quiet')['PIDs']).toBe('1');
      expect(Object.keys(find('busy')).sort()).toEqual([
        ...['BlockIO', 'CPUPerc', 'Container', 'ID', 'MemPerc', 'MemUsage', 'Name', 'NetIO'],
        'PIDs',
      ]);
    });

    test('takes a template and the name of a service', async () => {
      expect(await ocup('stats', '--no-stream', '--format', '{{.Name}}', 'quiet')).toBe(
        'watching-quiet-1\n',
      );
    });

    test('streams until it is interrupted', async () => {
      const { child, ended, text } = start('stats', '--format', '{{.PIDs}}', 'quiet');
      await eventually(() => text().split('1\n').length > 3, 20_000);
      child.kill('SIGINT');
      expect(await ended).toBe(0);
    });
  });

  describe('events', () => {
    test('--json has docker compose’s keys, and --since tells what was before', async () => {
      const begun = new Date().toISOString();
      await ocup('restart', 'quiet');
      const text = await ocup('events', '--json', '--since', begun, '--until', '0s', 'quiet');
      const events = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(events.map((event) => event['action'])).toEqual(['kill', 'die', 'stop', 'start']);
      expect(Object.keys(events[0] ?? {}).sort()).toEqual([
        ...['action', 'attributes', 'id', 'service', 'time', 'type'],
      ]);
    });

    test('without --since it prints what happens from now on', async () => {
      const { child, ended, text } = start('events', 'quiet');
      await eventually(async () => {
        await ocup('restart', '-t', '0', 'quiet');
        return text().includes('container start ');
      }, 20_000);
      expect(text()).not.toContain('container create');
      child.kill('SIGTERM');
      await ended;
    });
  });

  describe('attach', () => {
    test('joins input and output, and its keys leave the container running', async () => {
      const { child, ended, text } = start('attach', '--detach-keys', 'ctrl-x,x', 'talker');
      await eventually(() => {
        child.stdin.write('hello\n');
        return text().includes('got hello');
      }, 20_000);
      child.stdin.write('\u0018x');
      expect(await ended).toBe(0);
      expect(await ocup('ps', '--services', '--status', 'running')).toContain('talker');
    });

    test('--no-stdin types nothing', async () => {
      const { child, ended, text } = start('attach', '--no-stdin', '--sig-proxy=false', 'talker');
      child.stdin.write('silent\n');
      await eventually(async () => {
        await ocup('kill', 'talker');
        return true;
      }, 20_000);
      await ended;
      expect(text()).not.toContain('got silent');
    });
  });
});
