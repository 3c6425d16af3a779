import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ContainerConfig } from '../../../src/model/container.ts';
import { eventually } from '../../support/eventually.ts';
import { processesNaming, shellConfig, SupervisorHome } from '../../support/supervisor-home.ts';
import { randomFrom } from '../../support/random.ts';

const home = new SupervisorHome();
let supervisor = 0;
const STORM_MS = 5000;
const CALLERS = 4;
const NAMES = Array.from({ length: 8 }, (_, index) => `c${index}`);

/** What a caller may be told; anything else is a bug. */
const EXPECTED = new Set([
  'E_CONTAINER_EXISTS',
  'E_CONTAINER_NOT_FOUND',
  'E_CONTAINER_STATE',
  'E_CONTAINER_RUNTIME',
  'E_WIRE_CONNECT',
  'E_WIRE_CLOSED',
]);

beforeAll(async () => {
  supervisor = await home.start();
});

afterAll(async () => {
  await home.close();
});

function randomConfig(name: string, random: () => number): ContainerConfig {
  const commands = [
    'exec sleep 1000',
    'exit 1',
    'sleep 0.2; exit 2',
    'while :; do sleep 0.1; done',
  ];
  const policies = [{ kind: 'no' }, { kind: 'always' }] as const;
  return shellConfig(name, commands[Math.floor(random() * commands.length)]!, {
    restart: policies[Math.floor(random() * policies.length)]!,
  });
}

async function callRandomly(seed: number, surprises: unknown[]): Promise<void> {
  const random = randomFrom(seed);
  const end = Date.now() + STORM_MS;
  const name = (): string => NAMES[Math.floor(random() * NAMES.length)]!;
  const actions = [
    () =>
      home.call('container.create', {
        config: randomConfig(name(), random),
        inheritVolumesOf: undefined,
      }),
    () => home.call('container.start', { container: name() }),
    () => home.call('container.stop', { container: name(), timeoutMs: 200 }),
    () => home.call('container.kill', { container: name(), signal: 'KILL' }),
    () => home.call('container.pause', { container: name() }),
    () => home.call('container.unpause', { container: name() }),
    () => home.call('container.rename', { container: name(), name: name() }),
    () => home.call('container.remove', { container: name(), force: true, volumes: true }),
    () => home.logs(name()),
  ];
  while (Date.now() < end) {
    const action = actions[Math.floor(random() * actions.length)]!;
    await action().catch((error: unknown) => {
      const { code } = error as { code: string };
      if (!EXPECTED.has(code)) surprises.push(error);
      // While no supervisor listens there is nothing to hurry for.
      return code === 'E_WIRE_CONNECT' ? sleep(5) : undefined;
    });
  }
}

async function storm(seed: number, hasCrashes: boolean): Promise<void> {
  const surprises: unknown[] = [];
  const end = Date.now() + STORM_MS - 1000;
  const callers = Array.from({ length: CALLERS }, (_, index) =>
    callRandomly(seed + index, surprises),
  );
  const random = randomFrom(seed);
  while (hasCrashes && Date.now() < end) {
    await sleep(200 + random() * 800);
    await home.crash(supervisor);
    supervisor = await home.start();
  }
  await Promise.all(callers);
  expect(surprises).toEqual([]);
  const { containers } = await home.call('container.list', { labels: {} });
  for (const { container } of await Promise.all(
    containers.map(({ id }) => home.call('container.stop', { container: id, timeoutMs: 200 })),
  )) {
    expect(['created', 'exited']).toContain(container.state);
  }
  expect(readdirSync(join(home.runDir, 'containers'))).toEqual([]);
  const shims = () => processesNaming(home.folder).filter((text) => text.includes('ocup-shim'));
  await eventually(() => shims().length === 0, 5000, 'end of the shims');
}

test('random commands of four callers lose, double and leave nothing', async () => {
  await storm(1, false);
});

test('and neither do they while the supervisor is killed again and again', async () => {
  await storm(2, true);
});
