import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';

const OCUP = resolve(import.meta.dirname, '../../bin/ocup');

const COMPOSE = `
name: watched
services:
  web:
    image: "rootfs:/"
    command: ["sh", "-c", "echo started; exec sleep 1000"]
    init: true
    user: "1000"
    volumes: [/srv]
    develop:
      watch:
        - path: ./web
          action: sync
          target: /srv/deep/web
          initial_sync: true
          ignore: [node_modules/, "*.log"]
        - { path: ./page, action: sync, target: /srv/page, include: "*.html" }
        - { path: ./conf/app.conf, action: sync+restart, target: /srv/etc/app.conf }
        - path: ./conf/x.conf
          action: sync+exec
          target: /srv/x.conf
          exec: { command: ["sh", "-c", "echo reloaded $$(cat /srv/x.conf)"] }
  built:
    image: "rootfs:/"
    build: ./built
    command: sleep 1000
    init: true
    develop: { watch: [{ path: ./built, action: rebuild }] }
    profiles: [built]
  plain:
    image: "rootfs:/"
    command: sleep 1000
    profiles: [plain]
    build: .
`;

describe('watch', () => {
  const home = new OcupHome();
  let project = '';
  let running: { readonly child: ChildProcess; output: string } | undefined;

  const ocup = (...args: string[]) => home.succeed(args, { cwd: project });
  const file = (name: string) => join(project, name);

  /** Starts a command that stays, and collects what it prints. */
  function start(...args: string[]): { output: string; readonly child: ChildProcess } {
    const env = { ...process.env, ...home.env, NODE_OPTIONS: '', NO_COLOR: '1' };
    const child = spawn(OCUP, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const run = { child, output: '' };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (run.output += chunk.toString()));
    }
    running = run;
    return run;
  }

  const until = (run: { output: string }, text: string, times = 1): Promise<void> =>
    eventually(() => run.output.split(text).length > times, 15_000, `"${text}" in ${run.output}`);

  /** What the container has below /srv, as lines of `find`. */
  async function inside(): Promise<string[]> {
    const { stdout } = await ocup('exec', '-T', 'web', 'find', '/srv', '-type', 'f');
    return stdout.trim().split('\n').sort();
  }

  async function end(): Promise<number | null> {
    if (running === undefined) return null;
    const { child } = running;
    const closed = once(child, 'close');
    child.kill('SIGINT');
    const [code] = (await closed) as [number | null];
    running = undefined;
    return code;
  }

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-watch-'));
    for (const folder of ['web/node_modules', 'page', 'conf', 'built']) {
      await mkdir(file(folder), { recursive: true });
    }
    await writeFile(file('compose.yaml'), COMPOSE);
    await writeFile(file('web/first'), '1');
    await writeFile(file('web/node_modules/skipped'), '1');
    await writeFile(file('conf/app.conf'), 'one');
    await writeFile(file('conf/x.conf'), 'one');
  });

  afterEach(async () => {
    running?.child.kill('SIGKILL');
    running = undefined;
    await home.run(['--profile', '*', 'down', '-v', '-t', '0'], { cwd: project });
  });

  afterAll(async () => {
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  test('starts the services, copies what it begins with, and follows what changes', async () => {
    const run = start('watch');
    await until(run, 'Watch enabled');
    await until(run, 'Syncing service "web" after');
    await eventually(async () => (await inside()).length === 1, 5_000, 'the first copy');
    expect(await inside()).toEqual(['/srv/deep/web/first']);

    await mkdir(file('web/sub/deep'), { recursive: true });
    await writeFile(file('web/sub/deep/@odd name'), '2');
    await writeFile(file('web/noise.log'), '2');
    await writeFile(file('web/.first.swp'), '2');
    await symlink('first', file('web/link'));
    await eventually(async () => (await inside()).length === 2, 5_000, 'a new file');
    expect(await inside()).toEqual(['/srv/deep/web/first', '/srv/deep/web/sub/deep/@odd name']);
    const link = await ocup('exec', '-T', 'web', 'readlink', '/srv/deep/web/link');
    expect(link.stdout).toBe('first\n');

    await ocup('exec', '-T', '-u', 'root', 'web', 'touch', '/srv/deep/web/sub/own');
    await rm(file('web/sub'), { recursive: true });
    await rm(file('web/first'));
    await eventually(async () => (await inside()).length === 1, 5_000, 'the removal');
    // What only the container has is not taken along.
    expect(await inside()).toEqual(['/srv/deep/web/sub/own']);
    expect(await end()).toBe(130);
    expect((await ocup('ps', '--services')).stdout).toBe('web\n');
  });

  test('takes only what is included, restarts, and runs commands', async () => {
    await ocup('up', '-d');
    const run = start('watch', '--no-up');
    await until(run, 'Watch enabled');
    await writeFile(file('page/index.html'), 'x');
    await writeFile(file('page/index.css'), 'x');
    await eventually(async () => (await inside()).includes('/srv/page/index.html'), 5_000);
    expect(await inside()).not.toContain('/srv/page/index.css');

    await writeFile(file('conf/x.conf'), 'two');
    await until(run, 'reloaded two');

    await writeFile(file('conf/app.conf'), 'two');
    await until(run, 'service(s) ["web"] restarted');
    const { stdout } = await ocup('exec', '-T', 'web', 'cat', '/srv/etc/app.conf');
    expect(stdout).toBe('two');
    expect((await ocup('logs', '--no-log-prefix', 'web')).stdout).toBe('started\nstarted\n');
  });

  test('an attached up watches as well, stays over restarts, and stops all in the end', async () => {
    const run = start('up', '--watch');
    await until(run, 'Watch enabled');
    await until(run, 'web-1  | started');
    await writeFile(file('conf/app.conf'), 'three');
    await until(run, 'web-1  | started', 2);
    expect(run.output.split('web-1  | started').length).toBe(3);
    expect(await end()).toBe(130);
    expect((await ocup('ps', '-q')).stdout).toBe('');
  });

  test('a service that would have to be built is told of', async () => {
    const run = start('--profile', 'built', 'watch', 'built');
    await until(run, 'Watch enabled');
    expect(run.output).toMatch(
      /compose\.yaml:\d+:\d+: services\.built\.develop\.watch\[0\]\.action/,
    );
    await writeFile(file('built/code'), 'x');
    await until(run, 'must be built anew, which ocup cannot do yet');
    expect(run.output).toContain('ocup up -d built');
  });

  test('a dry run prints the plan and goes', async () => {
    const { stdout } = await ocup('--dry-run', 'watch');
    expect(stdout).toMatch(/\+ container watched-web-1/);
    expect((await ocup('ps', '-aq')).stdout).toBe('');
  });

  test('a path that comes later is watched from then on', async () => {
    await rm(file('web'), { recursive: true });
    const run = start('watch');
    await until(run, 'Watch enabled');
    await mkdir(file('web'));
    await writeFile(file('web/late'), '1');
    await eventually(async () => (await inside())[0] !== '', 5_000, 'the new file');
    expect(await inside()).toEqual(['/srv/deep/web/late']);
  });

  test('what cannot be watched is an error at once', async () => {
    const none = await home.run(['watch', 'plain'], { cwd: project });
    expect(none.code).not.toBe(0);
    expect(none.stderr).toContain('none of the selected services is configured for watch');
    const detached = await home.run(['up', '-d', '--watch'], { cwd: project });
    expect(detached.code).not.toBe(0);
    expect(detached.stderr).toContain('--watch needs the command to stay');
  });
});
