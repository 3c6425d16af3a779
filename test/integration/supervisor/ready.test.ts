import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { HealthcheckConfig, ReadyProbe } from '../../../src/model/healthcheck.ts';
import { eventually } from '../../support/eventually.ts';
import { shellConfig, SupervisorHome } from '../../support/supervisor-home.ts';

const UNSET: HealthcheckConfig = {
  test: undefined,
  intervalMs: 300,
  timeoutMs: 2000,
  startPeriodMs: undefined,
  startIntervalMs: undefined,
  retries: 1,
  ready: undefined,
  isStrict: false,
};

/** Waits in a shell until it is told to go on by the file /tmp/go. */
const WAIT = 'until [ -e /tmp/go ]; do sleep 0.02; done';
const SERVE = 'mkdir -p /tmp/www; echo fine > /tmp/www/health; exec busybox httpd -f -h /tmp/www';

describe('x-ocup.ready', () => {
  const home = new SupervisorHome();
  beforeAll(() => home.start());
  afterAll(() => home.close());

  async function run(name: string, command: string, ready: ReadyProbe): Promise<void> {
    await home.run(shellConfig(name, command, { healthcheck: { ...UNSET, ready } }));
    expect((await home.inspect(name)).health).toBe('starting');
  }

  async function expectHealthyAfterGo(name: string): Promise<void> {
    expect((await home.inspect(name)).health).not.toBe('healthy');
    await home.exec(name, ['touch', '/tmp/go']);
    await eventually(async () => (await home.inspect(name)).health === 'healthy', 10_000, name);
  }

  async function remove(name: string): Promise<void> {
    await home.call('container.remove', { container: name, force: true, volumes: true });
  }

  test('tcp: is healthy once somebody listens inside, on loopback alone', async () => {
    await run('tcp', `${WAIT}; ${SERVE} -p 127.0.0.1:8099`, { kind: 'tcp', port: 8099 });
    await expectHealthyAfterGo('tcp');
    expect((await home.inspect('tcp')).probes.at(-1)?.output).toBe('port 8099 is open');
    await remove('tcp');
  });

  test('http: is healthy once the path answers well', async () => {
    const ready = { kind: 'http', port: 8099, path: '/health', status: undefined } as const;
    await run('http', `${WAIT}; ${SERVE} -p 8099`, ready);
    await expectHealthyAfterGo('http');
    await remove('http');
  });

  test('http: an answer of another status is unhealthy, and says which', async () => {
    const ready = { kind: 'http', port: 8099, path: '/nothing', status: undefined } as const;
    await run('missing', `${SERVE} -p 8099`, ready);
    await eventually(async () => (await home.inspect('missing')).health === 'unhealthy', 10_000);
    expect((await home.inspect('missing')).probes.at(-1)?.output).toBe('/nothing answers 404');
    await remove('missing');
  });

  test('log: is healthy at the line, and a line of the run before does not count', async () => {
    const command = `${WAIT}; echo 'now ready to serve' >&2; rm /tmp/go; sleep 1000`;
    const ready = { kind: 'log', pattern: 'ready to (serve|work)' } as const;
    await run('log', command, ready);
    await expectHealthyAfterGo('log');
    await home.call('container.stop', { container: 'log', timeoutMs: 0 });
    await home.call('container.start', { container: 'log' });
    expect((await home.inspect('log')).health).toBe('starting');
    await expectHealthyAfterGo('log');
    await remove('log');
  });

  test('file: is healthy once the file is there, seen from inside its root', async () => {
    await run('file', `ln -s /tmp/go /tmp/link; sleep 1000`, { kind: 'file', path: '/tmp/link' });
    await expectHealthyAfterGo('file');
    await remove('file');
  });

  test('strict: the first probe comes after an interval', async () => {
    const healthcheck = { ...UNSET, test: ['CMD', 'true'], intervalMs: 600, isStrict: true };
    await home.run(shellConfig('strict', 'sleep 1000', { healthcheck }));
    await eventually(async () => (await home.inspect('strict')).health === 'healthy', 10_000);
    const { startedAt, probes } = await home.inspect('strict');
    const firstMs = Date.parse(probes[0]?.startedAt ?? '') - Date.parse(startedAt ?? '');
    expect(firstMs).toBeGreaterThanOrEqual(590);
    await remove('strict');
  });
});
