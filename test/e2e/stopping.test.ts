import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';

// `deaf` is PID 1 without a handler and without children; `shell` is one with a child that handles the signal;
// `polite` handles it itself and takes a while.
const COMPOSE = `
name: stopping
services:
  deaf:
    image: "rootfs:/"
    command: sleep 1000
    stop_grace_period: 20s
  shell:
    image: "rootfs:/"
    command: ["sh", "-c", "sh -c 'trap \\"echo child heard; exit 0\\" TERM; echo ready; while :; do sleep 0.1; done'; echo shell ends"]
    stop_grace_period: 20s
  polite:
    image: "rootfs:/"
    command: ["sh", "-c", "trap 'sleep 1; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"]
    stop_grace_period: 20s
  stubborn:
    image: "rootfs:/"
    command: ["sh", "-c", "trap 'echo heard' TERM; echo ready; while :; do sleep 0.1; done"]
    stop_grace_period: 10m
    profiles: [stubborn]
`;

const OCUP = resolve(import.meta.dirname, '../../bin/ocup');

describe('stop', () => {
  const home = new OcupHome();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-stopping-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    await home.succeed(['up', '-d'], { cwd: project });
  });

  afterAll(async () => {
    await home.run(['down'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  async function stop(service: string): Promise<{ ms: number; stderr: string; logs: string }> {
    const begun = Date.now();
    const { stderr } = await home.succeed(['stop', service], { cwd: project });
    const ms = Date.now() - begun;
    const { stdout } = await home.succeed(['logs', '--no-log-prefix', service], { cwd: project });
    return { ms, stderr, logs: stdout };
  }

  test('a PID 1 that cannot hear the signal and has no children is ended at once, and the reason is said', async () => {
    const { ms, stderr } = await stop('deaf');
    expect(ms).toBeLessThan(10_000);
    expect(stderr).toMatch(/SIGTERM/);
  });

  test('children of a PID 1 that cannot hear get the signal and the grace', async () => {
    const { ms, logs } = await stop('shell');
    expect(ms).toBeLessThan(15_000);
    expect(logs).toContain('child heard');
    expect(logs).toContain('shell ends');
  });

  test('one that has a handler gets its grace period', async () => {
    const { logs } = await stop('polite');
    expect(logs).toContain('bye');
  });

  test('Ctrl-C ends an attached up in order, a second one at once', async () => {
    const env = { ...process.env, ...home.env, NODE_OPTIONS: '', NO_COLOR: '1' };
    const args = ['up', '--no-deps', 'stubborn'];
    const up = spawn(OCUP, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [up.stdout, up.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const says = (text: string) => eventually(() => output.includes(text), 10_000, text);
    const closed = once(up, 'close');
    await says('ready');
    up.kill('SIGINT');
    await says('Gracefully Stopping... press Ctrl+C again to force');
    await says('heard');
    up.kill('SIGINT');
    expect(await closed).toEqual([130, null]);
    const states = ['ps', '-a', '--format', '{{.State}} {{.ExitCode}}', 'stubborn'];
    expect((await home.succeed(states, { cwd: project })).stdout).toBe('exited 137\n');
  });
});
