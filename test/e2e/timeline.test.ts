import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TimelineSpan } from '../../src/model/timeline.ts';
import { OcupHome } from '../support/ocup.ts';

const COMPOSE = `
name: slow
services:
  db:
    image: "rootfs:/"
    command: ["sh", "-c", "sleep 0.5; touch /tmp/ready; exec sleep 1000"]
    init: true
    tmpfs: /tmp
    healthcheck: { test: [CMD, test, -e, /tmp/ready], interval: 1s }
  web:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    depends_on: { db: { condition: service_healthy } }
  side:
    image: "rootfs:/"
    command: sleep 1000
    init: true
`;

interface Told {
  readonly spans: readonly TimelineSpan[];
  readonly criticalPath: readonly { readonly id: string; readonly ownMs: number }[];
}

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args: { readonly name?: string; readonly isCritical?: boolean };
}

describe('what the last up spent its time on', () => {
  const home = new OcupHome();
  let project = '';
  const ocup = async (...args: string[]): Promise<string> =>
    (await home.succeed(args, { cwd: project })).stdout;
  const ask = async (): Promise<Told> =>
    JSON.parse(await ocup('timeline', '--format', 'json')) as Told;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-timeline-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
  });

  afterAll(async () => {
    await home.run(['down', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  test('before the first up there is none, and the answer says so', async () => {
    const { code, stderr } = await home.run(['timeline'], { cwd: project });
    expect(code).toBe(1);
    expect(stderr).toContain('no up of project slow has been written down');
  });

  test('the critical path leads over the dependency that was waited for', async () => {
    await ocup('up', '-d');
    const { spans, criticalPath } = await ask();
    expect(criticalPath.map(({ id }) => id)).toEqual([
      'load',
      'connect',
      'plan',
      'network.create slow_default',
      'container.create slow-db-1',
      'container.start slow-db-1',
      'wait slow-db-1 service_healthy',
      'container.start slow-web-1',
    ]);
    const wait = criticalPath.find(({ id }) => id.startsWith('wait'));
    expect(wait?.ownMs).toBeGreaterThan(300);
    const of = (step: string) => spans.filter((span) => span.step === step);
    const created = of('create').flatMap(({ service }) => service ?? []);
    expect(created.sort()).toEqual(['db', 'side', 'web']);
    expect(of('first probe').map(({ service }) => service)).toEqual(['db']);
    const [healthy] = of('healthy');
    const start = spans.find(({ id }) => id === 'container.start slow-web-1');
    expect(healthy?.endMs).toBeLessThanOrEqual(start?.startMs ?? 0);
  });

  test('as text each step has a line, those of the critical path marked', async () => {
    const text = await ocup('timeline');
    const lines = text.split('\n');
    expect(lines.find((line) => line.includes('start slow-web-1'))).toMatch(/^\* web .*█/);
    expect(lines.find((line) => line.includes('start slow-side-1'))).toMatch(/^ {2}side .*█/);
    expect(text).toMatch(/\* critical path, \d\.\d{3} s:\n +\d/);
  });

  test('as Chrome trace it has a track for each service', async () => {
    const trace = JSON.parse(await ocup('timeline', '--format', 'chrome')) as {
      readonly traceEvents: readonly TraceEvent[];
    };
    const tracks = trace.traceEvents.filter(({ name }) => name === 'thread_name');
    expect(tracks.map(({ args }) => args.name).sort()).toEqual(
      ['db', 'project', 'side', 'slow_default', 'web'].sort(),
    );
    const done = trace.traceEvents.filter(({ ph }) => ph === 'X');
    expect(done.every(({ ts, dur }) => Number.isInteger(ts) && Number.isInteger(dur))).toBe(true);
    expect(done.find(({ name }) => name === 'start slow-web-1')?.args.isCritical).toBe(true);
    expect(done.find(({ name }) => name === 'start slow-side-1')?.args.isCritical).toBe(false);
  });

  test('an up that changes nothing leaves it, a killed supervisor too, the next up replaces it', async () => {
    const before = await ask();
    await ocup('up', '-d');
    await home.killSupervisor();
    expect((await ask()).criticalPath).toEqual(before.criticalPath);
    await ocup('up', '-d', '--force-recreate', '-t', '0', 'side');
    const ids = (await ask()).criticalPath.map(({ id }) => id);
    expect(ids).toContain('container.replace slow-side-1');
    expect(ids).not.toContain('container.start slow-web-1');
  });
});
