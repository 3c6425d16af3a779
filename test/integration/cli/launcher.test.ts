import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import {
  accepts,
  OcupHome,
  runProgram,
  type RunOptions,
  type RunResult,
} from '../../support/ocup.ts';
import { TerminalRun } from '../../support/terminal-run.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../../build/Release/ocup');
/** Where there is no Node.js, only a command host can run a command. */
const NO_NODE = { PATH: '/nonexistent' };
const COMPOSE = `
name: warm
services:
  web:
    image: "rootfs:/"
    init: true
    command: ["sh", "-c", "echo ready; sleep 100000"]
    environment: { WORD: "\${WORD:-none}" }
`;

const home = new OcupHome();
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocup-launcher-'));
  writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
  await home.succeed(['up', '-d'], { cwd: folder });
});

afterAll(async () => {
  await home.run(['down'], { cwd: folder });
  rmSync(folder, { recursive: true });
  await home.close();
});

beforeEach(async () => {
  await eventually(() => accepts(home.commandSocket), 20_000, 'the command host');
});

/** Runs in the command host, or fails. */
function warm(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const env = { ...home.env, ...NO_NODE, ...options.env };
  return runProgram(LAUNCHER, args, { cwd: folder, ...options, env });
}

/** The same among many: where the processor is short, some may start a Node.js after all. */
function atOnce(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  return runProgram(LAUNCHER, args, { cwd: folder, env: { ...home.env, ...env } });
}

/** A line of a shell, in which `$ocup` runs in the command host or fails. */
function shell(line: string, env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  const ocup = `env PATH=${NO_NODE.PATH} ${LAUNCHER}`;
  return runProgram('bash', ['-c', line], { cwd: folder, env: { ...home.env, ocup, ...env } });
}

function hostPid(): number {
  return home.commandHostPids()[0] ?? NaN;
}

describe('a command in the command host', () => {
  test('gives its output, its errors and its exit code', async () => {
    const ps = await warm(['ps', '--format', '{{.Service}}']);
    expect(ps).toEqual({ code: 0, stdout: 'web\n', stderr: '' });
    const exit = await warm(['exec', '-T', 'web', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect(exit).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    const usage = await warm(['exec', 'web']);
    expect(usage.code).toBe(1);
    expect(usage.stderr).toContain('Error: exec needs a command');
  });

  test('sees the folder, the environment and the umask of its caller', async () => {
    const words = Array.from({ length: 12 }, (_, n) => `word${n}`);
    const runs = await Promise.all(
      words.map((word) => atOnce(['config', '--format', 'json'], { WORD: word })),
    );
    const seen = runs.map(
      ({ stdout }): unknown => JSON.parse(stdout).services.web.environment.WORD,
    );
    expect(seen).toEqual(words);
    const { code } = await shell('umask 077; $ocup config -o secret.yaml');
    expect(code).toBe(0);
    expect(statSync(join(folder, 'secret.yaml')).mode & 0o777).toBe(0o600);
    await shell('umask 022; $ocup config -o public.yaml');
    expect(statSync(join(folder, 'public.yaml')).mode & 0o777).toBe(0o644);
  });

  test('reads pipes, files and nothing at all', async () => {
    const piped = await warm(['exec', '-T', 'web', 'cat'], { input: 'x'.repeat(3_000_000) });
    expect(piped.stdout).toHaveLength(3_000_000);
    const file = await shell('$ocup exec -T web cat <compose.yaml');
    expect(file.stdout).toBe(COMPOSE);
    const closed = await shell('$ocup exec -T web cat <&-; echo $?');
    expect(closed).toEqual({ code: 0, stdout: '0\n', stderr: '' });
    const fromInput = await warm(['-f', '-', 'config', '--services'], { input: COMPOSE });
    expect(fromInput.stdout).toBe('web\n');
  });

  test('waits for a slow reader, loses nothing, and leaves shared pipes as they are', async () => {
    const line = '$ocup exec -T web head -c 30000000 /dev/zero | { sleep 0.5; wc -c; }';
    expect((await shell(line)).stdout.trim()).toBe('30000000');
    const flags =
      '{ grep flags /proc/self/fdinfo/1; $ocup ps >/dev/null; $ocup exec -T web true; grep flags /proc/self/fdinfo/1; } | cat';
    const [before, after] = (await shell(flags)).stdout.trim().split('\n');
    expect(after).toBe(before);
    await shell('echo one >>log; $ocup exec -T web echo two >>log; echo three >>log');
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('one\ntwo\nthree\n');
  });

  test('ends when its reader has gone', async () => {
    const line = 'set -o pipefail; $ocup exec -T web yes | head -1';
    expect(await shell(line)).toEqual({ code: 141, stdout: 'y\n', stderr: '' });
  });

  test('hears signals: those for the process go there, others end it', async () => {
    const script = "trap 'echo got; exit 5' TERM; echo set; while :; do sleep 0.05; done";
    const run = start(['exec', '-T', 'web', 'sh', '-c', script]);
    await eventually(() => run.output().includes('set'), 10_000);
    run.kill('SIGTERM');
    expect(await run.ended).toBe(5);
    expect(run.output()).toBe('set\ngot\n');
    const logs = start(['logs', '-f']);
    await eventually(() => logs.output().includes('ready'), 10_000);
    logs.kill('SIGINT');
    expect(await logs.ended).toBe(130);
  });

  test('a killed launcher takes its command with it', async () => {
    const run = start(['exec', '-T', 'web', 'sh', '-c', 'echo on; exec sleep 4321']);
    await eventually(() => run.output().includes('on'), 10_000);
    const before = socketCount();
    run.kill('SIGKILL');
    await run.ended;
    await eventually(() => socketCount() < before, 10_000, 'the host to let go of the command');
    expect((await warm(['exec', '-T', 'web', 'pkill', '-f', 'sleep 4321'])).code).toBe(0);
  });

  test('many at once do not mix', async () => {
    const runs = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const command = `head -c 200000 /dev/zero | tr '\\0' ${String.fromCharCode(97 + n)}; exit ${n}`;
        const { code, stdout } = await atOnce(['exec', '-T', 'web', 'sh', '-c', command]);
        return { code, length: stdout.length, letters: [...new Set(stdout)].join('') };
      }),
    );
    expect(runs).toEqual(
      runs.map((_, n) => ({ code: n, length: 200_000, letters: String.fromCharCode(97 + n) })),
    );
  });
});

