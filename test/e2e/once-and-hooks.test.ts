import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OcupHome } from '../support/ocup.ts';

const compose = (changes: { readonly env?: string; readonly hook?: string } = {}) => `
name: work
services:
  migrate:
    image: "rootfs:/"
    command: ["sh", "-c", "echo ran >> /work/migrate"]
    environment: { STEP: "${changes.env ?? '1'}" }
    volumes: ["./out:/work"]
    x-ocup: { once: { inputs: [./migrations] } }
  each:
    image: "rootfs:/"
    command: ["sh", "-c", "echo ran >> /work/each"]
    volumes: ["./out:/work"]
  app:
    image: "rootfs:/"
    command: sleep 1000
    init: true
    volumes: ["./out:/work"]
    depends_on:
      migrate: { condition: service_completed_successfully }
      each: { condition: service_completed_successfully }
    post_start:
      - command: ["sh", "-c", "${changes.hook ?? 'echo started >> /work/hooks'}"]
    pre_stop:
      - command: ["sh", "-c", "echo stopping >> /work/hooks"]
`;

describe('services that work once, and hooks', () => {
  const home = new OcupHome();
  let project = '';

  const write = (text: string) => writeFile(join(project, 'compose.yaml'), text);
  const ocup = (...args: string[]) => home.succeed(args, { cwd: project });
  const lines = async (name: string): Promise<number> =>
    (await readFile(join(project, 'out', name), 'utf8')).trim().split('\n').length;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-once-'));
    await mkdir(join(project, 'out'));
    await mkdir(join(project, 'migrations'));
    await writeFile(join(project, 'migrations/1.sql'), 'create');
    await write(compose());
  });

  afterAll(async () => {
    await home.run(['down', '-t', '0'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  test('--wait takes services that ended with 0 for a success, and hooks have run by then', async () => {
    await ocup('up', '-d', '--wait');
    expect([await lines('migrate'), await lines('each')]).toEqual([1, 1]);
    expect(await readFile(join(project, 'out/hooks'), 'utf8')).toBe('started\n');
  });

  test('what is to be done once is not done again, other work is', async () => {
    expect((await ocup('plan')).stdout).toMatch(
      /= container work-migrate-1 +has done its work once/,
    );
    const { stderr } = await ocup('up', '-d', '--wait');
    expect(stderr).toMatch(/work-migrate-1 +Exited/);
    expect([await lines('migrate'), await lines('each')]).toEqual([1, 2]);
  });

  test('a changed input makes it work again, and is the cause', async () => {
    await writeFile(join(project, 'migrations/2.sql'), 'alter');
    expect((await ocup('plan')).stdout).toMatch(/work-migrate-1 .*x-ocup\.once\.inputs/);
    await ocup('up', '-d', '--wait');
    expect(await lines('migrate')).toBe(2);
    await ocup('up', '-d', '--wait');
    expect(await lines('migrate')).toBe(2);
  });

  test('a changed config makes it work again', async () => {
    await write(compose({ env: '2' }));
    await ocup('up', '-d', '--wait');
    expect(await lines('migrate')).toBe(3);
  });

  test('an input that is missing is an error with its place', async () => {
    await write(compose().replace('./migrations', './nowhere'));
    const { code, stderr } = await home.run(['up', '-d'], { cwd: project });
    expect(code).toBe(1);
    expect(stderr).toMatch(/compose\.yaml:\d+:\d+: services\.migrate\.x-ocup\.once.*nowhere/);
    await write(compose());
  });

  test('a hook that fails ends up with its code and words, and leaves the container running', async () => {
    await write(compose({ hook: 'echo no luck; exit 3' }));
    const { code, stderr } = await home.run(['up', '-d'], { cwd: project });
    expect(code).toBe(1);
    expect(stderr).toContain('post_start hook of work-app-1 exited with status 3: no luck');
    expect((await ocup('ps', '--services')).stdout).toBe('app\n');
  });

  test('an attached up shows what hooks write, beside the container they are of', async () => {
    const short = compose({ hook: 'echo one; echo two >&2; printf three' });
    await write(short.replace('sleep 1000', 'sleep 1'));
    const { stdout, stderr } = await ocup('up', '--no-deps', 'app');
    expect(stdout).toMatch(/^app-1 -> +\| one$/m);
    expect(stdout).toMatch(/^app-1 -> +\| three$/m);
    expect(stderr).toMatch(/^app-1 -> +\| two$/m);
  });

  test('an attached up that is to end with a dependency starts nothing after it', async () => {
    await write(compose());
    const options = ['-t', '0', '--exit-code-from', 'each'];
    expect((await home.run(['up', ...options, 'app', 'each'], { cwd: project })).code).toBe(0);
    expect((await ocup('ps', '-q')).stdout).toBe('');
    await ocup('up', '-d', '--wait');
  });

  test('stop runs pre_stop before the end, kill does not', async () => {
    const stops = async (): Promise<number> =>
      (await readFile(join(project, 'out/hooks'), 'utf8')).split('stopping').length - 1;
    const before = await stops();
    await ocup('stop', 'app');
    expect(await stops()).toBe(before + 1);
    await ocup('start', 'app');
    await ocup('kill', 'app');
    expect(await stops()).toBe(before + 1);
  });
});
