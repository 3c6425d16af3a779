import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { addImage, layersOf, newStore, writeLayout } from '../../support/image-fixture.ts';
import {
  OcupHome,
  type RunOptions,
  type RunResult,
  accepts,
  runProgram,
} from '../../support/ocup.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { TerminalRun } from '../../support/terminal-run.ts';
import { TokenServer } from '../../support/token-server.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../../build/Release/ocup');
const SECRET = 'pa55:w@rd S3CRET';
const COMPOSE = `
name: logins
services:
  keeper: { image: "rootfs:/", init: true, command: ["sleep", "100000"] }
`;
/** Keeps one login in a file that only its caller's environment names. */
const HELPER = `#!/bin/sh
case "$1" in
  store) read -r line; echo "$line" > "$HELPER_FILE" ;;
  get) if [ -e "$HELPER_FILE" ]; then while read -r line; do echo "$line"; done < "$HELPER_FILE"
       else echo "credentials not found in native keychain"; exit 1; fi ;;
  erase) : > "$HELPER_FILE.erased" ;;
esac
`;

const home = new OcupHome();
const files = join(home.folder, 'files');
/** All that a command's PATH has where it must run in the command host. */
const tools = join(files, 'tools');
const config = join(files, 'config');
let closed: Registry;
let tokens: TokenServer;
let tokened: Registry;

beforeAll(async () => {
  for (const folder of [files, tools, config]) await mkdir(folder);
  const helper = join(tools, 'docker-credential-own');
  await writeFile(helper, HELPER);
  await chmod(helper, 0o755);
  closed = await startRegistry({ user: { name: 'ann', password: SECRET } });
  tokens = await TokenServer.start(files, [
    { name: 'ann', password: SECRET, pushes: ['team/app'] },
    { name: 'bob', password: SECRET, pushes: [] },
  ]);
  tokened = await startRegistry({ tokens });
  const store = newStore();
  const layers = layersOf([{ path: 'a', content: 'a' }], [{ path: 'b', content: 'b' }]);
  store.tags.set('app', addImage(store, { layers }));
  await writeLayout(store, join(files, 'layout'));
  await writeFile(join(files, 'compose.yaml'), COMPOSE);
  // The supervisor's own user has no logins.
  await home.succeed(['up', '-d'], { cwd: files, env: { DOCKER_CONFIG: join(files, 'none') } });
  await home.succeed(['image', 'pull', '-q', `oci:${join(files, 'layout')}:app`]);
});

afterAll(async () => {
  await home.run(['down'], { cwd: files });
  await home.run(['image', 'prune', '-af']);
  await closed.stop();
  await tokened.stop();
  await tokens.stop();
  await home.close();
});

const read = (path: string): string => readFileSync(path, 'utf8');
const image = `oci:${join(files, 'layout')}:app`;

