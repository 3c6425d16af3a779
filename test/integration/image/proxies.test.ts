import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Image } from '../../../src/model/image.ts';
import { type Certificate, makeCertificate } from '../../support/certificate.ts';
import { startProxy } from '../../support/http-proxy.ts';
import { addImage, layersOf, newStore, writeLayout } from '../../support/image-fixture.ts';
import { ImagesHome } from '../../support/images-home.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { SocksProxy } from '../../support/socks-proxy.ts';

const seeds = new ImagesHome();
let tls: Certificate;
/** One that speaks TLS, and one that does not. */
let secured: Registry;
let plain: Registry;
let home: ImagesHome;

beforeAll(async () => {
  tls = makeCertificate(seeds.folder, [
    'DNS:registry.example',
    'DNS:localhost',
    'IP:10.9.8.7',
    'IP:fd00::7:8',
  ]);
  secured = await startRegistry({ tls });
  plain = await startRegistry();
  const store = newStore();
  const layers = layersOf([{ path: 'name', content: 'app' }]);
  store.tags.set('app', addImage(store, { layers }));
  const layout = join(seeds.folder, 'layout');
  await writeLayout(store, layout);
  for (const { host } of [secured, plain]) {
    const [from, to] = [`oci:${layout}:app`, `docker://${host}/team/app:1`];
    execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', from, to]);
  }
});

afterAll(async () => {
  await secured.stop();
  await plain.stop();
  await seeds.close();
});

beforeEach(() => {
  home = new ImagesHome();
});

afterEach(() => home.close());

async function pull(name: string, env: Record<string, string>): Promise<Image> {
  await home.open({
    env: {
      HOME: home.folder,
      PATH: process.env['PATH'],
      SSL_CERT_FILE: tls.certificate,
      OCUP_INSECURE_REGISTRIES: 'plain.example:5000',
      ...env,
    },
  });
  return home.pull(name);
}

const portOf = ({ host }: Registry): number => Number(host.split(':')[1]);

describe('a proxy of HTTP', () => {
  test('is used for what is not exempt, and told its own credentials only', async () => {
    const proxy = await startProxy(portOf(secured));
    try {
      const env = { HTTPS_PROXY: `http://me:s%40cret@127.0.0.1:${proxy.port}` };
      const image = await pull('registry.example/team/app:1', env);
      expect(image.names).toEqual(['registry.example/team/app:1']);
      expect(new Set(proxy.credentials)).toEqual(
        new Set([`Basic ${Buffer.from('me:s@cret').toString('base64')}`]),
      );
      const exempt = { ...env, NO_PROXY: '.example' };
      await expect(pull('registry.example/team/app:1', exempt)).rejects.toMatchObject({
        message: expect.stringMatching(/no such host|getaddrinfo/),
      });
    } finally {
      await proxy.stop();
    }
  });
});

describe('a registry with a certificate of its own', () => {
  test.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])(
    'is trusted where %s names it',
    async (variable) => {
      const proxy = await startProxy(portOf(secured));
      try {
        const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, SSL_CERT_FILE: '' };
        const pulled = pull('registry.example/team/app:1', { ...env, [variable]: tls.certificate });
        expect((await pulled).names).toEqual(['registry.example/team/app:1']);
        await expect(pull('registry.example/team/app:1', env)).rejects.toMatchObject({
          message: expect.stringMatching(/certificate/),
        });
      } finally {
        await proxy.stop();
      }
    },
  );
});

describe('a proxy that itself speaks TLS', () => {
  test.each([
    ['HTTPS_PROXY', 'registry.example/team/app:1', 'registry.example:443'],
    ['HTTP_PROXY', 'plain.example:5000/team/app:1', 'plain.example:5000'],
  ])('in %s is asked for a tunnel to %s', async (variable, name, to) => {
    const proxy = await startProxy(portOf(variable === 'HTTPS_PROXY' ? secured : plain), { tls });
    try {
      await pull(name, { [variable]: `https://me:S3CRET@localhost:${proxy.port}` });
      expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${to}`]));
      const unknown = { SSL_CERT_FILE: '/etc/hostname' };
      await expect(
        pull(name, { [variable]: `https://localhost:${proxy.port}`, ...unknown }),
      ).rejects.toThrow(`through the proxy https://localhost:${proxy.port}: `);
    } finally {
      await proxy.stop();
    }
  });
});

