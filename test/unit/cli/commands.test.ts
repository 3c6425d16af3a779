import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OcupError } from '../../../src/base/errors.ts';
import { runCommand } from '../../../src/cli/program.ts';
import { commandContext, type TestContext } from '../../support/command-context.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeSupervisor } from '../../support/fake-supervisor.ts';

const COMPOSE = `
name: app
services:
  db:
    image: db:1
  web:
    image: web:1
    environment: { FOO: "1" }
    depends_on:
      db: { condition: service_healthy }
  cache:
    image: cache:1
`;

let fake: FakeSupervisor;
let folder: string;
const fakes: string[] = [];

beforeEach(async () => {
  fake = await FakeSupervisor.open();
  fakes.push(fake.folder);
  folder = await mkdtemp(join(tmpdir(), 'ocup-cli-'));
  for (const image of ['db:1', 'web:1', 'cache:1']) fake.registry.add(image);
  fake.behaviours.set('db', { health: 'healthy' });
  await compose(COMPOSE);
});

afterEach(async () => {
  await fake.close();
  await rm(folder, { recursive: true });
});

afterAll(() => {
  // A command that goes on after its end would start a supervisor there.
  expect(fakes.filter((path) => existsSync(path))).toEqual([]);
});

function compose(text: string): Promise<void> {
  return writeFile(join(folder, 'compose.yaml'), text);
}

function begin(...argv: string[]): { context: TestContext; code: Promise<number> } {
  return beginWith({}, ...argv);
}

function beginWith(
  options: { input?: string },
  ...argv: string[]
): { context: TestContext; code: Promise<number> } {
  const context = commandContext(argv, {
    workingDir: folder,
    environment: fake.environment,
    ...options,
  });
  return { context, code: runCommand(context) };
}

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

async function ocup(...argv: string[]): Promise<Ended> {
  const { context, code } = begin(...argv);
  return { code: await code, output: context.output(), errors: context.errors() };
}

