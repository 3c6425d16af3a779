import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { OcupHome } from '../support/ocup.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../examples/hello');

describe('examples/hello', () => {
  const home = new OcupHome();
  let project = '';
  let port = 0;
  let env: Record<string, string> = {};

  beforeAll(async () => {
    project = join(await mkdtemp(join(tmpdir(), 'ocup-hello-')), 'hello');
    await cp(EXAMPLE, project, { recursive: true });
    port = await freePort();
    env = { HELLO_PORT: String(port) };
  });

  afterAll(async () => {
    await home.run(['down', '-v'], { cwd: project, env });
    await rm(resolve(project, '..'), { recursive: true, force: true });
    await home.close();
  });

  const ocup = (...args: string[]) => home.succeed(args, { cwd: project, env });

  test('up -d --wait starts all three, the store before what waits for it', async () => {
    const { stdout, stderr } = await ocup('up', '-d', '--wait');
    expect(stdout).toBe('');
    const healthy = stderr.indexOf('Container hello-store-1  Healthy');
    const webStarting = stderr.indexOf('Container hello-web-1  Starting');
    expect(healthy).toBeGreaterThanOrEqual(0);
    expect(webStarting).toBeGreaterThan(healthy);
    expect(stderr).toContain('Network hello_default  Created');
  });

  test('ps shows the columns of docker compose, and health', async () => {
    const { stdout } = await ocup('ps');
    const [header = '', ...rows] = stdout.trimEnd().split('\n');
    expect(header.split(/\s{2,}/)).toEqual([
      'NAME',
      'IMAGE',
      'COMMAND',
      'SERVICE',
      'CREATED',
      'STATUS',
      'PORTS',
    ]);
    expect(rows.map((row) => row.split(/\s+/)[0])).toEqual([
      'hello-store-1',
      'hello-visitor-1',
      'hello-web-1',
    ]);
    expect(rows[0]).toMatch(/Up .*\(healthy\)/);
    expect(rows[2]).toContain(`0.0.0.0:${port}->8000/tcp`);
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])(
    'the published port answers on %s',
    async (host) => {
      const answer = await fetch(`http://${host}:${port}/`);
      expect(await answer.text()).toMatch(/^Hello from [0-9a-f]{12}, visit \d+\n$/);
    },
  );

  test('services find each other by name', async () => {
    const { stdout } = await ocup(
      'exec',
      '-T',
      'visitor',
      'node',
      '-e',
      "require('dns').promises.lookup('store').then(a => console.log(a.address))",
    );
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\.\d+\n$/);
  });

  test('logs have prefixes as wide as the longest name', async () => {
    await eventually(
      async () => (await ocup('logs', 'visitor')).stdout.includes('Hello from'),
      10_000,
    );
    const { stdout } = await ocup('logs');
    expect(stdout).toMatch(/^store-1 {4}\| store: listening on 7000$/m);
    expect(stdout).toMatch(/^visitor-1 {2}\| visitor: Hello from/m);
  });

  test('exec gives the exit code of its command', async () => {
    const exec = (...command: string[]) =>
      home.run(['exec', '-T', 'web', ...command], { cwd: project, env });
    expect((await exec('sh', '-c', 'exit 7')).code).toBe(7);
    expect((await exec('no-such-command')).code).toBe(127);
  });

  test('what a service writes to the machine is thrown away', async () => {
    await ocup('exec', '-T', 'web', 'sh', '-c', 'echo x > /etc/ocup-was-here');
    const { code } = await home.run(['exec', '-T', 'store', 'test', '-e', '/etc/ocup-was-here'], {
      cwd: project,
      env,
    });
    expect(code).toBe(1);
  });

  test('down leaves no container, and says what it removed', async () => {
    const { stderr } = await ocup('down');
    expect(stderr).toContain('Container hello-web-1  Removed');
    expect(stderr).toContain('Network hello_default  Removed');
    expect((await ocup('ps', '-a', '-q')).stdout).toBe('');
  });
});
