import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';
import { eventually } from '../support/eventually.ts';

const COMPOSE = `
name: survival
services:
  counter:
    image: "rootfs:/"
    command: sh -c 'i=0; while :; do i=$$((i+1)); echo line $$i; sleep 0.05; done'
    init: true
  short:
    image: "rootfs:/"
    command: sh -c 'sleep 2; exit 5'
    init: true
  watched:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    healthcheck: { test: ["CMD", "true"], interval: 1s }
`;

interface Row {
  readonly Service: string;
  readonly ID: string;
  readonly ExitCode: number;
  readonly State: string;
}

describe('kill -9 of the supervisor', () => {
  const home = new OcupHome();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-survival-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    await home.succeed(['up', '-d'], { cwd: project });
  });

  afterAll(async () => {
    await home.run(['down'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  async function rows(): Promise<Record<string, Row>> {
    const { stdout } = await home.succeed(['ps', '-a', '--format', 'json'], { cwd: project });
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Row)
        .map((row) => [row.Service, row]),
    );
  }

  /** The exits that shims have put on disk by themselves. */
  function recordedExits(): string[] {
    const folder = join(home.folder, 'run/containers');
    return readdirSync(folder).filter((id) => existsSync(join(folder, id, 'exit.json')));
  }

  test('the next command finds every container as it was', async () => {
    const before = await rows();
    await home.killSupervisor();
    const after = await rows();
    expect(
      Object.values(after)
        .map((row) => row.ID)
        .sort(),
    ).toEqual(
      Object.values(before)
        .map((row) => row.ID)
        .sort(),
    );
    expect(after['counter']?.State).toBe('running');
  });

  test('an exit while there was no supervisor is recorded with its code', async () => {
    await home.killSupervisor();
    await eventually(() => recordedExits().length > 0, 10_000);
    const { short } = await rows();
    expect(short?.State).toBe('exited');
    expect(short?.ExitCode).toBe(5);
  });

  test('no log line is lost or doubled', async () => {
    await home.killSupervisor();
    const { stdout } = await home.succeed(['logs', '--no-log-prefix', 'counter'], { cwd: project });
    const numbers = stdout
      .trim()
      .split('\n')
      .map((line) => Number(line.replace('line ', '')));
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test('health goes on', async () => {
    await home.killSupervisor();
    await eventually(
      async () => JSON.stringify(await rows()).includes('"Health":"healthy"'),
      10_000,
    );
  });
});
