import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TimelineSpan } from '../../src/model/timeline.ts';
import { DEBIAN_IMAGES, ensureDebianImages } from '../support/debian-images.ts';
import { eventually } from '../support/eventually.ts';
import { OcupHome, runProgram } from '../support/ocup.ts';
import { freePort } from '../support/ports.ts';
import { type Registry, startRegistry } from '../support/registry.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../examples/shop');
const TAGS = { NGINX_TAG: '1', PYTHON_TAG: '1', POSTGRES_TAG: '1', REDIS_TAG: '1' };

describe('examples/shop with images from a registry', () => {
  const home = new OcupHome();
  let registry: Registry;
  let project = '';
  let port = 0;
  let env: Record<string, string> = {};

  beforeAll(async () => {
    const layout = await ensureDebianImages();
    registry = await startRegistry();
    for (const name of DEBIAN_IMAGES) await push(layout, name);
    project = join(await mkdtemp(join(tmpdir(), 'ocup-shop-')), 'shop');
    await cp(EXAMPLE, project, { recursive: true });
    port = await freePort();
    env = { SHOP_PORT: String(port), SHOP_REGISTRY: `${registry.host}/library`, ...TAGS };
  }, 600_000);

  afterAll(async () => {
    await home.run(['down', '-v'], { cwd: project, env });
    await registry.stop();
    await rm(resolve(project, '..'), { recursive: true, force: true });
    await home.close();
  });

  async function push(layout: string, name: string): Promise<void> {
    const target = `docker://${registry.host}/library/${name}:1`;
    const { code, stderr } = await runProgram(
      'skopeo',
      ['copy', '-q', '--dest-tls-verify=false', `oci:${layout}:${name}`, target],
      { timeoutMs: 120_000 },
    );
    if (code !== 0) throw new Error(stderr);
  }

  const ocup = (...args: string[]) => home.succeed(args, { cwd: project, env, timeoutMs: 120_000 });

  test('pull fetches all four images', async () => {
    const { stderr } = await ocup('pull');
    expect(stderr).toContain('Pulled');
    const { stdout } = await ocup('image', 'ls', '-q');
    expect(stdout.trimEnd().split('\n')).toHaveLength(4);
  }, 120_000);

  test('up -d --wait ends when every service runs or is healthy', async () => {
    const { stderr } = await ocup('up', '-d', '--wait');
    for (const name of ['postgres', 'redis', 'app'])
      expect(stderr).toContain(`Container shop-${name}-1  Healthy`);
    expect(stderr).toContain('Volume shop_data  Created');
    expect(stderr).toContain('Container shop-nginx-1  Started');
  }, 120_000);

  test('nginx answers on the published port with what application, redis and postgres say', async () => {
    const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
    // nginx has no probe: it may be listening only in a moment.
    await eventually(
      () =>
        ask().then(
          () => true,
          () => false,
        ),
      10_000,
      'nginx',
    );
    expect(await ask()).toBe('visit 2, database up\n');
    expect(await ask()).toBe('visit 3, database up\n');
  });

  const psql = (sql: string) =>
    ocup(
      'exec',
      '-T',
      'postgres',
      'env',
      'PGPASSWORD=shop',
      'psql',
      '-h',
      '127.0.0.1',
      '-U',
      'shop',
      '-d',
      'shop',
      '-Atc',
      sql,
    );

  test('the named volume keeps data over down and up', async () => {
    await psql("create table item (name text); insert into item values ('teapot')");
    await ocup('down');
    await ocup('up', '-d', '--wait');
    expect((await psql('select name from item')).stdout).toBe('teapot\n');
  }, 120_000);

  test('a password for the database is needed: the service was configured by its environment', async () => {
    const { code, stderr } = await home.run(
      [
        'exec',
        '-T',
        'postgres',
        'env',
        'PGPASSWORD=wrong',
        'psql',
        '-h',
        '127.0.0.1',
        '-U',
        'shop',
        '-d',
        'shop',
        '-c',
        'select 1',
      ],
      { cwd: project, env },
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain('password authentication failed');
  });

  test('down -v removes the volume', async () => {
    await ocup('down', '-v');
    expect((await ocup('volumes', '-q')).stdout.trim()).toBe('');
  }, 60_000);

  test('a timeline has the pull of each image, its unpacking within it', async () => {
    await ocup('down');
    await ocup('image', 'prune', '-af');
    await ocup('up', '-d');
    const { stdout } = await ocup('timeline', '--format', 'json');
    const { spans, criticalPath } = JSON.parse(stdout) as {
      readonly spans: readonly TimelineSpan[];
      readonly criticalPath: readonly { readonly id: string }[];
    };
    const pulls = spans.filter(({ step }) => step === 'pull');
    expect(pulls).toHaveLength(4);
    for (const pull of pulls) {
      const unpack = spans.find(({ id }) => id === `unpack ${pull.subject}`);
      expect(unpack?.startMs).toBeGreaterThan(pull.startMs);
      expect(unpack?.endMs).toBeLessThanOrEqual(pull.endMs);
    }
    expect(criticalPath.some(({ id }) => id.startsWith('image.pull '))).toBe(true);
  }, 120_000);
});