describe("proxies of docker's daemon.json", () => {
  const write = async (proxies: object): Promise<string> => {
    const folder = join(home.folder, '.config/docker');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'daemon.json'), JSON.stringify({ proxies }));
    return join(folder, 'daemon.json');
  };

  test('are used, but for what no-proxy names, and change without a new start', async () => {
    const proxy = await startProxy(portOf(secured));
    const plainProxy = await startProxy(portOf(plain));
    try {
      const proxies = {
        'https-proxy': `http://127.0.0.1:${proxy.port}`,
        'http-proxy': `127.0.0.1:${plainProxy.port}`,
      };
      await write(proxies);
      await pull('registry.example/team/app:1', {});
      await home.pull('plain.example:5000/team/app:1');
      expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT registry.example:443']));
      expect(plainProxy.asked).toContain('HEAD http://plain.example:5000/v2/team/app/manifests/1');
      await write({ ...proxies, 'no-proxy': '.example' });
      await expect(home.pull('registry.example/team/app:1')).rejects.toThrow(
        /cannot reach https:\/\/registry.example\/[^ ]*: no such host/,
      );
    } finally {
      await proxy.stop();
      await plainProxy.stop();
    }
  });

  test('stand behind the environment, also where that says none', async () => {
    const [own, daemons] = [
      await startProxy(portOf(secured)),
      await startProxy(1, { status: 403 }),
    ];
    try {
      await write({ 'https-proxy': `http://127.0.0.1:${daemons.port}`, 'no-proxy': '.example' });
      const address = `http://127.0.0.1:${own.port}`;
      await pull('registry.example/team/app:1', { HTTPS_PROXY: address, NO_PROXY: '' });
      await pull('registry.example/team/app:1', { all_proxy: address, NO_PROXY: 'other' });
      await expect(
        pull('registry.example/team/app:1', { https_proxy: '', NO_PROXY: '' }),
      ).rejects.toThrow(/no such host/);
      expect(daemons.asked).toEqual([]);
    } finally {
      await own.stop();
      await daemons.stop();
    }
  });

  test('that are no address are an error that names the file', async () => {
    const path = await write({ 'https-proxy': 'ftp://me:S3CRET@proxy.example' });
    await expect(pull('registry.example/team/app:1', {})).rejects.toMatchObject({
      code: 'E_IMAGE_REGISTRY',
      message: `cannot use the proxy in ${path}: it is not an address of HTTP or SOCKS 5`,
    });
  });
});

describe('a proxy of HTTP, for a registry without TLS,', () => {
  test('is sent requests with whole addresses, since many open no other tunnels', async () => {
    const proxy = await startProxy(portOf(plain));
    try {
      const env = { HTTP_PROXY: `http://me@127.0.0.1:${proxy.port}` };
      await pull('plain.example:5000/team/app:1', env);
      const { asked, credentials } = proxy;
      expect(asked).toContain('HEAD http://plain.example:5000/v2/team/app/manifests/1');
      expect(asked.some((one) => one.startsWith('CONNECT'))).toBe(false);
      expect(new Set(credentials)).toEqual(
        new Set([`Basic ${Buffer.from('me:').toString('base64')}`]),
      );
    } finally {
      await proxy.stop();
    }
  });

  test.each(['http://plain.example:5000', 'https://registry.example'])(
    'that wants another password is told of, for %s',
    async (origin) => {
      const proxy = await startProxy(1, { status: 407 });
      try {
        const env = { ALL_PROXY: `http://me:S3CRET@127.0.0.1:${proxy.port}` };
        const failed = pull(`${new URL(origin).host}/team/app:1`, env);
        await expect(failed).rejects.toMatchObject({
          message: `cannot reach ${origin}/v2/team/app/manifests/1 through the proxy http://127.0.0.1:${proxy.port}: it wants a user name and password, or others`,
        });
      } finally {
        await proxy.stop();
      }
    },
  );
});

