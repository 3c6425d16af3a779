import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { callSocket } from '../../src/wire/client.ts';
import { eventually } from '../support/eventually.ts';
import { OcupHome, runProgram } from '../support/ocup.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const OLDER = '0.0.1';

const COMPOSE = `
name: upgraded
services:
  writer:
    image: "rootfs:/"
    command: [sh, -c, "i=0; while :; do i=$$((i+1)); echo $$i; sleep 0.02; done"]
    stop_signal: SIGKILL
  healthy:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    restart: always
    healthcheck: { test: [CMD, "true"], interval: 1s }
`;

interface Info {
  readonly pid: number;
  readonly version: string;
}

describe('a supervisor of an older version', () => {
  const home = new OcupHome();
  let project = '';
  let older = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-upgraded-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    older = await mkdtemp(join(tmpdir(), 'ocup-older-'));
    for (const name of ['bin', 'dist', 'schemas', 'build/Release']) {
      await mkdir(join(older, name), { recursive: true });
      await cp(join(ROOT, name), join(older, name), {
        recursive: true,
        filter: (path) => !/obj\.target|\.deps|\.cache$/.test(path),
      });
    }
    const own = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as object;
    await writeFile(join(older, 'package.json'), JSON.stringify({ ...own, version: OLDER }));
  });

  afterAll(async () => {
    await home.run(['down', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
    await rm(older, { recursive: true, force: true });
  });

  const ask = async (): Promise<Info> =>
    (await callSocket(home.supervisorSocket, { method: 'system.info', params: {} })) as Info;

  async function runOlder(...args: readonly string[]): Promise<void> {
    const options = { cwd: project, env: home.env };
    const { code, stderr } = await runProgram(join(older, 'bin/ocup'), args, options);
    if (code !== 0) throw new Error(stderr);
  }

  const processes = async (): Promise<readonly string[]> => {
    const { stdout } = await home.succeed(['ps', '-a', '--format', '{{.ID}} {{.State}}'], {
      cwd: project,
    });
    return stdout.trim().split('\n').sort();
  };

  const numbers = async (): Promise<readonly number[]> => {
    const { stdout } = await home.succeed(['logs', '--no-log-prefix', 'writer'], { cwd: project });
    return stdout.trim().split('\n').map(Number);
  };

  test('gives way to this one; containers run on, and no line is lost', async () => {
    await runOlder('up', '-d', '--wait');
    const before = await ask();
    expect(before.version).toBe(OLDER);
    const running = await processes();
    expect(running.map((line) => line.split(' ')[1])).toEqual(['running', 'running']);
    const after = await ask();
    expect(after.version).not.toBe(OLDER);
    expect(after.pid).not.toBe(before.pid);
    expect(await processes()).toEqual(running);
    const seen = await numbers();
    await eventually(async () => (await numbers()).length > seen.length + 20, 5_000);
    const all = await numbers();
    expect(all).toEqual(all.map((_, index) => index + 1));
    await eventually(
      async () => {
        const { stdout } = await home.succeed(['ps', '--format', '{{.Health}}', 'healthy'], {
          cwd: project,
        });
        return stdout === 'healthy\n';
      },
      5_000,
      'health',
    );
  });

  test('nothing is replaced by an up of the new version', async () => {
    const before = await processes();
    await home.succeed(['up', '-d'], { cwd: project });
    expect(await processes()).toEqual(before);
  });

  test('and the other way round: commands that take turns agree on what there is', async () => {
    for (let round = 0; round < 3; round += 1) {
      await runOlder('exec', '-T', 'healthy', 'true');
      expect((await ask()).version).toBe(OLDER);
      await home.succeed(['restart', '-t', '0', 'healthy'], { cwd: project });
      expect((await ask()).version).not.toBe(OLDER);
    }
    await runOlder('down', '-t', '0');
    expect((await home.succeed(['ps', '-a', '-q'], { cwd: project })).stdout).toBe('');
  });
});
