import { chmod, mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { messageOf } from '../../../src/base/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { addImage, layersOf } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { TestRegistry } from '../../support/test-registry.ts';

interface TokenRequest {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly body: string;
}

let home: ImagesHome;
let registry: TestRegistry;
let tokenServer: ReturnType<typeof createServer>;
let asked: TokenRequest[];
/** The token that the registry takes now. */
let valid: string;
let answerToken: (request: TokenRequest, response: ServerResponse) => void;

beforeEach(async () => {
  home = new ImagesHome();
  await home.open();
  registry = await TestRegistry.start();
  registry.store.tags.set(
    'team/app:1',
    addImage(registry.store, {
      layers: layersOf([{ path: 'a', content: 'a' }], [{ path: 'b', content: 'b' }]),
    }),
  );
  asked = [];
  valid = 'token-1-S3CRET';
  answerToken = (_, response) => response.end(JSON.stringify({ token: valid }));
  tokenServer = createServer((request, response) => {
    readAll(request)
      .then((body) => {
        const seen = {
          method: request.method ?? '',
          url: new URL(request.url ?? '', 'http://x'),
          authorization: request.headers.authorization,
          body,
        };
        asked.push(seen);
        answerToken(seen, response);
      })
      .catch(() => response.destroy());
  });
  await new Promise<void>((done) => tokenServer.listen(0, '127.0.0.1', done));
  registry.misbehave = (request, response) => {
    if (request.headers.authorization === `Bearer ${valid}`) return false;
    const realm = `http://127.0.0.1:${(tokenServer.address() as AddressInfo).port}/token`;
    response.writeHead(401, {
      'www-authenticate': `Bearer realm="${realm}",service="the, registry",scope="repository:team/app:pull"`,
    });
    response.end();
    return true;
  };
});

afterEach(async () => {
  await registry.stop();
  await new Promise((done) => tokenServer.close(done));
  await home.close();
});

const pull = () => home.pull(`${registry.host}/team/app:1`);
const encoded = (text: string): string => Buffer.from(text).toString('base64');

async function writeAuth(path: string, value: unknown): Promise<void> {
  const full = join(home.folder, path);
  await mkdir(join(full, '..'), { recursive: true });
  await writeFile(full, JSON.stringify(value));
}

describe('tokens', () => {
  test('an anonymous token is fetched once for all requests of a repository', async () => {
    await pull();
    await pull();
    expect(asked).toHaveLength(1);
    expect(asked[0]!.authorization).toBeUndefined();
    expect(asked[0]!.url.searchParams.get('service')).toBe('the, registry');
    expect(asked[0]!.url.searchParams.get('scope')).toBe('repository:team/app:pull');
  });

  test('a token that is refused is renewed once', async () => {
    await pull();
    valid = 'token-2-S3CRET';
    await pull();
    expect(asked).toHaveLength(2);
    answerToken = (_, response) => response.end(JSON.stringify({ token: 'useless-S3CRET' }));
    valid = 'token-3-S3CRET';
    await expect(pull()).rejects.toMatchObject({ code: 'E_IMAGE_DENIED' });
    expect(asked).toHaveLength(4);
  });

  test('a token that has expired is renewed before it is used', async () => {
    answerToken = (_, response) =>
      response.end(JSON.stringify({ access_token: valid, expires_in: 1 }));
    await pull();
    await eventually(async () => {
      registry.requests.length = 0;
      await pull();
      return asked.length === 2;
    }, 10_000);
    expect(registry.requests).toHaveLength(1);
  });

  test('a user name and password go to the token server, and only there', async () => {
    await writeAuth('.docker/config.json', {
      auths: { [registry.host]: { auth: encoded('me:p:w S3CRET\0') } },
    });
    await pull();
    expect(asked[0]!.authorization).toBe(`Basic ${encoded('me:p:w S3CRET')}`);
    expect(asked[0]!.url.searchParams.get('account')).toBe('me');
    const sent = registry.requests.flatMap(({ headers }) => headers.authorization ?? []);
    expect(new Set(sent)).toEqual(new Set([`Bearer ${valid}`]));
  });

  test('an identity token is posted, and a server that cannot take it is asked by GET', async () => {
    await writeAuth('.docker/config.json', {
      auths: { [registry.host]: { identitytoken: 'refresh-S3CRET' } },
    });
    await pull();
    expect(asked.map(({ method }) => method)).toEqual(['POST']);
    expect(new URLSearchParams(asked[0]!.body).get('refresh_token')).toBe('refresh-S3CRET');
    await home.open();
    answerToken = ({ method }, response) => {
      if (method === 'POST') response.statusCode = 405;
      response.end(JSON.stringify({ token: valid }));
    };
    await pull();
    expect(asked.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET']);
  });

  test('a token server that denies is an error with what to do', async () => {
    answerToken = (_, response) => {
      response.statusCode = 401;
      response.end('{"details":"incorrect username or password"}');
    };
    await expect(pull()).rejects.toMatchObject({
      code: 'E_IMAGE_DENIED',
      message: expect.stringMatching(/incorrect username or password/),
      hint: expect.stringMatching(/Log in/),
    });
  });

  test.each([
    ['no JSON', 'nonsense'],
    ['no token', '{}'],
  ])('an answer with %s is an error', async (_, body) => {
    answerToken = (_request, response) => response.end(body);
    await expect(pull()).rejects.toMatchObject({ code: 'E_IMAGE_REGISTRY' });
  });

  test('a token server that fails now and then is asked again', async () => {
    answerToken = (_, response) => {
      if (asked.length < 3) response.statusCode = 503;
      response.end(JSON.stringify({ token: valid }));
    };
    await pull();
    expect(asked).toHaveLength(3);
  });
});

describe('where credentials are found', () => {
  const basic = (user: string): void => {
    registry.misbehave = (request, response) => {
      if (request.headers.authorization === `Basic ${encoded(`${user}:pw`)}`) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="a", Negotiate' });
      response.end();
      return true;
    };
  };
  const entry = (user: string) => ({ auth: encoded(`${user}:pw`) });

  test('REGISTRY_AUTH_FILE comes before XDG_RUNTIME_DIR, that before the configuration of Docker', async () => {
    await writeAuth('.docker/config.json', { auths: { [registry.host]: entry('docker') } });
    await writeAuth('run/containers/auth.json', {
      auths: { [registry.host]: entry('containers') },
    });
    await writeAuth('own.json', { auths: { [registry.host]: entry('own') } });
    const env = { HOME: home.folder };
    basic('docker');
    await home.open({ env });
    await pull();
    basic('containers');
    await home.open({ env: { ...env, XDG_RUNTIME_DIR: join(home.folder, 'run') } });
    await pull();
    basic('own');
    await home.open({
      env: {
        ...env,
        XDG_RUNTIME_DIR: join(home.folder, 'run'),
        REGISTRY_AUTH_FILE: join(home.folder, 'own.json'),
      },
    });
    await pull();
  });

  test('the longest key that fits wins, and keys may be addresses', async () => {
    await writeAuth('.docker/config.json', {
      auths: {
        [registry.host]: entry('host'),
        [`${registry.host}/team`]: entry('team'),
        [`${registry.host}/team/app`]: entry('app'),
        [`${registry.host}/team/application`]: entry('wrong'),
      },
    });
    basic('app');
    await pull();
    await writeAuth('.docker/config.json', {
      auths: { [`https://${registry.host}/v1/`]: entry('url') },
    });
    basic('url');
    await pull();
  });

  test('a helper is asked with the name of the registry, and may keep nothing', async () => {
    await mkdir(join(home.folder, 'bin'));
    const helper = join(home.folder, 'bin/docker-credential-test');
    const script = `#!/bin/sh\nread server\n[ "$server" = "${registry.host}" ] || { echo "credentials not found in native keychain"; exit 1; }\necho '{"ServerURL":"x","Username":"helped","Secret":"pw"}'\n`;
    await writeFile(helper, script);
    await chmod(helper, 0o755);
    const env = {
      HOME: home.folder,
      PATH: `${join(home.folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    };
    await home.open({ env });
    await writeAuth('.docker/config.json', { credHelpers: { [registry.host]: 'test' } });
    basic('helped');
    await pull();
    await writeAuth('.docker/config.json', { credsStore: 'test', auths: { 'other.example': {} } });
    await pull();
    await writeAuth('.docker/config.json', { credsStore: 'missing' });
    await expect(pull()).rejects.toMatchObject({
      code: 'E_IMAGE_DENIED',
      message: expect.stringMatching(
        /docker-credential-missing: there is no such program in PATH$/,
      ),
    });
    await writeFile(helper, '#!/bin/sh\necho null\n');
    await writeAuth('.docker/config.json', { credsStore: 'test' });
    await expect(pull()).rejects.toMatchObject({
      code: 'E_IMAGE_DENIED',
      message: expect.stringMatching(/its answer has no user name and secret$/),
    });
  });

  test('a file that cannot be read names itself and not its content', async () => {
    await mkdir(join(home.folder, '.docker'), { recursive: true });
    await writeFile(join(home.folder, '.docker/config.json'), '{"auths": S3CRET');
    const error = await pull().catch((failure: unknown) => failure);
    expect(messageOf(error)).toMatch(/cannot read credentials in .*config.json: it is not JSON/);
    expect(messageOf(error)).not.toContain('S3CRET');
  });
});

describe('secrets', () => {
  test('no token, password or signature is in an error, a cause or a progress line', async () => {
    await writeAuth('.docker/config.json', {
      auths: { [registry.host]: { auth: encoded('me:PW-S3CRET') } },
    });
    const failures: unknown[] = [];
    const behave = registry.misbehave;
    for (const status of [400, 403, 404, 429, 500]) {
      registry.misbehave = (request, response) => {
        if (behave(request, response)) return true;
        if (request.url?.includes('/blobs/') !== true) return false;
        response.writeHead(307, { location: `/moved?X-Amz-Signature=SIG-S3CRET&status=${status}` });
        response.end();
        return true;
      };
      const inner = registry.misbehave;
      registry.misbehave = (request, response) => {
        if (request.url?.startsWith('/moved') !== true) return inner(request, response);
        response.writeHead(status);
        response.end('denied');
        return true;
      };
      failures.push(await pull().catch((error: unknown) => error));
    }
    const text =
      failures.map((error) => everything(error)).join('\n') + JSON.stringify(home.progress);
    expect(failures).toHaveLength(5);
    expect(text).toMatch(/status 500/);
    expect(text).not.toMatch(/S3CRET/);
    expect(text).not.toContain(encoded('me:PW-S3CRET'));
  });
});

/** All strings that hang on an error. */
function everything(error: unknown, depth = 0): string {
  if (typeof error !== 'object' || error === null || depth > 5) return String(error);
  const names = Object.getOwnPropertyNames(error);
  return names
    .map((name) => everything((error as Record<string, unknown>)[name], depth + 1))
    .join(' ');
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
