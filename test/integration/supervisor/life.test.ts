import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ContainerEvent, Event } from '../../../src/model/event.ts';
import { FRAME } from '../../../src/wire/frames.ts';
import { eventually } from '../../support/eventually.ts';
import { readStream, shellConfig, SupervisorHome } from '../../support/supervisor-home.ts';

const home = new SupervisorHome();
const FOREVER = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

beforeAll(async () => {
  await home.start();
});

afterAll(async () => {
  await home.close();
});

/** Collects the actions of one container's events while `work` runs. */
async function watchActions(
  name: string,
  last: ContainerEvent['action'],
  work: () => Promise<void>,
): Promise<ContainerEvent[]> {
  const seen: Event[] = [];
  const found = () =>
    seen.filter((event) => event.kind === 'container' && event.name === name) as ContainerEvent[];
  const controller = new AbortController();
  let begun: (() => void) | undefined;
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const follow = home
    .call(
      'events.follow',
      { labels: {}, since: undefined },
      {
        signal: controller.signal,
        onEvent: (event) => (event.kind === 'begun' ? begun?.() : seen.push(event.fact)),
      },
    )
    .catch(() => undefined);
  await hasBegun;
  await work();
  await eventually(() => found().some(({ action }) => action === last), 2000, `event ${last}`);
  controller.abort();
  await follow;
  return found();
}

describe('start', () => {
  test('a container runs, its output is kept, its exit code is recorded', async () => {
    const started = await home.run(
      shellConfig('plain', 'echo out; echo err >&2; sleep 0.3; exit 3'),
    );
    expect(started.state).toBe('running');
    const { isMet, container } = await home.waitFor('plain', 'exited');
    expect(isMet).toBe(true);
    expect(container.exit).toMatchObject({ code: 3, isOomKilled: false });
    expect((await home.logs('plain')).sort()).toEqual(['err', 'out']);
  });

  test('an ended container starts again with its writable layer', async () => {
    await home.run(
      shellConfig('again', 'cat /tmp/mark 2>/dev/null || echo none; echo x >/tmp/mark'),
    );
    await home.waitFor('again', 'exited');
    await home.call('container.start', { container: 'again' });
    await home.waitFor('again', 'exited');
    expect(await home.logs('again')).toEqual(['none', 'x']);
    expect(existsSync('/tmp/mark')).toBe(false);
  });

  test.each([
    ['a command that is not there', ['/no/such/program'], 127],
    ['a command that cannot be executed', ['/etc/passwd'], 126],
  ])('%s fails with its exit code', async (_what, command, code) => {
    const name = `fails-${code}`;
    const config = shellConfig(name, '', { command });
    await home.call('container.create', { config, inheritVolumesOf: undefined });
    const start = home.call('container.start', { container: name });
    await expect(start).rejects.toMatchObject({ code: 'E_CONTAINER_START' });
    const container = await home.inspect(name);
    expect(container).toMatchObject({ state: 'exited', exit: { code } });
    expect(container.exit?.reason).toContain(command[0]);
  });

  test('thirty containers start at once', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    await Promise.all(names.map((name) => home.run(shellConfig(name, 'exec sleep 1000'))));
    const { containers } = await home.call('container.list', { labels: {} });
    const running = containers.filter(({ config }) => config.name.startsWith('many-'));
    expect(running.map(({ state }) => state)).toEqual(names.map(() => 'running'));
    expect(new Set(running.map(({ pid }) => pid)).size).toBe(30);
    await Promise.all(
      names.map((container) =>
        home.call('container.remove', { container, force: true, volumes: false }),
      ),
    );
  }, 60_000);

  test('events tell of its life in order', async () => {
    const events = await watchActions('told', 'destroy', async () => {
      await home.run(shellConfig('told', 'exit 0'));
      await home.waitFor('told', 'exited');
      await home.call('container.remove', { container: 'told', force: false, volumes: false });
    });
    expect(events.map(({ action }) => action)).toEqual(['create', 'start', 'die', 'destroy']);
  });
});