describe('up -d', () => {
  test('makes and starts everything, each dependant after its dependency is healthy', async () => {
    fake.behaviours.set('db', { health: 'starting' });
    const { context, code } = begin('up', '-d');
    await fake.when(() => fake.calls.includes('container.start app-db-1'));
    await fake.when(() => fake.calls.includes('container.start app-cache-1'));
    expect(fake.calls).not.toContain('container.start app-web-1');
    fake.setHealth('app-db-1', 'healthy');
    expect(await code).toBe(0);
    expect(fake.calls).toContain('container.start app-web-1');
    expect(context.output()).toBe('');
    expect(context.errors()).toContain(' Container app-db-1  Waiting\n');
    expect(context.errors()).toContain(' Container app-db-1  Healthy\n');
    expect(context.errors()).toContain(' Network app_default  Created\n');
  });

  test('again changes nothing, and says that everything runs', async () => {
    await ocup('up', '-d');
    fake.calls.length = 0;
    const { code, errors } = await ocup('up', '-d');
    expect(code).toBe(0);
    expect(fake.calls).toEqual([]);
    for (const name of ['app-cache-1', 'app-db-1', 'app-web-1']) {
      expect(errors).toContain(` Container ${name}  Running\n`);
    }
  });

  test('after an edit replaces the changed service alone, and names the key', async () => {
    await ocup('up', '-d');
    const before = fake.get('app-db-1').id;
    await compose(COMPOSE.replace('FOO: "1"', 'FOO: "2"'));
    fake.calls.length = 0;
    const { errors } = await ocup('up', '-d');
    expect(errors).toContain(
      'Container app-web-1  Recreate  config hash diverged: environment.FOO',
    );
    expect(errors).toContain(' Container app-web-1  Recreated\n');
    expect(fake.get('app-db-1').id).toBe(before);
    expect(fake.names()).toEqual(['app-cache-1', 'app-db-1', 'app-web-1']);
    const order = fake.calls.map((call) => call.replace(/[0-9a-f]{12}_/, 'new_'));
    expect(order).toEqual([
      'container.create new_app-web-1',
      'container.stop app-web-1',
      'container.remove app-web-1',
      'container.rename new_app-web-1',
      'container.start app-web-1',
    ]);
  });

  test('a pull that fails ends with its error, and the next up repairs', async () => {
    fake.registry.delete('web:1');
    const { code, errors } = await ocup('up', '-d');
    expect(code).toBe(1);
    expect(errors).toContain('Error: manifest unknown: web:1\n');
    fake.registry.add('web:1');
    expect((await ocup('up', '-d')).code).toBe(0);
    expect(fake.get('app-web-1').state).toBe('running');
  });

  test('a dependency that is unhealthy ends it, and its dependant is not started', async () => {
    fake.behaviours.set('db', { health: 'unhealthy' });
    const { code, errors } = await ocup('up', '-d');
    expect(code).toBe(1);
    expect(errors).toContain(
      'Error: dependency failed to start: container app-db-1 is unhealthy\n  hint: see what it wrote: ocup logs db\n',
    );
    expect(fake.get('app-web-1').state).toBe('created');
  });

  test('a job that fails is named with its code', async () => {
    await compose(
      'name: app\nservices:\n  job: { image: db:1 }\n  web:\n    image: web:1\n    depends_on: { job: { condition: service_completed_successfully } }\n',
    );
    fake.behaviours.set('job', { exitCode: 3 });
    const { code, errors } = await ocup('up', '-d');
    expect(code).toBe(1);
    expect(errors).toContain(`service "job" didn't complete successfully: exit 3`);
  });

  test('an optional dependency that fails is a warning', async () => {
    await compose(
      'name: app\nservices:\n  db: { image: db:1 }\n  web:\n    image: web:1\n    depends_on: { db: { condition: service_healthy, required: false } }\n',
    );
    fake.behaviours.set('db', { health: 'unhealthy' });
    const { code, errors } = await ocup('up', '-d');
    expect(code).toBe(0);
    expect(errors).toContain(
      ' Container app-db-1  Skipped: optional dependency "db" failed to start\n',
    );
    expect(errors).toContain(
      'Warning: optional dependency "db" failed to start: container app-db-1 is unhealthy\n',
    );
    expect(fake.get('app-web-1').state).toBe('running');
  });

  test('a pre_stop hook that fails is a warning with its name', async () => {
    await compose(
      'name: app\nservices:\n  web: { image: web:1, pre_stop: [{ command: [exit, "4"] }] }\n',
    );
    await ocup('up', '-d');
    expect((await ocup('stop')).errors).toContain(
      'Warning: pre_stop hook of app-web-1 exited with status 4',
    );
  });

  test('Ctrl-C while it waits ends it with 130, and what was made stays', async () => {
    fake.behaviours.set('db', { health: 'starting' });
    const { context, code } = begin('up', '-d');
    await fake.when(() => fake.calls.includes('container.start app-db-1'));
    context.send('SIGINT');
    expect(await code).toBe(130);
    expect(fake.get('app-db-1').state).toBe('running');
    expect(fake.get('app-web-1').state).toBe('created');
  });

  test('--scale makes several, and a later one removes what is too much', async () => {
    await ocup('up', '-d', '--scale', 'web=3');
    expect(fake.names().filter((name) => name.includes('web'))).toHaveLength(3);
    await ocup('up', '-d');
    expect(fake.names().filter((name) => name.includes('web'))).toEqual(['app-web-1']);
  });

  test('orphans are named, and removed with --remove-orphans', async () => {
    await ocup('up', '-d');
    await compose(COMPOSE.replace(/ {2}cache:\n.*\n/, ''));
    const warned = await ocup('up', '-d');
    expect(warned.errors).toContain('Found orphan containers (app-cache-1) for this project.');
    await ocup('up', '-d', '--remove-orphans');
    expect(fake.names()).toEqual(['app-db-1', 'app-web-1']);
  });

  test('--build fails where something must be built, and is nothing where nothing is', async () => {
    expect((await ocup('up', '-d', '--build')).code).toBe(0);
    await compose('name: app\nservices:\n  web: { build: ., image: web:1 }\n');
    const { code, errors } = await ocup('up', '-d', '--build');
    expect(code).toBe(1);
    expect(errors).toContain('--build is not supported yet: ocup cannot build images (web)');
  });
});

