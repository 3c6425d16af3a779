import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';

const compose = (greeting: string) => `
name: replan
services:
  base:
    image: "rootfs:/"
    command: [sh, -c, 'echo "$$GREETING"; exec sleep 1000']
    init: true
    environment:
      GREETING: ${greeting}
  middle:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    depends_on: { base: { condition: service_started, restart: true } }
  beside:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    depends_on: [base]
  apart:
    image: "rootfs:/"
    command: sleep 1000
    init: true
`;

interface Row {
  readonly Service: string;
  readonly ID: string;
}

describe('up again', () => {
  const home = new OcupHome();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-replan-'));
    await writeFile(join(project, 'compose.yaml'), compose('hello'));
  });

  afterAll(async () => {
    await home.run(['down'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  const ocup = (...args: string[]) => home.succeed(args, { cwd: project });

  async function ids(): Promise<Record<string, string>> {
    const { stdout } = await ocup('ps', '-a', '--format', 'json');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    return Object.fromEntries(rows.map((row) => [row.Service, row.ID]));
  }

  test('changes nothing when nothing changed, and says so', async () => {
    await ocup('up', '-d');
    const before = await ids();
    const { stderr } = await ocup('up', '-d');
    for (const name of ['base', 'middle', 'apart'])
      expect(stderr).toContain(`Container replan-${name}-1  Running`);
    expect(await ids()).toEqual(before);
    expect((await ocup('plan')).stdout).toContain('nothing to do');
  });

  test('plan names the changed key and the dependant that follows, and touches nothing', async () => {
    const before = await ids();
    await writeFile(join(project, 'compose.yaml'), compose('goodbye'));
    const { stdout } = await ocup('plan');
    expect(stdout).toMatch(/replan-base-1.*environment\.GREETING/s);
    expect(stdout).toMatch(/replan-middle-1.*dependency base/s);
    expect(stdout).toMatch(/= container replan-beside-1 +running/);
    expect(await ids()).toEqual(before);
  });

  test('replaces the changed service, restarts what follows it, and says why', async () => {
    const before = await ids();
    const begun = await processStarts();
    const { stderr } = await ocup('up', '-d');
    const after = await ids();
    expect(after).toEqual({ ...before, base: after['base'] });
    expect(after['base']).not.toBe(before['base']);
    const { middle, ...others } = await processStarts();
    expect(middle).not.toBe(begun['middle']);
    expect(others).toEqual({ beside: begun['beside'], apart: begun['apart'] });
    expect(stderr).toMatch(/replan-base-1 +Recreate +config hash diverged: environment\.GREETING/);
    expect(stderr).toMatch(/replan-middle-1 +Stopping +dependency base is recreated/);
    const { stdout } = await ocup('exec', '-T', 'base', 'sh', '-c', 'echo $GREETING');
    expect(stdout).toBe('goodbye\n');
  });

  test('logs are those of the container that is there, and with --history of those before it', async () => {
    const logs = async (...args: string[]): Promise<string> =>
      (await ocup('logs', '--no-log-prefix', ...args, 'base')).stdout;
    expect(await logs()).toBe('goodbye\n');
    expect(await logs('--history')).toBe('hello\ngoodbye\n');
    expect(await logs('--history', '--tail', '1')).toBe('goodbye\n');
    await ocup('up', '-d', '--force-recreate', '--no-deps', 'base');
    expect(await logs('--history')).toBe('hello\ngoodbye\ngoodbye\n');
    const { stdout } = await ocup('plan');
    expect(stdout).toContain('nothing to do');
  });

  /** When the first process of each service but `base` was started, in ticks since boot. */
  async function processStarts(): Promise<Record<string, string>> {
    const starts: Record<string, string> = {};
    for (const name of ['middle', 'beside', 'apart']) {
      const { stdout } = await ocup('exec', '-T', name, 'cat', '/proc/1/stat');
      starts[name] = stdout.split(' ')[21] ?? '';
    }
    return starts;
  }

  test('plan --detailed-exitcode tells by its code whether there is something to do', async () => {
    const plan = (...args: string[]) => home.run(['plan', ...args], { cwd: project });
    expect((await plan('--detailed-exitcode')).code).toBe(0);
    await writeFile(join(project, 'compose.yaml'), compose('again'));
    expect((await plan('--detailed-exitcode')).code).toBe(2);
    expect((await plan()).code).toBe(0);
    const dry = await home.run(['up', '-d', '--dry-run'], { cwd: project });
    expect(dry.stdout).toBe((await plan()).stdout);
  });
});