describe('stop', () => {
  test('a process with a handler gets its signal and its grace', async () => {
    await home.run(
      shellConfig(
        'graceful',
        'trap "sleep 0.3; echo bye; exit 7" TERM; echo on; while :; do sleep 0.05; done',
      ),
    );
    await eventually(async () => (await home.logs('graceful')).includes('on'), 5000);
    const stopped = await home.call('container.stop', {
      container: 'graceful',
      timeoutMs: undefined,
    });
    expect(stopped).toMatchObject({ wasRunning: true, container: { exit: { code: 7 } } });
    expect(stopped.reason).toBeUndefined();
    expect(await home.logs('graceful')).toEqual(['on', 'bye']);
  });

  test('process 1 without a handler and without children is ended at once, saying why', async () => {
    await home.run(shellConfig('deaf', 'exec sleep 1000'));
    await eventually(async () => {
      const { pid } = await home.inspect('deaf');
      return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n';
    }, 5000);
    const before = performance.now();
    const stopped = await home.call('container.stop', { container: 'deaf', timeoutMs: 30_000 });
    expect(performance.now() - before).toBeLessThan(3000);
    expect(stopped.reason).toContain('process 1 (sleep) has no handler for SIGTERM');
    expect(stopped.container.exit).toMatchObject({ code: 137, reason: stopped.reason });
  });

  test('the children of a process 1 without a handler get the signal', async () => {
    await home.run(shellConfig('wrapped', 'sleep 1000; echo ended with $?'));
    await eventually(async () => {
      const { pid } = await home.inspect('wrapped');
      return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') !== '';
    }, 5000);
    const stopped = await home.call('container.stop', { container: 'wrapped', timeoutMs: 30_000 });
    expect(stopped.reason).toContain('its children got it');
    expect(stopped.container.exit?.code).toBe(0);
    expect(await home.logs('wrapped')).toContain('ended with 143');
  });

  test('what outlives its grace is ended by force', async () => {
    await home.run(shellConfig('stubborn', 'trap : TERM; echo on; while :; do sleep 0.05; done'));
    await eventually(async () => (await home.logs('stubborn')).includes('on'), 5000);
    const stopped = await home.call('container.stop', { container: 'stubborn', timeoutMs: 300 });
    expect(stopped.container.exit).toMatchObject({ code: 137, signal: 'SIGKILL' });
    expect(stopped.reason).toContain('did not end within 0.3 s');
  });

  test('stopping one that does not run changes nothing', async () => {
    const stopped = await home.call('container.stop', {
      container: 'stubborn',
      timeoutMs: undefined,
    });
    expect(stopped.wasRunning).toBe(false);
  });

  test('a kill does not wait for a stop that is under way', async () => {
    await home.run(shellConfig('slow', 'trap : TERM; echo on; while :; do sleep 0.05; done'));
    await eventually(async () => (await home.logs('slow')).includes('on'), 5000);
    const stop = home.call('container.stop', { container: 'slow', timeoutMs: 30_000 });
    await home.call('container.kill', { container: 'slow', signal: 'KILL' });
    expect((await stop).container.exit?.code).toBe(137);
  });

  test('a paused container can be stopped', async () => {
    await home.run(shellConfig('frozen', FOREVER));
    await home.call('container.pause', { container: 'frozen' });
    expect((await home.inspect('frozen')).state).toBe('paused');
    await expect(home.exec('frozen', ['true'])).rejects.toMatchObject({
      code: 'E_CONTAINER_STATE',
    });
    const stopped = await home.call('container.stop', { container: 'frozen', timeoutMs: 5000 });
    expect(stopped.container.state).toBe('exited');
  });
});