describe('up --wait', () => {
  test('ends when what has a probe is healthy', async () => {
    fake.behaviours.set('cache', { health: 'starting' });
    const { context, code } = begin('up', '--wait');
    await fake.when(() => fake.calls.includes('container.start app-web-1'));
    fake.setHealth('app-cache-1', 'healthy');
    expect(await code).toBe(0);
    expect(context.errors()).toContain(' Container app-cache-1  Healthy\n');
  });

  test('takes a job that ended with 0 for done, and one that failed for failed', async () => {
    fake.behaviours.set('cache', { exitCode: 0 });
    expect((await ocup('up', '--wait')).code).toBe(0);
    fake.behaviours.set('cache', { exitCode: 1 });
    const { code, errors } = await ocup('up', '--wait');
    expect(code).toBe(1);
    expect(errors).toContain('container app-cache-1 exited (1)');
  });

  test('--wait-timeout ends it with the time it took', async () => {
    fake.behaviours.set('cache', { health: 'starting' });
    const { code, errors } = await ocup('up', '--wait', '--wait-timeout', '200ms');
    expect(code).toBe(1);
    expect(errors).toContain('Error: application not healthy after 0.2s');
  });
});

describe('up, attached', () => {
  test('shows what containers write, and ends with 0 when all have ended', async () => {
    fake.behaviours.set('web', { writes: ['hello'], exitCode: 3 });
    fake.behaviours.set('cache', { writes: ['cached'], exitCode: 0 });
    const { context, code } = begin('up');
    await fake.when(() => fake.names().length === 3 && fake.get('app-web-1').state === 'exited');
    fake.end('app-db-1', 0);
    expect(await code).toBe(0);
    const output = context.output();
    expect(output).toContain('Attaching to cache-1, db-1, web-1\n');
    expect(output).toContain('web-1    | hello\n');
    expect(output).toContain('cache-1  | cached\n');
    expect(output).toContain('web-1 exited with code 3\n');
    expect(output.indexOf('hello')).toBeLessThan(output.indexOf('web-1 exited'));
  });

  test('the first Ctrl-C stops in reverse order, and the exit code is 130', async () => {
    const { context, code } = begin('up');
    await fake.when(() => fake.calls.includes('container.start app-web-1'));
    context.send('SIGINT');
    expect(await code).toBe(130);
    expect(context.errors()).toContain('Gracefully Stopping... press Ctrl+C again to force\n');
    const stops = fake.calls.filter((call) => call.startsWith('container.stop'));
    expect(stops.indexOf('container.stop app-web-1')).toBeLessThan(
      stops.indexOf('container.stop app-db-1'),
    );
    expect(fake.names()).toHaveLength(3);
  });

  test('the second Ctrl-C kills', async () => {
    fake.behaviours.set('web', { ignoresStop: true });
    const { context, code } = begin('up');
    await fake.when(() => fake.calls.includes('container.start app-web-1'));
    context.send('SIGINT');
    await fake.when(() => fake.calls.includes('container.stop app-web-1'));
    context.send('SIGINT');
    expect(await code).toBe(130);
    expect(fake.calls).toContain('container.kill SIGKILL app-web-1');
  });

  test('--abort-on-container-exit ends all with the code of the first', async () => {
    const { context, code } = begin('up', '--abort-on-container-exit');
    await fake.when(() => fake.calls.includes('container.start app-web-1'));
    fake.end('app-cache-1', 7);
    expect(await code).toBe(7);
    expect(context.errors()).toContain('Aborting on container exit...\n');
    expect(fake.get('app-web-1').state).toBe('exited');
  });

  test('--exit-code-from gives the code of that service', async () => {
    const { code } = begin('up', '--exit-code-from', 'web');
    await fake.when(() => fake.calls.includes('container.start app-web-1'));
    fake.end('app-web-1', 5);
    expect(await code).toBe(5);
  });

  test('--abort-on-container-failure leaves out what ends with 0', async () => {
    const { code } = begin('up', '--abort-on-container-failure');
    await fake.when(() => fake.calls.includes('container.start app-web-1'));
    fake.end('app-cache-1', 0);
    fake.end('app-web-1', 4);
    expect(await code).toBe(4);
  });

  test('only what was named, or is not left out, is shown', async () => {
    fake.behaviours.set('web', { writes: ['from web'] });
    fake.behaviours.set('cache', { writes: ['from cache'] });
    const { context, code } = begin('up', '--no-attach', 'cache');
    await fake.when(() => fake.calls.includes('container.start app-web-1'));
    for (const name of fake.names()) fake.end(name, 0);
    expect(await code).toBe(0);
    expect(context.output()).toContain('from web');
    expect(context.output()).not.toContain('from cache');
  });

  test('a start that fails ends with its error', async () => {
    fake.behaviours.set('cache', {
      startError: new OcupError(
        'E_CONTAINER_START',
        'exec: "nope": executable file not found in $PATH',
      ),
    });
    const { code, errors } = await ocup('up');
    expect(code).toBe(1);
    expect(errors).toContain('Error: exec: "nope": executable file not found in $PATH');
  });
});