describe('on a terminal', () => {
  const line = (command: string): string => `env PATH=${NO_NODE.PATH} ${LAUNCHER} ${command}`;
  const open = (text: string): TerminalRun => new TerminalRun(text, { cwd: folder, env: home.env });

  test('exec has its size, keys go through raw, and the mode is as before afterwards', async () => {
    const run = open(
      `stty rows 31 cols 97; stty -a >a; ${line('exec web sh')}; echo =$?; stty -a >b`,
    );
    await run.shows('# ');
    run.type('stty size\n');
    await run.shows('31 97');
    run.type('cat; echo over\n');
    run.type('echoed\n');
    await eventually(() => run.output.split('echoed').length === 3, 20_000, 'cat to answer');
    run.type('\u0003');
    await eventually(() => run.output.split('# ').length >= 4, 20_000, 'the next prompt');
    run.type('exit 7\n');
    await run.shows('=7');
    await run.ended;
    const mode = (name: string): string => readFileSync(join(folder, name), 'utf8');
    expect(mode('b')).toBe(mode('a'));
  });

  test('no key is lost, however fast they come', async () => {
    const keys = 3000;
    const run = open(line(`exec web sh -c 'stty raw -echo; echo set; head -c ${keys} | wc -c'`));
    await run.shows('set');
    for (let key = 0; key < keys; key++) {
      run.type('x');
      if (key % 2 === 0) await setImmediate();
    }
    await run.shows(String(keys));
    expect(await run.ended).toBe(0);
  });

  test('a host that is killed leaves the terminal as it was', async () => {
    const run = open(`stty -a >a; ${line('exec web sh')}; echo =$?; stty -a >b`);
    await run.shows('# ');
    process.kill(hostPid(), 'SIGKILL');
    await run.shows('=1');
    await run.ended;
    expect(run.output).toContain('Error: the command broke off');
    const mode = (name: string): string => readFileSync(join(folder, name), 'utf8');
    expect(mode('b')).toBe(mode('a'));
  });

  test('a job that is stopped writes nothing until it is continued', async () => {
    const script = 'i=0; while :; do i=$((i+1)); echo tick$i; sleep 0.05; done';
    const run = open(`exec ${line(`exec web sh -c '${script}'`)}`);
    await run.shows('tick3');
    const [pid = 0] = launchers();
    process.kill(pid, 'SIGTSTP');
    await eventually(() => stateOf(pid) === 'T', 10_000, 'the launcher to stop');
    await settle(run);
    const held = run.output;
    process.kill(pid, 'SIGCONT');
    run.continue();
    await eventually(() => run.output.length > held.length + 20, 10_000, 'more output');
    run.type('\u0003');
    expect(await run.ended).toBe(130);
    expect(held.length).toBeGreaterThan(0);
  });
});