describe('keeping what was asked', () => {
  test('on-failure restarts so often and no more', async () => {
    const restart = { kind: 'on-failure', maxAttempts: 2 } as const;
    await home.run(shellConfig('retry', 'echo try; exit 1', { restart }));
    const { container } = await home.waitFor('retry', 'exited');
    expect(container).toMatchObject({ restartCount: 2, exit: { code: 1 } });
    expect(await home.logs('retry')).toEqual(['try', 'try', 'try']);
  });

  test('a stop ends the restarting', async () => {
    await home.run(shellConfig('loop', 'exit 1', { restart: { kind: 'always' } }));
    await eventually(async () => (await home.inspect('loop')).restartCount > 1, 10_000);
    await home.call('container.stop', { container: 'loop', timeoutMs: 100 });
    const { restartCount, state } = await home.inspect('loop');
    expect(state).toBe('exited');
    await home.call('container.list', { labels: {} });
    expect((await home.inspect('loop')).restartCount).toBe(restartCount);
  });

  test('health is found at once and lost after its retries', async () => {
    const healthcheck = {
      test: ['CMD-SHELL', 'test -e /tmp/ready'],
      intervalMs: 200,
      timeoutMs: 2000,
      startPeriodMs: undefined,
      startIntervalMs: undefined,
      retries: 2,
      ready: undefined,
      isStrict: false,
    };
    const command = 'sleep 0.2; touch /tmp/ready; trap "exit 0" TERM; while :; do sleep 0.05; done';
    const events = await watchActions('healthy', 'health', async () => {
      const started = await home.run(shellConfig('healthy', command, { healthcheck }));
      expect(started.health).toBe('starting');
      expect((await home.waitFor('healthy', 'healthy')).isMet).toBe(true);
      await home.exec('healthy', ['rm', '/tmp/ready']);
      await eventually(async () => (await home.inspect('healthy')).health === 'unhealthy', 5000);
    });
    expect(events.filter(({ action }) => action === 'health')).toMatchObject([
      { health: 'healthy' },
      { health: 'unhealthy' },
    ]);
    expect((await home.waitFor('healthy', 'healthy')).isMet).toBe(false);
    const { probes } = await home.inspect('healthy');
    expect(probes.at(-1)).toMatchObject({ exitCode: 1 });
  });

  test('a wait for health ends when the container does', async () => {
    const healthcheck = {
      test: ['CMD', 'false'],
      intervalMs: 10_000,
      timeoutMs: 2000,
      startPeriodMs: undefined,
      startIntervalMs: undefined,
      retries: 2,
      ready: undefined,
      isStrict: false,
    };
    await home.run(shellConfig('short', 'sleep 0.3; exit 4', { healthcheck }));
    const { isMet, container } = await home.waitFor('short', 'healthy');
    expect(isMet).toBe(false);
    expect(container.exit?.code).toBe(4);
  });

  test('a probe that hangs is a failed one', async () => {
    const healthcheck = {
      test: ['CMD', 'sleep', '1000'],
      intervalMs: 100,
      timeoutMs: 200,
      startPeriodMs: undefined,
      startIntervalMs: undefined,
      retries: 1,
      ready: undefined,
      isStrict: false,
    };
    await home.run(shellConfig('hangs', FOREVER, { healthcheck }));
    await eventually(async () => (await home.inspect('hangs')).health === 'unhealthy', 10_000);
    expect((await home.inspect('hangs')).probes.at(-1)?.output).toContain('exceeded timeout');
  });
});

describe('exec and attach', () => {
  beforeAll(async () => {
    await home.run(shellConfig('host', FOREVER, { environment: { FROM: 'container' } }));
  });

  test('output, exit code and environment', async () => {
    const command = ['sh', '-c', 'echo $FROM $MORE; echo bad >&2; exit 5'];
    expect(await home.exec('host', command, { environment: { MORE: 'exec' } })).toEqual({
      code: 5,
      stdout: 'container exec\n',
      stderr: 'bad\n',
    });
  });

  test('a user is looked up in the container', async () => {
    const { stdout } = await home.exec('host', ['id', '-u'], { user: 'nobody' });
    expect(stdout).toBe('65534\n');
    await expect(home.exec('host', ['id'], { user: 'nosuch' })).rejects.toMatchObject({
      code: 'E_BUNDLE_USER',
    });
  });

  test('a command that is not there has its own error', async () => {
    await expect(home.exec('host', ['/no/such'])).rejects.toMatchObject({
      code: 'E_CONTAINER_EXEC_NOT_FOUND',
    });
  });

  test('standard input reaches the command, and its end too', async () => {
    const stream = await home.stream('container.exec', {
      container: 'host',
      command: ['cat'],
      environment: {},
      user: undefined,
      workingDir: undefined,
      hasTty: false,
      isPrivileged: false,
      hasStdin: true,
      size: undefined,
    });
    const megabyte = 'x'.repeat(1024 * 1024);
    const read = readStream(stream);
    for (let index = 0; index < 4; index += 1) await stream.send(FRAME.stdin, megabyte);
    await stream.send(FRAME.stdinEnd);
    const { stdout, code } = await read;
    expect(stdout.length).toBe(4 * 1024 * 1024);
    expect(code).toBe(0);
  });

  test('who attaches before the start misses nothing', async () => {
    const config = shellConfig('early', 'echo first; read line; echo got $line; exit 6', {
      isStdinOpen: true,
    });
    await home.call('container.create', { config, inheritVolumesOf: undefined });
    const stream = await home.stream('container.attach', { container: 'early', hasStdin: true });
    const read = readStream(stream);
    await home.call('container.start', { container: 'early' });
    await stream.send(FRAME.stdin, 'word\n');
    expect(await read).toEqual({ code: 6, stdout: 'first\ngot word\n', stderr: '' });
  });
});

