import type { IncomingMessage, ServerResponse } from 'node:http';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addImage, layersOf, newStore, writeLayout } from '../support/image-fixture.ts';
import { OcupHome } from '../support/ocup.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { refuse, TestRegistry } from '../support/test-registry.ts';

const PASSWORD = 'pa55-W0RD-s3cret';
const WRONG = 'wr0ng-S3CRET-pass';
const SIGNATURE = 'S1GNATURE-abcdef';
const TOKEN = 'T0KEN-bearer-123456';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const SECRETS = [
  ...[PASSWORD, WRONG, SIGNATURE, TOKEN],
  ...[base64(`ann:${PASSWORD}`), base64(`ann:${WRONG}`)],
  encodeURIComponent(PASSWORD),
];

describe('secrets', () => {
  const home = new OcupHome();
  const config = join(home.folder, 'docker');
  let closed: Registry;
  let odd: TestRegistry;
  let layout = '';
  let printed = '';

  const env = { DOCKER_CONFIG: config, HOME: home.folder };
  const run = async (args: readonly string[], options: { input?: string } = {}) => {
    const result = await home.run(args, { ...options, env });
    printed += `${result.stdout}\n${result.stderr}\n`;
    return result;
  };

  const login = (password: string, server = closed.host) =>
    run(['login', '-u', 'ann', '--password-stdin', server], { input: `${password}\n` });

  beforeAll(async () => {
    closed = await startRegistry({ user: { name: 'ann', password: PASSWORD } });
    odd = await TestRegistry.start();
    const store = newStore();
    store.tags.set('app', addImage(store, { layers: layersOf([{ path: 'a', content: 'a' }]) }));
    for (const [digest, bytes] of store.blobs) odd.store.blobs.set(digest, bytes);
    const app = store.tags.get('app');
    if (app !== undefined) odd.store.tags.set('team/app:1', app);
    layout = join(home.folder, 'layout');
    await writeLayout(store, layout);
    await mkdir(config, { recursive: true });
    await run(['image', 'pull', `oci:${layout}:app`]);
  });

  afterAll(async () => {
    await closed.stop();
    await odd.stop();
    await home.close();
  });

  test('a login is checked by the registry and kept as docker keeps it', async () => {
    expect(await login(WRONG)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('incorrect username or password'),
    });
    await expect(readFile(join(config, 'config.json'))).rejects.toThrow('ENOENT');
    await writeFile(join(config, 'config.json'), '{"HttpHeaders":{"X":"y"}}');
    expect(await login(PASSWORD)).toMatchObject({ code: 0, stdout: 'Login Succeeded\n' });
    expect(JSON.parse(await readFile(join(config, 'config.json'), 'utf8'))).toEqual({
      HttpHeaders: { X: 'y' },
      auths: { [closed.host]: { auth: base64(`ann:${PASSWORD}`) } },
    });
    expect(await run(['login', closed.host])).toMatchObject({ code: 0 });
  });

  test('with it images are pushed and pulled, without it not', async () => {
    const name = `${closed.host}/team/app:1`;
    const source = `oci:${layout}:app`;
    expect(await run(['image', 'push', source, name])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1: digest: sha256:\w{64} size: \d+\n$/),
    });
    expect(await run(['image', 'pull', name])).toMatchObject({ code: 0 });
    expect(await run(['logout', closed.host])).toMatchObject({
      stdout: `Removing login credentials for ${closed.host}\n`,
    });
    expect(await run(['logout', closed.host])).toMatchObject({
      stdout: `Not logged in to ${closed.host}\n`,
    });
    expect(await run(['image', 'push', source, name])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`ocup login ${closed.host}`),
    });
  });

  test('a helper keeps the password instead of the file', async () => {
    const bin = join(home.folder, 'bin');
    await mkdir(bin);
    const kept = join(home.folder, 'kept');
    const script = `#!/bin/sh\ncase $1 in\nstore) cat > ${kept} ;;\nget) cat ${kept} 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;\nerase) rm -f ${kept} ;;\nesac\n`;
    await writeFile(join(bin, 'docker-credential-box'), script);
    await chmod(join(bin, 'docker-credential-box'), 0o755);
    await writeFile(join(config, 'config.json'), '{"credsStore":"box"}');
    await home.waitForIdle();
    const path = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, ...env };
    const input = PASSWORD;
    const args = ['login', '-u', 'ann', '--password-stdin', closed.host];
    const result = await home.run(args, { env: path, input });
    printed += result.stdout + result.stderr;
    expect(result.code).toBe(0);
    expect(JSON.parse(await readFile(kept, 'utf8'))).toEqual({
      ServerURL: closed.host,
      Username: 'ann',
      Secret: PASSWORD,
    });
    expect(JSON.parse(await readFile(join(config, 'config.json'), 'utf8'))).toEqual({
      credsStore: 'box',
      auths: { [closed.host]: {} },
    });
    await home.succeed(['logout', closed.host], { env: path });
    await expect(readFile(kept)).rejects.toThrow('ENOENT');
  });

  test.each([401, 403, 404, 500])(
    'no answer of status %d brings one out',
    async (status) => {
      const auths = { [odd.host]: { auth: base64(`ann:${PASSWORD}`) } };
      await writeFile(join(config, 'config.json'), JSON.stringify({ auths }));
      let tries = 0;
      odd.misbehave = (request, response) => {
        tries += 1;
        const { authorization } = request.headers;
        if (authorization === undefined) challenge(response);
        else echo(request, response, tries > 3 ? 404 : status);
        return true;
      };
      const name = `${odd.host}/team/app:1`;
      for (const args of [
        ['image', 'pull', '--progress', 'plain', name],
        ['image', 'pull', '--progress', 'json', '--verbose', name],
        ['image', 'push', `oci:${layout}:app`, name],
        ['login', '-u', 'ann', '-p', WRONG, odd.host],
      ]) {
        tries = 0;
        expect(await run(args)).toMatchObject({ code: 1 });
      }
    },
    60_000,
  );

  test('no redirect with a signature and no token brings one out', async () => {
    odd.misbehave = (request, response) => {
      const { authorization } = request.headers;
      const url = request.url ?? '';
      if (url.startsWith('/token')) {
        response.end(JSON.stringify({ token: TOKEN }));
      } else if (url.includes(SIGNATURE)) {
        echo(request, response, 403);
      } else if (authorization !== `Bearer ${TOKEN}`) {
        const realm = `http://${odd.host}/token`;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="x"` });
        response.end();
      } else if (url.includes('/blobs/')) {
        const location = `http://${odd.host}/cdn?X-Amz-Signature=${SIGNATURE}`;
        response.writeHead(307, { location }).end();
      } else return false;
      return true;
    };
    await rm(join(home.folder, 'data/images'), { recursive: true, force: true });
    const name = `${odd.host}/team/app:1`;
    expect(await run(['image', 'pull', name])).toMatchObject({ code: 1 });
    const token = odd.requests.find(({ headers }) => headers.authorization === `Bearer ${TOKEN}`);
    expect(token).toBeDefined();
  });

  test('neither what was printed nor what was logged holds one', async () => {
    const log = await readFile(join(home.folder, 'data/supervisor.log'), 'utf8').catch(() => '');
    const all = printed + log;
    expect(all).toContain('incorrect username or password');
    expect(SECRETS.filter((secret) => all.includes(secret))).toEqual([]);
  });
});

function challenge(response: ServerResponse): void {
  response.writeHead(401, { 'www-authenticate': 'Basic realm="odd"' }).end();
}

/** Repeats all that it was sent, as no server should. */
function echo(request: IncomingMessage, response: ServerResponse, status: number): void {
  const { authorization = '' } = request.headers;
  const decoded = Buffer.from(authorization.replace(/^\w+ /, ''), 'base64').toString();
  const said = `you sent ${authorization} (${decoded}) to http://x${request.url ?? ''}`;
  refuse(response, status, 'DENIED', said);
}