describe('without a host that can run it', () => {
  test('a command starts Node.js: another view of the files, time zone, or relative folder', async () => {
    const missing = 'Error: Node.js is not on the PATH';
    const view = await shell('unshare -m $ocup ps');
    expect(view.stderr).toContain(missing);
    const zone = await warm(['ps'], { env: { TZ: 'Asia/Tokyo' } });
    expect(zone.stderr).toContain(missing);
    const options = await warm(['ps'], { env: { NODE_OPTIONS: '--no-warnings' } });
    expect(options.stderr).toContain(missing);
  });

  test('a command sees all variables, also one whose files Node.js would read first', async () => {
    const env = { OCUP_COLD: '1', NODE_EXTRA_CA_CERTS: folder };
    const input = 'services: { web: { image: x, environment: [NODE_EXTRA_CA_CERTS] } }';
    const args = ['-f', '-', 'config', '--format', 'json'];
    const { stdout, stderr } = await home.succeed(args, { cwd: folder, env, input });
    expect(JSON.parse(stdout).services.web.environment).toEqual({ NODE_EXTRA_CA_CERTS: folder });
    expect(stderr).toBe('');
  });

  test('one that hangs is not waited for', async () => {
    const pid = hostPid();
    process.kill(pid, 'SIGSTOP');
    try {
      const { stdout } = await home.succeed(['ps', '--format', '{{.Service}}'], { cwd: folder });
      expect(stdout).toBe('web\n'); // and its end: the host must not hold the pipe
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect((await warm(['ps', '-q'])).code).toBe(0);
  });

  test('one that is killed in a command ends it with an error; the containers do not notice', async () => {
    const run = start(['logs', '-f']);
    await eventually(() => run.output().includes('ready'), 10_000);
    process.kill(hostPid(), 'SIGKILL');
    expect(await run.ended).toBe(1);
    expect(run.errors()).toContain('Error: the command broke off');
    const { stdout } = await home.succeed(['ps', '--format', '{{.State}}'], { cwd: folder });
    expect(stdout).toBe('running\n');
  });
});

interface Running {
  readonly ended: Promise<number>;
  output(): string;
  errors(): string;
  kill(signal: NodeJS.Signals): void;
}

/** A command in the command host that is not waited for. */
function start(args: readonly string[]): Running {
  const env = { ...process.env, NODE_OPTIONS: '', ...home.env, ...NO_NODE };
  const child = spawn(LAUNCHER, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return {
    ended: new Promise((done) => child.once('close', (code) => done(code ?? -1))),
    output: () => stdout,
    errors: () => stderr,
    kill: (signal) => child.kill(signal),
  };
}

function socketCount(): number {
  return readdirSync(`/proc/${hostPid()}/fd`).length;
}

function launchers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(LAUNCHER);
      } catch {
        return false;
      }
    });
}

function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.charAt(stat.lastIndexOf(')') + 2);
}

/** Until two looks, some ticks apart, see the same output. */
async function settle(run: TerminalRun): Promise<void> {
  let last = run.output;
  let since = Date.now();
  await eventually(
    () => {
      if (run.output !== last) since = Date.now();
      last = run.output;
      return Date.now() - since > 300;
    },
    10_000,
    'the output to stop',
  );
}
