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
    command: sleep 1000
    init: true
    environment:
      GREETING: ${greeting}
  middle:
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

  test('plan names the changed key and the dependant, and touches nothing', async () => {
    const before = await ids();
    await writeFile(join(project, 'compose.yaml'), compose('goodbye'));
    const { stdout } = await ocup('plan');
    expect(stdout).toMatch(/replan-base-1.*environment\.GREETING/s);
    expect(stdout).toMatch(/replan-middle-1.*dependency base/s);
    expect(stdout).not.toMatch(/recreate.*replan-apart-1/);
    expect(await ids()).toEqual(before);
  });

  test('replaces the changed service and its dependants, and nothing else', async () => {
    const before = await ids();
    await ocup('up', '-d');
    const after = await ids();
    expect(after['apart']).toBe(before['apart']);
    expect(after['base']).not.toBe(before['base']);
    expect(after['middle']).not.toBe(before['middle']);
    const { stdout } = await ocup('exec', '-T', 'base', 'sh', '-c', 'echo $GREETING');
    expect(stdout).toBe('goodbye\n');
  });
});