describe('names, volumes, mounts', () => {
  test('a name is given once', async () => {
    const config = shellConfig('unique', 'true');
    await home.call('container.create', { config, inheritVolumesOf: undefined });
    const again = home.call('container.create', { config, inheritVolumesOf: undefined });
    await expect(again).rejects.toMatchObject({ code: 'E_CONTAINER_EXISTS' });
    await home.call('container.rename', { container: 'unique', name: 'renamed' });
    const third = await home.call('container.create', { config, inheritVolumesOf: undefined });
    expect((await home.inspect(third.id.slice(0, 12))).config.name).toBe('unique');
    expect((await home.inspect('renamed')).config.name).toBe('renamed');
  });

  test('an unknown image, user or source leaves nothing', async () => {
    const { containers: before } = await home.call('container.list', { labels: {} });
    const bind = {
      kind: 'bind',
      source: join(home.folder, 'missing'),
      target: '/m',
      isReadOnly: false,
      createHostPath: false,
      propagation: undefined,
      isRecursive: true,
    } as const;
    const attempts = [
      [shellConfig('bad', 'true', { image: 'rootfs:/no/such/folder' }), 'E_IMAGE_NOT_FOUND'],
      [shellConfig('bad', 'true', { user: 'nosuch' }), 'E_BUNDLE_USER'],
      [shellConfig('bad', 'true', { mounts: [bind] }), 'E_CONTAINER_MOUNT'],
      [shellConfig('bad name', 'true'), 'E_CONTAINER_CREATE'],
    ] as const;
    for (const [config, code] of attempts) {
      const create = home.call('container.create', { config, inheritVolumesOf: undefined });
      await expect(create).rejects.toMatchObject({ code });
    }
    const { containers } = await home.call('container.list', { labels: {} });
    expect(containers.length).toBe(before.length);
  });

  test('binds, files with content and volumes are there', async () => {
    const source = join(home.folder, 'source');
    await mkdir(source);
    await writeFile(join(source, 'hello'), 'from the host');
    const config = shellConfig('mounts', 'cat /m/hello; echo; cat /f; echo; echo kept >/v/file', {
      mounts: [
        {
          kind: 'bind',
          source,
          target: '/m',
          isReadOnly: true,
          createHostPath: false,
          propagation: undefined,
          isRecursive: true,
        },
        { kind: 'file', target: '/f', content: 'content', mode: 0o444, uid: 0, gid: 0 },
        {
          kind: 'volume',
          volume: 'kept',
          target: '/v',
          isReadOnly: false,
          noCopy: false,
          subpath: undefined,
        },
      ],
    });
    await home.run(config);
    await home.waitFor('mounts', 'exited');
    expect(await home.logs('mounts')).toEqual(['from the host', 'content']);
    const { volumes } = await home.call('volume.list', {});
    const kept = volumes.find((volume) => volume.config.name === 'kept');
    expect(readFileSync(join(kept!.path, 'file'), 'utf8')).toBe('kept\n');
    await expect(home.call('volume.remove', { name: 'kept' })).rejects.toMatchObject({
      code: 'E_VOLUME_IN_USE',
    });
    await home.call('container.remove', { container: 'mounts', force: false, volumes: true });
    await home.call('volume.remove', { name: 'kept' });
  });

  test('anonymous volumes are handed on to the container that takes the place', async () => {
    const mounts = [
      {
        kind: 'volume',
        volume: undefined,
        target: '/v',
        isReadOnly: false,
        noCopy: false,
        subpath: undefined,
      },
    ] as const;
    await home.run(shellConfig('old', 'echo kept >/v/file', { mounts }));
    await home.waitFor('old', 'exited');
    await home.call('container.create', {
      config: shellConfig('new', 'cat /v/file', { mounts }),
      inheritVolumesOf: 'old',
    });
    await home.call('container.remove', { container: 'old', force: false, volumes: true });
    await home.call('container.start', { container: 'new' });
    await home.waitFor('new', 'exited');
    expect(await home.logs('new')).toEqual(['kept']);
    const count = async () => (await home.call('volume.list', {})).volumes.length;
    expect(await count()).toBe(1);
    await home.call('container.remove', { container: 'new', force: false, volumes: true });
    expect(await count()).toBe(0);
  });

  test('a running container is removed by force only', async () => {
    await home.run(shellConfig('busy', FOREVER));
    const remove = (force: boolean) =>
      home.call('container.remove', { container: 'busy', force, volumes: false });
    await expect(remove(false)).rejects.toMatchObject({ code: 'E_CONTAINER_STATE' });
    const removed = home.waitFor('busy', 'removed');
    await remove(true);
    expect((await removed).isMet).toBe(true);
    await expect(home.inspect('busy')).rejects.toMatchObject({ code: 'E_CONTAINER_NOT_FOUND' });
  });
});

test('logs are followed to the end of the container', async () => {
  await home.run(
    shellConfig('talks', 'for i in 1 2 3 4 5; do echo $i; sleep 0.05; done; echo last'),
  );
  expect(await home.logs('talks', { follow: true })).toEqual(['1', '2', '3', '4', '5', 'last']);
});
