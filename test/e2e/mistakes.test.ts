import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';
import { freePort } from '../support/ports.ts';

describe('what goes wrong ends in one clear message', () => {
  const home = new OcupHome();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-mistakes-'));
  });

  beforeEach(async () => {
    await home.run(['down', '--remove-orphans'], { cwd: project });
  });

  afterAll(async () => {
    await home.run(['down', '--remove-orphans'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  async function up(compose: string) {
    await writeFile(join(project, 'compose.yaml'), `name: mistakes\nservices:\n${compose}`);
    return home.run(['up', '-d'], { cwd: project });
  }

  test('an image that is not there', async () => {
    const { code, stderr } = await up('  web:\n    image: oci:./missing:1\n');
    expect(code).toBe(1);
    expect(stderr).toMatch(/missing/);
  });

  test.each([
    ['OCUP_DATA_DIR', 'cannot write to /proc/ocup/data: '],
    ['OCUP_RUN_DIR', 'cannot start the supervisor: ENOENT: '],
  ])('a folder in %s in which nothing can be made, at once', async (variable, message) => {
    const env = { OCUP_RUN_DIR: join(project, 'run'), [variable]: '/proc/ocup/data' };
    const beganMs = Date.now();
    const { code, stderr } = await home.run(['image', 'ls'], { cwd: project, env });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
    expect(Date.now() - beganMs).toBeLessThan(15_000);
  });

  test('a registry that does not answer', async () => {
    const port = await freePort();
    const { code, stderr } = await up(`  web:\n    image: 127.0.0.1:${port}/none:1\n`);
    expect(code).toBe(1);
    expect(stderr).toContain(`127.0.0.1:${port}`);
  });

  test('a port that is taken names who holds it', async () => {
    const port = await freePort();
    const holder = await listen(port);
    try {
      const { code, stderr } = await up(
        `  web:\n    image: "rootfs:/"\n    command: sleep 1000\n    init: true\n    ports: ["${port}:80"]\n`,
      );
      expect(code).toBe(1);
      expect(stderr).toContain(`Bind for 0.0.0.0:${port} failed: port is already allocated`);
      expect(stderr).toContain(String(process.pid));
    } finally {
      await close(holder);
    }
  });

  test('the next up repairs what a taken port broke', async () => {
    const port = await freePort();
    const compose = `  web:\n    image: "rootfs:/"\n    command: sleep 1000\n    init: true\n    ports: ["${port}:80"]\n`;
    const holder = await listen(port);
    try {
      expect((await up(compose)).code).toBe(1);
    } finally {
      await close(holder);
    }
    expect((await up(compose)).code).toBe(0);
  });

  test('bad YAML and unknown keys are reported at once, each with its place', async () => {
    const { code, stderr } = await up(
      '  web:\n    image: "rootfs:/"\n    comand: x\n    ports: ["80:x"]\n  db:\n    imag: y\n',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/compose\.yaml:5:5: .*comand/);
    expect(stderr).toContain('did you mean `command`?');
    expect(stderr).toMatch(/compose\.yaml:6:\d+: /);
    expect(stderr).toMatch(/compose\.yaml:8:5: .*imag/);
  });

  test('a command that is not found', async () => {
    const { code, stderr } = await up(
      '  web:\n    image: "rootfs:/"\n    command: no-such-command\n',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('no-such-command');
    expect(stderr).toContain('executable file not found in $PATH');
  });

  test('a dependency that fails is named with its exit code', async () => {
    const { code, stderr } = await up(
      '  job:\n    image: "rootfs:/"\n    command: sh -c "exit 3"\n  web:\n    image: "rootfs:/"\n    command: sleep 1000\n    init: true\n    depends_on: { job: { condition: service_completed_successfully } }\n',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('service "job" didn\'t complete successfully: exit 3');
  });

  test('a service that does not exist gets a suggestion', async () => {
    await up('  web:\n    image: "rootfs:/"\n    command: sleep 1000\n    init: true\n');
    const { code, stderr } = await home.run(['logs', 'wbe'], { cwd: project });
    expect(code).toBe(1);
    expect(stderr).toContain('no such service: wbe');
    expect(stderr).toContain('web');
  });
});

function listen(port: number): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(port, '0.0.0.0', () => done(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}