describe('down', () => {
  test('removes containers and networks, and keeps volumes', async () => {
    await compose(`${COMPOSE}    volumes: ["data:/data"]\nvolumes: { data: {} }\n`);
    await ocup('up', '-d');
    const { code, errors } = await ocup('down');
    expect(code).toBe(0);
    expect(fake.names()).toEqual([]);
    expect(fake.networks.size).toBe(0);
    expect([...fake.volumes.keys()]).toEqual(['app_data']);
    expect(errors).toContain(' Container app-web-1  Removed\n');
    await ocup('down', '-v');
    expect(fake.volumes.size).toBe(0);
  });

  test('with nothing there warns, and is no error', async () => {
    const { code, errors } = await ocup('down');
    expect(code).toBe(0);
    expect(errors).toBe('Warning: No resource found to remove for project "app".\n');
  });

  test('a network that something else uses stays, with a warning', async () => {
    await ocup('up', '-d');
    await compose(COMPOSE.replace(/ {2}cache:\n.*\n/, ''));
    const { code, errors } = await ocup('down');
    expect(code).toBe(0);
    expect(errors).toContain(' Network app_default  Resource is still in use\n');
    expect(fake.names()).toEqual(['app-cache-1']);
  });

  test('works by name alone, without a file', async () => {
    await ocup('up', '-d');
    await rm(join(folder, 'compose.yaml'));
    expect((await ocup('-p', 'app', 'down')).code).toBe(0);
    expect(fake.names()).toEqual([]);
  });
});

