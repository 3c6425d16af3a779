import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { OcupHome } from '../support/ocup.ts';

const SECCOMP = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_KILL_PROCESS' }],
};

const COMPOSE = `
name: why
services:
  hungry:
    image: "rootfs:/"
    command: [sh, -c, "echo eating >&2; head -c 200M /dev/zero | tail"]
    mem_limit: 32m
  missing:
    image: "rootfs:/"
    command: [there-is-no-such-command]
  failing:
    image: "rootfs:/"
    command: [sh, -c, "echo told on output; echo told on error >&2; exit 3"]
  refused:
    image: "rootfs:/"
    command: [mkdir, /tmp/refused]
    security_opt: ["seccomp=./profile.json"]
  stubborn:
    image: "rootfs:/"
    command: [sh, -c, "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
    stop_grace_period: 200ms
  sick:
    image: "rootfs:/"
    command: [sleep, "1000"]
    healthcheck: { test: [CMD, sh, -c, "echo no answer; exit 1"], interval: 100ms, retries: 1 }
  waiting:
    image: "rootfs:/"
    command: [sleep, "1000"]
    depends_on: { between: { condition: service_started } }
  between:
    image: "rootfs:/"
    command: [sleep, "1000"]
    depends_on: { sick: { condition: service_healthy } }
`;

describe('why', () => {
  const home = new OcupHome();
  let project = '';

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'ocup-why-'));
    await writeFile(join(project, 'compose.yaml'), COMPOSE);
    await writeFile(join(project, 'profile.json'), JSON.stringify(SECCOMP));
    for (const service of ['hungry', 'failing', 'refused', 'stubborn', 'sick']) {
      await home.succeed(['up', '-d', service], { cwd: project });
    }
  });

  afterAll(async () => {
    await home.run(['down', '-t', '1'], { cwd: project });
    await rm(project, { recursive: true, force: true });
    await home.close();
  });

  async function why(service: string): Promise<string> {
    return (await home.succeed(['why', service], { cwd: project })).stdout;
  }

  async function whyOnceItSays(service: string, words: string): Promise<string> {
    let text = '';
    const ask = async (): Promise<boolean> => (text = await why(service)).includes(words);
    await eventually(ask, 20_000, `«${words}» of ${service}`);
    return text;
  }

  test('a lack of memory is told with limit and peak, and ps has the short form', async () => {
    const text = await whyOnceItSays('hungry', 'out of memory');
    expect(text).toMatch(/limit 32MiB, peak \d+(\.\d+)?MiB/);
    expect(text).toContain('hint: raise mem_limit');
    const { stdout } = await home.succeed(['ps', '-a', 'hungry'], { cwd: project });
    expect(stdout).toMatch(/Exited \(137\) .* \(out of memory\)/);
  });

  test('a failure shows the last lines on standard error', async () => {
    const text = await whyOnceItSays('failing', 'code 3');
    expect(text).toContain('told on error');
    expect(text).not.toContain('told on output');
  });

  test('a command that is not there is told as such', async () => {
    const { code } = await home.run(['up', '-d', 'missing'], { cwd: project });
    expect(code).toBe(1);
    expect(await why('missing')).toMatch(/could not be started .* code 127: command not found/);
  });

  test('a system call that the profile kills for is told', async () => {
    expect(await whyOnceItSays('refused', 'ended')).toContain('refused system call');
  });

  test('the end of a grace is told with its length', async () => {
    await home.succeed(['stop', 'stubborn'], { cwd: project });
    expect(await why('stubborn')).toContain('did not end within 0.2 s after SIGTERM');
  });

  test('a service that waits names the first cause', async () => {
    const { code, stderr } = await home.run(['up', '-d', 'waiting'], { cwd: project });
    expect(code).toBe(1);
    expect(stderr).toContain('is unhealthy');
    const text = await why('waiting');
    expect(text).toContain('it waits for between (service_started)');
    expect(text).toMatch(/it waits for sick \(service_healthy\): .* is unhealthy .*no answer/);
  });

  test('up tells the cause of an end beside its code', async () => {
    const { stdout } = await home.run(['up', 'hungry'], { cwd: project });
    expect(stdout).toMatch(/hungry-1 exited with code 137 \(out of memory: /);
  });

  test('the same as JSON', async () => {
    const { stdout } = await home.succeed(['why', '--format', 'json', 'failing'], { cwd: project });
    expect(JSON.parse(stdout)).toMatchObject({
      service: 'failing',
      state: 'exited',
      lastLines: ['told on error'],
    });
  });
});
