import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';

const OCUP = resolve(import.meta.dirname, '../../bin/ocup');

const compose = (hooks: string, changes: { readonly scale?: number } = {}) => `
name: prep
services:
  db:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    healthcheck: { test: ["CMD", "true"] }
  app:
    image: "rootfs:/"
    command: ["sh", "-c", "cat /data/made; echo app >> /out/order; exec sleep 1000"]
    environment: { FROM: service }
    init: true
    user: "1000"
    scale: ${changes.scale ?? 1}
    volumes: ["./out:/out", "data:/data"]
    depends_on: { db: { condition: service_healthy } }
    pre_start:
${hooks}
volumes:
  data:
`;

const STEP = (text: string, more = '') =>
  `      - { command: ["sh", "-c", "${text}"], user: "0"${more} }\n`;

const MAKE = STEP(
  'echo first >> /out/order; echo $$FROM $$STEP; touch /data/made',
  ', environment: { STEP: one }',
);

describe('pre_start hooks', () => {
  const home = new OcupHome();
  let project = '';

  const write = (text: string) => writeFile(join(project, 'compose.yaml'), text);
  const ocup = (...args: string[]) => home.succeed(args, { cwd: project });
  const order = async (): Promise<string[]> =>
    (await readFile(join(project, 'out/order'), 'utf8')).trim().split('\n');
  const untilOrder = async (expected: readonly string[]): Promise<void> => {
    const isThere = async () => (await order()).join() === expected.join();
    await eventually(isThere, 10_000, 'the last line').catch(() => undefined);
    expect(await order()).toEqual(expected);
  };
  const names = async (): Promise<string[]> => {
    const { stdout } = await ocup('ps', '-a', '--format', '{{.Name}}');
    return stdout.trim().split('\n').sort();
  };

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-pre-start-'));
  });

  beforeEach(async () => {
    await rm(join(project, 'out'), { recursive: true, force: true });
    await mkdir(join(project, 'out'));
    await chmod(join(project, 'out'), 0o777);
    await writeFile(join(project, 'out/order'), '');
    await chmod(join(project, 'out/order'), 0o666);
  });

  afterAll(async () => {
    await home.run(['down', '-v', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  test('run one after the other before the service, see its volumes and leave nothing', async () => {
    await write(compose(MAKE + STEP('echo second >> /out/order; ls /data')));
    const plan = await ocup('plan');
    expect(plan.stdout).toMatch(/> run pre_start hooks of prep-app-1 .*\(after db is healthy\)/);
    await ocup('up', '-d');
    await untilOrder(['first', 'second', 'app']);
    expect(await names()).toEqual(['prep-app-1', 'prep-db-1']);
  });

  test('are not run again for what has been started once', async () => {
    await write(compose(MAKE));
    await ocup('up', '-d');
    await untilOrder(['first', 'app']);
    await ocup('up', '-d');
    await ocup('stop', '-t', '0', 'app');
    await ocup('up', '-d');
    await ocup('restart', '-t', '0', 'app');
    await untilOrder(['first', 'app', 'app', 'app']);
    await ocup('up', '-d', '--scale', 'app=2');
    await eventually(async () => (await order()).length === 5, 10_000, 'five lines');
    expect((await order()).filter((line) => line === 'first')).toEqual(['first']);
    await ocup('up', '-d', '--force-recreate', 'app');
    const firsts = async () => (await order()).filter((line) => line === 'first').length;
    await eventually(async () => (await firsts()) === 2, 10_000, 'a second first');
  });

  test('a failed one keeps the service from starting, is kept, and is run again by the next up', async () => {
    await write(compose(MAKE + STEP('echo no luck >&2; exit 3')));
    const { code, stderr } = await home.run(['up', '-d'], { cwd: project });
    expect(code).toBe(1);
    expect(stderr).toContain('pre_start hook of prep-app-1 exited with status 3: no luck');
    expect(stderr).toContain('container prep-app-pre_start-1 is kept to be looked into');
    expect(await order()).toEqual(['first']);
    expect(await names()).toEqual(['prep-app-1', 'prep-app-pre_start-1', 'prep-db-1']);
    expect((await ocup('ps', '--format', '{{.Name}}')).stdout).toBe('prep-db-1\n');
    const again = await home.run(['up', '-d'], { cwd: project });
    expect(again.code).toBe(1);
    expect(again.stderr).not.toContain('orphan');
    await write(compose(MAKE));
    await ocup('up', '-d');
    await untilOrder(['first', 'first', 'first', 'app']);
    expect(await names()).toEqual(['prep-app-1', 'prep-db-1']);
  });

  test('are run by start after create, for each replica where they ask for it', async () => {
    await ocup('down', '-t', '0');
    const each = STEP('echo $$HOSTNAME >> /out/order', ', per_replica: true');
    await write(compose(MAKE + each, { scale: 2 }));
    await ocup('create');
    expect(await order()).toEqual(['']);
    await ocup('start', 'db');
    await ocup('start', 'app');
    await eventually(async () => (await order()).length === 5, 10_000, 'five lines');
    const ran = await order();
    expect(ran.filter((line) => line === 'first')).toEqual(['first']);
    expect(ran.filter((line) => line === 'app')).toEqual(['app', 'app']);
  });

  test('take an image of their own with its own program', async () => {
    await ocup('down', '-t', '0');
    await mkdir(join(project, 'small/bin'), { recursive: true });
    await copyFile('/bin/busybox', join(project, 'small/bin/sh'));
    const own = STEP('echo small >> /out/order; ! test -e /usr', ', image: "rootfs:./small"');
    await write(compose(own));
    await ocup('up', '-d');
    await untilOrder(['small', 'app']);
  });

  test('a broken off up takes the container of its hook along', async () => {
    await ocup('down', '-t', '0');
    await write(compose(STEP('echo begun >> /out/order; exec sleep 1000')));
    const env = { ...process.env, ...home.env, NODE_OPTIONS: '' };
    const up = spawn(OCUP, ['up', '-d'], { cwd: project, env, stdio: 'ignore' });
    const ended = once(up, 'close');
    await untilOrder(['begun']);
    up.kill('SIGINT');
    expect(await ended).not.toEqual([0, null]);
    expect(await names()).toEqual(['prep-app-1', 'prep-db-1']);
  });

  test('an attached up shows what they write', async () => {
    await ocup('down', '-t', '0');
    await write(compose(MAKE).replace('exec sleep 1000', 'exit 0'));
    const { stdout } = await ocup('up', '--attach', 'app', '--abort-on-container-exit');
    expect(stdout).toMatch(/^app-1 -> +\| service one$/m);
  });
});