describe.each(['cold', 'warm'])('a %s command', (kind) => {
  const env: Record<string, string> =
    kind === 'cold'
      ? { OCUP_COLD: '1', PATH: `${tools}:${process.env['PATH'] ?? ''}` }
      : { PATH: tools };
  const own = { ...home.env, ...env, DOCKER_CONFIG: config };
  const seen: string[] = [];

  beforeEach(async () => {
    rmSync(join(config, 'config.json'), { force: true });
    await eventually(() => accepts(home.commandSocket), 20_000, 'the command host');
  });

  async function ocup(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const ran = await runProgram(LAUNCHER, args, {
      cwd: files,
      ...options,
      env: { ...own, ...options.env },
    });
    seen.push(ran.stdout, ran.stderr);
    return ran;
  }

  const logIn = (host: string, user = 'ann', input = SECRET): Promise<RunResult> =>
    ocup(['login', '-u', user, '--password-stdin', host], { input });

  test('keeps a password from standard input where DOCKER_CONFIG says, for pushes and pulls', async () => {
    const name = `${closed.host}/team/app:1`;
    const denied = await ocup(['image', 'push', image, name]);
    expect(denied.code).not.toBe(0);
    expect(denied.stderr).toContain(`ocup login ${closed.host}`);

    const login = await logIn(closed.host);
    expect(login).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
    const path = join(config, 'config.json');
    expect(login.stderr).toContain(`the password is kept unencrypted in ${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);

    expect(await ocup(['image', 'push', '-q', image, name])).toMatchObject({ code: 0 });
    const raw = execFileSync('skopeo', [
      ...['inspect', '--raw', '--tls-verify=false', '--creds', `ann:${SECRET}`],
      `docker://${name}`,
    ]);
    expect(JSON.parse(raw.toString())).toMatchObject({ layers: [{}, {}] });

    expect(await ocup(['image', 'pull', '-q', name])).toMatchObject({ code: 0 });
    const other = await ocup(['image', 'pull', '-q', name], {
      env: { DOCKER_CONFIG: join(files, 'none') },
    });
    expect(other.code).not.toBe(0);

    const logout = await ocup(['logout', closed.host]);
    expect(logout.stdout).toBe(`Removing login credentials for ${closed.host}\n`);
    expect(read(path)).not.toContain('auth"');
    expect((await ocup(['image', 'pull', '-q', name])).code).not.toBe(0);
    expect((await ocup(['logout', closed.host])).stdout).toBe(`Not logged in to ${closed.host}\n`);
  });

  test('keeps nothing of a login that is refused', async () => {
    for (const host of [closed.host, tokened.host]) {
      const { code, stdout, stderr } = await logIn(host, 'ann', 'wrong S3CRET');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`cannot log in to ${host}: incorrect username or password`);
    }
    expect(existsSync(join(config, 'config.json'))).toBe(false);
  });

  test('gets tokens to push with, as far as the user may', async () => {
    const name = `${tokened.host}/team/app:1`;
    expect(await logIn(tokened.host)).toMatchObject({ code: 0 });
    tokens.grants.length = 0;
    expect(await ocup(['image', 'push', '-q', image, name])).toMatchObject({ code: 0 });
    expect(new Set(tokens.grants)).toEqual(new Set(['ann repository:team/app:pull,push']));
    expect(await ocup(['image', 'pull', '-q', name])).toMatchObject({ code: 0 });

    expect(await logIn(tokened.host, 'bob')).toMatchObject({ code: 0 });
    const { code, stderr } = await ocup(['image', 'push', '-q', image, name]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/denied/);
  });

  test("asks the helper of the caller's DOCKER_CONFIG, PATH and environment", async () => {
    const name = `${closed.host}/team/helped:1`;
    const kept = join(files, `kept-${kind}`);
    const helped = { env: { HELPER_FILE: kept } };
    await writeFile(
      join(config, 'config.json'),
      JSON.stringify({ credHelpers: { [closed.host]: 'own' }, other: 1 }),
    );
    const args = ['login', '-u', 'ann', '--password-stdin', closed.host];
    expect(await ocup(args, { ...helped, input: `${SECRET}\n` })).toEqual({
      code: 0,
      stdout: 'Login Succeeded\n',
      stderr: '',
    });
    expect(JSON.parse(read(kept))).toEqual({
      ServerURL: closed.host,
      Username: 'ann',
      Secret: SECRET,
    });
    expect(read(join(config, 'config.json'))).not.toContain(Buffer.from(SECRET).toString('base64'));
    expect(await ocup(['image', 'push', '-q', image, name], helped)).toMatchObject({ code: 0 });
    const elsewhere = { env: { HELPER_FILE: join(files, 'nothing') } };
    expect((await ocup(['image', 'pull', '-q', name], elsewhere)).code).not.toBe(0);
    expect(await ocup(['image', 'pull', '-q', name], helped)).toMatchObject({ code: 0 });
    expect(await ocup(['logout', closed.host], helped)).toMatchObject({ code: 0 });
    expect(existsSync(`${kept}.erased`)).toBe(true);
    expect(JSON.parse(read(join(config, 'config.json')))).toMatchObject({ other: 1 });
  });

  describe('on a terminal', () => {
    const open = (line: string): TerminalRun => {
      const full = `env PATH=${env['PATH'] ?? ''} ${LAUNCHER} ${line}; echo "ended $?"; stty -a`;
      return new TerminalRun(full, {
        cwd: files,
        env: { ...own, PATH: process.env['PATH'] ?? '' },
      });
    };

    test('asks for user and password, which is not shown', async () => {
      const run = open(`login ${closed.host}`);
      await run.shows('Username: ');
      run.type('ann\n');
      await run.shows('Password: ');
      run.type(`${SECRET}x\u007f\n`);
      await run.shows('ended 0');
      await run.ended;
      seen.push(run.output);
      expect(run.output).toContain('ann');
      expect(run.output).toContain('Login Succeeded');
      expect(run.output).toMatch(/[^-]echo\b/);
      expect(read(join(config, 'config.json'))).toContain(
        Buffer.from(`ann:${SECRET}`).toString('base64'),
      );
    });

    test('takes both answers when they are pasted at once', async () => {
      const run = open(`login ${closed.host}`);
      await run.shows('Username: ');
      run.type(`ann\n${SECRET}\n`);
      await run.shows('ended 0');
      await run.ended;
      expect(run.output.replaceAll('\r', '')).not.toContain('S3CRET');
    });

    test('says that the password is wrong, and Ctrl-C leaves with 130 and the terminal as it was', async () => {
      const wrong = open(`login -u ann ${closed.host}`);
      await wrong.shows('Password: ');
      wrong.type('wrong S3CRET\n');
      await wrong.shows('ended 1');
      await wrong.ended;
      seen.push(wrong.output);
      expect(wrong.output).toContain('incorrect username or password');

      const left = open(`login -u ann ${closed.host}`);
      await left.shows('Password: ');
      left.type('abc\u0003');
      await left.shows('ended 130');
      await left.ended;
      expect(left.output).toMatch(/[^-]echo\b/);
      expect(left.output).toMatch(/[^-]icanon\b/);
      expect(existsSync(join(config, 'config.json'))).toBe(false);
    });
  });

  test('never shows a password, in no form', () => {
    const forms = ['S3CRET', Buffer.from(`ann:${SECRET}`).toString('base64')];
    const log = read(join(home.folder, 'data/supervisor.log'));
    for (const text of [...seen, log]) {
      for (const form of forms) expect(text).not.toContain(form);
    }
  });
});