describe('a proxy of SOCKS', () => {
  const login = { user: 'me', password: 'p%:@ S3CRET' };

  test.each([
    ['HTTPS_PROXY', 'socks5', 'registry.example/team/app:1', 'registry.example:443'],
    ['HTTPS_PROXY', 'socks', 'registry.example:5000/team/app:1', 'registry.example:5000'],
    ['ALL_PROXY', 'socks5h', '10.9.8.7:5000/team/app:1', '10.9.8.7:5000'],
    ['all_proxy', 'socks5', '[fd00::7:8]:5000/team/app:1', `fd00${'0000'.repeat(5)}00070008:5000`],
  ])('in %s, %s, is asked for %s', async (variable, scheme, name, asked) => {
    const proxy = await SocksProxy.start(portOf(secured));
    try {
      const image = await pull(name, { [variable]: `${scheme}://127.0.0.1:${proxy.port}` });
      expect(image.names).toEqual([name]);
      expect(new Set(proxy.asked)).toEqual(new Set([asked]));
      expect(proxy.asked.length).toBeLessThanOrEqual(6);
    } finally {
      await proxy.stop();
    }
  });

  test('carries plain HTTP as well, and is passed by where NO_PROXY says so', async () => {
    const proxy = await SocksProxy.start(portOf(plain));
    try {
      const env = { ALL_PROXY: `socks5://127.0.0.1:${proxy.port}` };
      await pull('plain.example:5000/team/app:1', env);
      expect(new Set(proxy.asked)).toEqual(new Set(['plain.example:5000']));
      proxy.asked.length = 0;
      const exempt = { ...env, NO_PROXY: 'plain.example' };
      await expect(pull('plain.example:5000/team/app:1', exempt)).rejects.toMatchObject({
        code: 'E_IMAGE_REGISTRY',
      });
      expect(proxy.asked).toEqual([]);
    } finally {
      await proxy.stop();
    }
  });

  test('leads to what may not speak TLS, which is told with what to do', async () => {
    const proxy = await SocksProxy.start(portOf(plain));
    try {
      const failed = pull('registry.example/team/app:1', {
        ALL_PROXY: `socks5://127.0.0.1:${proxy.port}`,
      });
      await expect(failed).rejects.toMatchObject({
        message: expect.stringMatching(/: it does not speak TLS$/),
        hint: 'If registry.example may be spoken to in the clear, add it to OCUP_INSECURE_REGISTRIES.',
      });
    } finally {
      await proxy.stop();
    }
  });

  test('is told the user name and password of its address', async () => {
    const proxy = await SocksProxy.start(portOf(secured), { login });
    try {
      const address = (password: string): string =>
        `socks5://me:${encodeURIComponent(password)}@127.0.0.1:${proxy.port}`;
      await pull('registry.example/team/app:1', { ALL_PROXY: address(login.password) });
      for (const [wrong, says] of [
        [address('other S3CRET'), 'it does not take the user name and password'],
        [`socks5://127.0.0.1:${proxy.port}`, 'it wants a user name and a password'],
      ] as const) {
        const refused = pull('registry.example/team/app:2', { ALL_PROXY: wrong });
        await expect(refused).rejects.toMatchObject({
          code: 'E_IMAGE_REGISTRY',
          message: `cannot reach https://registry.example/v2/team/app/manifests/2 through the proxy socks5://127.0.0.1:${proxy.port}: ${says}`,
        });
        await refused.catch((error: unknown) => {
          expect(inspect(error, { depth: 10 })).not.toContain('S3CRET');
        });
      }
    } finally {
      await proxy.stop();
    }
  });

  test.each([
    [2, 'its rules forbid the connection', 1],
    [5, 'that host refuses the connection', 5],
    [77, 'it answers with code 77', 1],
  ])('that answers with %i: %s; asked %i times', async (reply, says, times) => {
    const proxy = await SocksProxy.start(portOf(secured), { reply });
    try {
      const failed = pull('registry.example/team/app:1', {
        ALL_PROXY: `socks5://127.0.0.1:${proxy.port}`,
      });
      await expect(failed).rejects.toThrow(says);
      expect(proxy.asked).toHaveLength(times);
    } finally {
      await proxy.stop();
    }
  });

  test('that is none, or is not there, is told', async () => {
    const other = createTcpServer((socket) =>
      socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const { port } = other.address() as AddressInfo;
    const notSocks = { ALL_PROXY: `socks5://127.0.0.1:${port}` };
    await expect(pull('registry.example/team/app:1', notSocks)).rejects.toThrow(
      `through the proxy socks5://127.0.0.1:${port}: it does not speak SOCKS version 5`,
    );
    await new Promise((done) => other.close(done));
    await expect(pull('registry.example/team/app:1', notSocks)).rejects.toThrow(
      `through the proxy socks5://127.0.0.1:${port}: connection refused`,
    );
  });
});
