import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import {
  isAlive,
  processesNaming,
  shellConfig,
  SupervisorHome,
} from '../../support/supervisor-home.ts';

const FOREVER = 'trap "exit 9" TERM; while :; do sleep 0.05; done';
let home: SupervisorHome;
let supervisor = 0;

beforeEach(async () => {
  home = new SupervisorHome();
  supervisor = await home.start();
});

afterEach(async () => {
  await home.close();
});

/** The pid of the shim of a container. */
function shimOf(id: string): number {
  const [line = ''] = processesNaming(id).filter((text) => text.includes('ocup-shim'));
  return Number(line.split(' ')[1]);
}

describe('after the supervisor was killed', () => {
  test('containers run on and are adopted', async () => {
    const before = await home.run(shellConfig('runs', FOREVER));
    await home.crash(supervisor);
    expect(isAlive(before.pid!)).toBe(true);
    await home.start();
    expect(await home.inspect('runs')).toEqual(before);
    expect((await home.exec('runs', ['echo', 'hi'])).stdout).toBe('hi\n');
    const { container } = await home.call('container.stop', {
      container: 'runs',
      timeoutMs: undefined,
    });
    expect(container.exit).toMatchObject({ code: 9 });
  });

  test('no line of their output is lost', async () => {
    const command = 'i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); sleep 0.005; done';
    await home.run(shellConfig('talks', command));
    await home.crash(supervisor);
    await home.start();
    await home.waitFor('talks', 'exited');
    const expected = Array.from({ length: 200 }, (_, index) => String(index));
    expect(await home.logs('talks')).toEqual(expected);
  });

  test('exits meanwhile are recorded, once', async () => {
    const { pid } = await home.run(shellConfig('ends', 'sleep 0.3; exit 5'));
    await home.crash(supervisor);
    await eventually(() => !isAlive(pid!), 5000);
    const second = await home.start();
    const { container } = await home.waitFor('ends', 'exited');
    expect(container.exit).toMatchObject({ code: 5 });
    await home.crash(second);
    await home.start();
    expect(await home.inspect('ends')).toEqual(container);
  });

  test('restart policies go on', async () => {
    const restart = { kind: 'on-failure', maxAttempts: 3 } as const;
    const { pid } = await home.run(shellConfig('kept', 'sleep 0.2; exit 1', { restart }));
    await home.crash(supervisor);
    await eventually(() => !isAlive(pid!), 5000);
    await home.start();
    const { container } = await home.waitFor('kept', 'exited');
    expect(container.restartCount).toBe(3);
  });

  test('what was stopped stays stopped', async () => {
    await home.run(shellConfig('stopped', FOREVER, { restart: { kind: 'always' } }));
    await home.call('container.stop', { container: 'stopped', timeoutMs: undefined });
    await home.crash(supervisor);
    await home.start();
    expect((await home.inspect('stopped')).state).toBe('exited');
  });

  test('health is looked after again', async () => {
    const healthcheck = {
      test: ['CMD', 'test', '-e', '/tmp/ready'],
      intervalMs: 100,
      timeoutMs: 2000,
      startPeriodMs: undefined,
      startIntervalMs: undefined,
      retries: 1,
      ready: undefined,
      isStrict: false,
    };
    const config = shellConfig('healthy', `touch /tmp/ready; ${FOREVER}`, { healthcheck });
    const { id } = await home.run(config);
    await home.waitFor('healthy', 'healthy');
    const state = join(home.dataDir, 'containers', id, 'state.json');
    await eventually(() => readFileSync(state, 'utf8').includes('"healthy"'), 2000);
    await home.crash(supervisor);
    await home.start();
    expect((await home.inspect('healthy')).health).toBe('healthy');
    await home.exec('healthy', ['rm', '/tmp/ready']);
    await eventually(async () => (await home.inspect('healthy')).health === 'unhealthy', 5000);
  });

  test('a paused container is still paused', async () => {
    await home.run(shellConfig('frozen', FOREVER));
    await home.call('container.pause', { container: 'frozen' });
    await home.crash(supervisor);
    await home.start();
    expect((await home.inspect('frozen')).state).toBe('paused');
    await home.call('container.unpause', { container: 'frozen' });
    expect((await home.inspect('frozen')).state).toBe('running');
  });

  test('killed at any moment of many starts, nothing is doubled and all can be started', async () => {
    for (let round = 0; round < 4; round += 1) {
      const names = Array.from({ length: 6 }, (_, index) => `r${round}-${index}`);
      const runs = names.map((name) => home.run(shellConfig(name, FOREVER)).catch(() => undefined));
      await eventually(() => readdirSync(join(home.runDir, 'containers')).length > round, 5000);
      await home.crash(supervisor);
      await Promise.all(runs);
      supervisor = await home.start();
      const { containers } = await home.call('container.list', { labels: {} });
      for (const { id, state, pid } of containers) {
        expect(['created', 'running', 'exited']).toContain(state);
        expect(processesNaming(id).length).toBe(state === 'running' ? 1 : 0);
        if (state === 'running') expect(isAlive(pid!)).toBe(true);
        else await home.call('container.start', { container: id });
      }
      for (const { id } of containers) {
        await home.call('container.remove', { container: id, force: true, volumes: true });
      }
    }
  }, 60_000);
});