describe('commands that look', () => {
  test('ps -q prints full ids alone on standard output', async () => {
    await ocup('up', '-d');
    const { output } = await ocup('ps', '-q', 'web');
    expect(output).toBe(`${fake.get('app-web-1').id}\n`);
  });

  test('ps leaves out what has ended, -a and --status show it', async () => {
    await ocup('up', '-d');
    fake.end('app-web-1', 1);
    expect((await ocup('ps')).output).not.toContain('app-web-1');
    expect((await ocup('ps', '-a')).output).toMatch(/app-web-1 .*Exited \(1\)/);
    expect((await ocup('ps', '--status', 'exited', '--services')).output).toBe('web\n');
  });

  test('logs has prefixes as wide as the longest name', async () => {
    await ocup('up', '-d');
    fake.write('app-web-1', 'one');
    fake.write('app-web-1', 'two, in ', false);
    fake.write('app-web-1', 'two parts');
    const { output } = await ocup('logs', 'web', 'cache');
    expect(output).toBe('web-1    | one\nweb-1    | two, in two parts\n');
    expect((await ocup('logs', '--no-log-prefix', 'web')).output).toBe('one\ntwo, in two parts\n');
  });

  test('logs says that a replica is not there, and that a log is not kept', async () => {
    await compose(`${COMPOSE}    logging: { driver: none }\n`);
    await ocup('up', '-d');
    const { code, errors } = await ocup('logs', '--index', '2', 'web');
    expect(code).toBe(1);
    expect(errors).toBe('Error: service "web" is not running container #2\n');
    expect((await ocup('logs', '--index', '1', 'web')).errors).toBe('');
    expect((await ocup('logs', 'cache')).errors).toBe(
      'Warning: app-cache-1 keeps no log: its logging driver is none\n',
    );
  });

  test('logs -f goes on until Ctrl-C', async () => {
    await ocup('up', '-d');
    const { context, code } = begin('logs', '-f', 'web');
    fake.write('app-web-1', 'later');
    await eventually(() => context.output().includes('later'), 5000);
    context.send('SIGINT');
    expect(await code).toBe(130);
  });

  test('logs -f shows what a container writes that had ended when it began', async () => {
    await ocup('up', '-d');
    fake.end('app-cache-1', 0);
    const { context, code } = begin('logs', '-f');
    fake.write('app-web-1', 'before');
    await eventually(() => context.output().includes('before'), 5000);
    await ocup('start', 'cache');
    fake.write('app-cache-1', 'again');
    await eventually(() => context.output().includes('again'), 5000);
    context.send('SIGINT');
    await code;
  });

  test('logs -f shows a container that is started meanwhile, and ends when none writes', async () => {
    await ocup('up', '-d');
    const { context, code } = begin('logs', '-f', 'web');
    fake.write('app-web-1', 'before');
    await eventually(() => context.output().includes('before'), 5000);
    await ocup('up', '-d', '--scale', 'web=2');
    await fake.when(() => fake.names().includes('app-web-2'));
    fake.write('app-web-2', 'second');
    await eventually(() => context.output().includes('web-2  | second'), 5000);
    fake.end('app-web-1', 0);
    fake.end('app-web-2', 0);
    expect(await code).toBe(0);
  });

  test('plan says what would be done, does nothing, and ends with 2 when asked to', async () => {
    await ocup('up', '-d');
    expect((await ocup('plan', '--detailed-exitcode')).code).toBe(0);
    await compose(COMPOSE.replace('FOO: "1"', 'FOO: "2"'));
    fake.calls.length = 0;
    const { code, output } = await ocup('plan', '--detailed-exitcode');
    expect(code).toBe(2);
    expect(output).toContain('config hash diverged: environment.FOO');
    expect((await ocup('--dry-run', 'up', '-d')).output).toBe(output);
    expect(fake.calls).toEqual([]);
  });

  test('ls counts containers by state', async () => {
    await ocup('up', '-d');
    fake.end('app-web-1', 1);
    const list = async (...flags: readonly string[]): Promise<unknown> =>
      JSON.parse((await ocup('ls', '--format', 'json', ...flags)).output);
    const ConfigFiles = join(folder, 'compose.yaml');
    expect(await list()).toEqual([{ Name: 'app', Status: 'running(2)', ConfigFiles }]);
    const all = { Name: 'app', Status: 'exited(1), running(2)', ConfigFiles };
    expect(await list('-a')).toEqual([all]);
  });

  test('a service that does not exist gets a suggestion', async () => {
    await ocup('up', '-d');
    const { code, errors } = await ocup('logs', 'wbe');
    expect(code).toBe(1);
    expect(errors).toBe('Error: no such service: wbe\n  hint: did you mean "web"?\n');
  });

  test('wait prints and gives the exit code', async () => {
    await ocup('up', '-d');
    const { context, code } = begin('wait', 'web');
    fake.end('app-web-1', 9);
    expect(await code).toBe(9);
    expect(context.output()).toMatch(/^container "[0-9a-f]{64}" exited with status code 9\n$/);
  });

  test('events --json is an object a line', async () => {
    await ocup('up', '-d');
    const { context, code } = begin('events', '--json');
    await eventually(() => {
      fake.setHealth('app-db-1', 'healthy');
      return context.output() !== '';
    }, 5000);
    context.send('SIGINT');
    await code;
    const first = JSON.parse(context.output().split('\n')[0] ?? '');
    expect(Object.keys(first)).toEqual(['action', 'attributes', 'id', 'service', 'time', 'type']);
    expect(first).toMatchObject({ action: 'health_status: healthy', service: 'db' });
    expect(first.attributes).toEqual({ image: 'db:1', name: 'app-db-1' });
  });
});

