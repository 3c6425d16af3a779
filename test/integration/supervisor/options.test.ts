import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FRAME } from '../../../src/wire/frames.ts';
import { eventually } from '../../support/eventually.ts';
import { readStream, shellConfig, SupervisorHome } from '../../support/supervisor-home.ts';

const FOREVER = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

describe('what a container may be asked to be', () => {
  const home = new SupervisorHome();
  beforeAll(async () => {
    await home.start();
  });
  afterAll(async () => {
    await home.close();
  });

  test('a terminal: its size, its one stream, and an exec with its own', async () => {
    const command = 'test -t 0 && test -t 1 && echo terminal; echo err >&2; read line; echo $line';
    const config = shellConfig('tty', command, { hasTty: true, isStdinOpen: true });
    await home.call('container.create', { config, inheritVolumesOf: undefined });
    const stream = await home.stream('container.attach', { container: 'tty', hasStdin: true });
    await home.call('container.start', { container: 'tty' });
    await stream.send(FRAME.stdin, 'typed\n');
    const { stdout, code } = await readStream(stream);
    expect(code).toBe(0);
    expect(stdout.split('\r\n')).toEqual(expect.arrayContaining(['terminal', 'err', 'typed']));
  });

  test('an exec with a terminal has the size that it was given', async () => {
    await home.run(shellConfig('sized', FOREVER));
    const { stdout } = await home.exec('sized', ['stty', 'size'], {
      hasTty: true,
      hasStdin: true,
      size: { rows: 33, columns: 77 },
    });
    expect(stdout).toBe('33 77\r\n');
  });

  test('an init that hands on signals and reaps', async () => {
    await home.run(
      shellConfig('init', 'trap "exit 8" TERM; echo up; while :; do sleep 0.05; done', {
        hasInit: true,
      }),
    );
    await eventually(async () => (await home.logs('init')).includes('up'), 5000);
    const { pid } = await home.inspect('init');
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('docker-init');
    const stopped = await home.call('container.stop', { container: 'init', timeoutMs: 5000 });
    expect(stopped.container.exit?.code).toBe(8);
    expect(stopped.reason).toBeUndefined();
  });

  test('the processes of another container', async () => {
    await home.run(shellConfig('seen', FOREVER));
    const pidMode = { kind: 'container', container: 'seen' } as const;
    await home.run(shellConfig('sees', 'cat /proc/1/cmdline', { pidMode }));
    await home.waitFor('sees', 'exited');
    expect((await home.logs('sees')).join('')).toContain(FOREVER);
  });

  test('too much memory ends it, and that is said', async () => {
    const resources = {
      ...shellConfig('x', '').resources,
      memoryBytes: 16 * 1024 * 1024,
      memorySwapBytes: 16 * 1024 * 1024,
    };
    await home.run(shellConfig('hungry', 'tail /dev/zero', { resources }));
    const { container } = await home.waitFor('hungry', 'exited');
    expect(container.exit).toMatchObject({ code: 137, isOomKilled: true });
  });

  test('no log where the driver is none', async () => {
    const logging = { driver: 'none', options: {} };
    const { id } = await home.run(shellConfig('silent', 'echo said', { logging }));
    await home.waitFor('silent', 'exited');
    expect(await home.logs('silent')).toEqual([]);
    expect(readdirSync(join(home.dataDir, 'containers', id))).not.toContain('log');
  });

  test('a log that is cut where its options say', async () => {
    const logging = { driver: 'json-file', options: { 'max-size': '10k', 'max-file': '2' } };
    const { id } = await home.run(shellConfig('chatty', 'seq 1 2000', { logging }));
    await home.waitFor('chatty', 'exited');
    const texts = await home.logs('chatty');
    expect(texts.at(-1)).toBe('2000');
    expect(texts.length).toBeLessThan(1000);
    const names = readdirSync(join(home.dataDir, 'containers', id));
    expect(names.filter((name) => name.startsWith('log')).sort()).toEqual(['log', 'log.1']);
    expect(await home.logs('chatty', { tail: 300 })).toEqual(texts.slice(-300));
  });

  test('logs of a time, of several containers, in the order of time', async () => {
    await home.run(shellConfig('first', 'for i in 1 2 3; do echo a$i; sleep 0.1; done'));
    await home.run(shellConfig('second', 'for i in 1 2 3; do echo b$i; sleep 0.1; done'));
    await home.waitFor('first', 'exited');
    await home.waitFor('second', 'exited');
    const times: string[] = [];
    await home.call(
      'container.logs',
      {
        containers: ['second', 'first'],
        follow: false,
        tail: undefined,
        since: undefined,
        until: undefined,
      },
      { onEvent: ({ time }) => times.push(time) },
    );
    expect(times).toHaveLength(6);
    expect(times).toEqual([...times].sort());
    const both = ['first', 'second'];
    const late = await home.logs('first', { containers: both, since: times[4] });
    const early = await home.logs('first', { containers: both, until: times[3] });
    expect([late.length, early.length]).toEqual([2, 4]);
  });
});

describe('with another runtime', () => {
  const home = new SupervisorHome({ OCUP_RUNTIME: 'runc' });
  beforeAll(async () => {
    await home.start();
  });
  afterAll(async () => {
    await home.close();
  });

  test('containers live as they do with ours', async () => {
    const started = await home.run(shellConfig('foreign', `echo on; ${FOREVER}`));
    expect(started.state).toBe('running');
    expect((await home.call('system.info', {})).runtime).toBe('runc');
    expect(await home.exec('foreign', ['sh', '-c', 'exit 4'])).toMatchObject({ code: 4 });
    await home.call('container.pause', { container: 'foreign' });
    await home.call('container.unpause', { container: 'foreign' });
    const stopped = await home.call('container.stop', { container: 'foreign', timeoutMs: 5000 });
    expect(stopped.container.exit?.code).toBe(0);
    expect(await home.logs('foreign')).toEqual(['on']);
    expect(existsSync(join(home.runDir, 'containers', started.id))).toBe(false);
  });

  test('a command that is not there is told as such', async () => {
    const run = home.run(shellConfig('missing', '', { command: ['/no/such'] }));
    await expect(run).rejects.toMatchObject({ code: 'E_CONTAINER_START' });
    expect((await home.inspect('missing')).exit?.code).toBe(127);
  });

  test('a runtime that is not there is told when the container is made', async () => {
    const config = shellConfig('unknown', 'true', { runtime: 'no-such-runtime' });
    await expect(
      home.call('container.create', { config, inheritVolumesOf: undefined }),
    ).rejects.toMatchObject({ code: 'E_CONTAINER_CREATE' });
  });
});