describe('after a shim was killed', () => {
  test('its container is ended, and the exit is unknown', async () => {
    const { id, pid } = await home.run(shellConfig('orphan', FOREVER));
    process.kill(shimOf(id), 'SIGKILL');
    const { container } = await home.waitFor('orphan', 'exited');
    expect(container.exit).toMatchObject({ reason: 'its shim was killed' });
    expect(container.exit?.code).toBeUndefined();
    expect(isAlive(pid!)).toBe(false);
    await home.call('container.start', { container: 'orphan' });
    expect((await home.inspect('orphan')).state).toBe('running');
  });

  test('together with the supervisor, the next one ends the container', async () => {
    const { id, pid } = await home.run(shellConfig('both', FOREVER));
    await home.crash(supervisor);
    process.kill(shimOf(id), 'SIGKILL');
    await home.start();
    expect(await home.inspect('both')).toMatchObject({ state: 'exited' });
    expect((await home.inspect('both')).exit?.code).toBeUndefined();
    expect(isAlive(pid!)).toBe(false);
  });
});

describe('records', () => {
  test('a damaged record is set aside and told of, the others are there', async () => {
    const { id } = await home.run(shellConfig('bad', 'true'));
    await home.run(shellConfig('good', 'true'));
    await home.waitFor('bad', 'exited');
    await home.crash(supervisor);
    const path = join(home.dataDir, 'containers', id, 'record.json');
    await writeFile(path, readFileSync(path, 'utf8').slice(0, 100));
    await home.start();
    const { containers } = await home.call('container.list', { labels: {} });
    expect(containers.map(({ config }) => config.name)).toEqual(['good']);
    expect(existsSync(`${path}.damaged`)).toBe(true);
    expect((await home.call('system.info', {})).damaged).toHaveLength(1);
    expect(home.log()).toContain('set aside');
    await rm(join(home.dataDir, 'containers', id), { recursive: true });
  });

  test('after a reboot, when the run folder is gone, what ran has ended', async () => {
    const { id, pid } = await home.run(shellConfig('before', FOREVER));
    await home.crash(supervisor);
    for (const victim of [shimOf(id), pid!]) process.kill(victim, 'SIGKILL');
    await eventually(() => !isAlive(pid!), 5000);
    // What is on its way out may still write there.
    await rm(home.runDir, { recursive: true, maxRetries: 20, retryDelay: 100 });
    await home.start();
    expect(await home.inspect('before')).toMatchObject({ state: 'exited' });
    await home.call('container.start', { container: 'before' });
    expect((await home.inspect('before')).state).toBe('running');
  });

  test('a container without a record is ended', async () => {
    const { id, pid } = await home.run(shellConfig('lost', FOREVER));
    await home.crash(supervisor);
    await rm(join(home.dataDir, 'containers', id, 'record.json'));
    await home.start();
    expect(isAlive(pid!)).toBe(false);
    expect(processesNaming(id)).toEqual([]);
    expect(readdirSync(join(home.dataDir, 'containers'))).toEqual([]);
  });
});

describe('the process itself', () => {
  test('ends when nothing runs and nobody calls, and leaves no run folder', async () => {
    await home.call('system.shutdown', {});
    await eventually(() => !isAlive(supervisor), 5000);
    const pid = await home.start(200);
    await eventually(() => !isAlive(pid), 5000);
    expect(existsSync(home.runDir)).toBe(false);
  });

  test('stays while a container runs, and while one waits for its restart', async () => {
    await home.call('system.shutdown', {});
    const pid = await home.start(50);
    await home.run(shellConfig('waits', 'sleep 0.3; exit 1', { restart: { kind: 'always' } }));
    await eventually(async () => (await home.inspect('waits')).restartCount >= 2, 10_000);
    expect(isAlive(pid)).toBe(true);
    await home.call('container.stop', { container: 'waits', timeoutMs: 0 });
    await eventually(() => !isAlive(pid), 5000);
  });

  test('a second one leaves the work to the first', async () => {
    const second = await home.start();
    await eventually(() => !isAlive(second), 5000);
    expect((await home.call('system.info', {})).pid).toBe(supervisor);
  });

  test('of many that start at once, one stays', async () => {
    await home.call('system.shutdown', {});
    const pids = await Promise.all(Array.from({ length: 5 }, () => home.start()));
    const { pid } = await home.call('system.info', {});
    await eventually(() => pids.filter(isAlive).length === 1, 5000);
    expect(pids.filter(isAlive)).toEqual([pid]);
  });

  test('a shutdown leaves containers running, and the next one finds them', async () => {
    const before = await home.run(shellConfig('stays', FOREVER));
    await home.call('system.shutdown', {});
    await eventually(() => !isAlive(supervisor), 5000);
    expect(isAlive(before.pid!)).toBe(true);
    await home.start();
    expect(await home.inspect('stays')).toEqual(before);
  });

  test('a stray socket of one that was killed is no obstacle', async () => {
    await home.crash(supervisor);
    expect(existsSync(home.socket)).toBe(true);
    await home.start();
    expect((await home.call('system.info', {})).containers.total).toBe(0);
    await appendFile(join(home.dataDir, 'supervisor.log'), '');
  });
});