describe('commands in containers', () => {
  beforeEach(() => ocup('up', '-d'));

  test('exec keeps output and errors apart and gives the exit code', async () => {
    const { code, output, errors } = await ocup('exec', '-T', '-e', 'A=1', 'web', 'exit', '7');
    expect(code).toBe(7);
    expect(output).toBe('exit 7\n');
    expect(errors).toBe('A\n');
  });

  test('exec leaves options behind the service to the command', async () => {
    const { output } = await ocup('exec', '-T', 'web', 'ls', '-l', '--all', '-e');
    expect(output).toBe('ls -l --all -e\n');
  });

  test('an option of a command is not a global one of the same name', async () => {
    const { code } = await ocup('exec', '-T', '-w', '/tmp', 'web', 'true');
    expect(code).toBe(0);
    const elsewhere = commandContext(['--workdir', folder, 'exec', '-T', 'web', 'true'], {
      environment: fake.environment,
    });
    expect(await runCommand(elsewhere)).toBe(0);
  });

  test('global options may stand behind the command, too', async () => {
    expect((await ocup('ps', '-q', '--project-name', 'other')).output).toBe('');
  });

  test('exec of what is not there is 127', async () => {
    const { code, errors } = await ocup('exec', '-T', 'web', 'missing');
    expect(code).toBe(127);
    expect(errors).toContain('executable file not found in $PATH');
  });

  test('exec in a service that does not run is an error that says so', async () => {
    fake.end('app-web-1', 0);
    const { code, errors } = await ocup('exec', '-T', 'web', 'true');
    expect(code).toBe(1);
    expect(errors).toContain('Error: service "web" is not running');
  });

  test('run hands input on, gives the exit code, and --rm leaves nothing', async () => {
    const { context, code } = beginWith({ input: 'ping\n' }, 'run', '--rm', '-T', 'web', 'cat');
    expect(await code).toBe(0);
    expect(context.output()).toBe('ping\n');
    expect(fake.names()).toEqual(['app-cache-1', 'app-db-1', 'app-web-1']);
  });

  test('run -d prints the id of a one-off container that ps does not show', async () => {
    const { code, output } = await ocup('run', '-d', 'web', 'sleep', '5');
    expect(code).toBe(0);
    expect(output).toMatch(/^[0-9a-f]{64}\n$/);
    const name = fake.names().find((item) => item.includes('run')) ?? '';
    expect(name).toMatch(/^app-web-run-[0-9a-f]{12}$/);
    expect(fake.get(name).config).toMatchObject({
      command: ['sleep', '5'],
      labels: { 'com.docker.compose.oneoff': 'True' },
    });
    expect((await ocup('ps')).output).not.toContain('run');
    expect((await ocup('ps', '-a')).output).toContain(name);
  });
});

describe('life cycle', () => {
  beforeEach(() => ocup('up', '-d'));

  test('stop goes from dependants to dependencies, start the other way', async () => {
    fake.calls.length = 0;
    await ocup('stop');
    await ocup('start');
    const at = (call: string): number => fake.calls.indexOf(call);
    expect(at('container.stop app-web-1')).toBeLessThan(at('container.stop app-db-1'));
    expect(at('container.start app-db-1')).toBeLessThan(at('container.start app-web-1'));
  });

  test('restart of one service leaves the others alone', async () => {
    fake.calls.length = 0;
    await ocup('restart', 'web');
    expect(fake.calls).toEqual(['container.stop app-web-1', 'container.start app-web-1']);
  });

  test('kill sends the signal that was asked for', async () => {
    await ocup('kill', '-s', 'SIGHUP', 'web');
    expect(fake.calls).toContain('container.kill SIGHUP app-web-1');
  });

  test('rm removes what has ended, after a yes or with -f', async () => {
    expect((await ocup('rm', '-f')).errors).toBe('No stopped containers\n');
    fake.end('app-web-1', 0);
    const refused = beginWith({ input: 'n\n' }, 'rm');
    await refused.code;
    expect(fake.names()).toContain('app-web-1');
    const agreed = beginWith({ input: 'y\n' }, 'rm');
    await agreed.code;
    expect(fake.names()).not.toContain('app-web-1');
    await ocup('rm', '-fs');
    expect(fake.names()).toEqual([]);
  });

  test('pause and unpause', async () => {
    await ocup('pause', 'web');
    expect(fake.get('app-web-1').state).toBe('paused');
    await ocup('unpause', 'web');
    expect(fake.get('app-web-1').state).toBe('running');
  });
});

describe('images', () => {
  test('pull pulls each image once', async () => {
    const { code, errors } = await ocup('pull');
    expect(code).toBe(0);
    expect(fake.calls.sort()).toEqual([
      'image.pull cache:1',
      'image.pull db:1',
      'image.pull web:1',
    ]);
    expect(errors).toContain(' Image db:1  Pulled\n');
  });

  test('image ls, rm and prune', async () => {
    await ocup('pull');
    expect((await ocup('image', 'ls', '-q')).output.trim().split('\n')).toHaveLength(3);
    expect((await ocup('image', 'rm', 'db:1')).output).toContain('Untagged: db:1\n');
    expect((await ocup('image', 'prune', '-f')).output).toBe('Total reclaimed space: 1.5MB\n');
  });

  test('bundle pulls what is missing and says where it is', async () => {
    const { code, output } = await ocup('bundle', 'web', '-o', 'out');
    expect(code).toBe(0);
    expect(output).toBe(`${join(folder, 'out')}\n`);
    expect(fake.calls).toEqual(['image.pull web:1', `bundle.create ${join(folder, 'out')}`]);
  });
});

describe('usage', () => {
  test('an unknown command gets a suggestion, an unknown option an error', async () => {
    expect((await ocup('pss')).errors).toBe(
      'Error: unknown command: pss\n  hint: did you mean "ps"?\n',
    );
    const { code, errors } = await ocup('up', '--dettach');
    expect(code).toBe(1);
    expect(errors).toContain("unknown option '--dettach'");
    expect(errors).toContain('--detach');
  });

  test('help and version are data', async () => {
    const { code, output, errors } = await ocup('up', '--help');
    expect(code).toBe(0);
    expect(output).toContain('ocup up -d --wait');
    expect(errors).toBe('');
    expect((await ocup('version', '--short')).output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('no compose file is an error in the words people know', async () => {
    await rm(join(folder, 'compose.yaml'));
    const { code, errors } = await ocup('ps');
    expect(code).toBe(1);
    expect(errors).toContain('no configuration file provided: not found');
  });

  test('errors are JSON where progress is', async () => {
    const { errors } = await ocup('--progress', 'json', 'logs', 'nobody');
    expect(JSON.parse(errors)).toMatchObject({ error: true, message: 'no such service: nobody' });
  });

  test('what docker compose has and ocup has not says so', async () => {
    expect(await ocup('build', '--no-cache', 'web')).toMatchObject({ code: 0, errors: '' });
    await compose(COMPOSE.replace('image:', 'build: .\n    image:'));
    const { code, errors } = await ocup('build', '--no-cache');
    expect(code).toBe(1);
    expect(errors).toContain('ocup build is not supported yet: it cannot build ');
    expect((await ocup('commit', 'web')).errors).toContain('ocup commit is not supported yet');
  });
});
