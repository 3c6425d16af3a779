import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addImage, layersOf } from '../../support/image-fixture.ts';
import { OcupHome, type RunResult } from '../../support/ocup.ts';
import { TerminalRun } from '../../support/terminal-run.ts';
import { TestRegistry } from '../../support/test-registry.ts';

const OCUP = resolve(import.meta.dirname, '../../../bin/ocup');

/** Images of one busybox layer and one of their own, served on loopback. */
class Shop {
  readonly home = new OcupHome();
  private registry: TestRegistry | undefined;
  private busybox = Buffer.alloc(0);

  get host(): string {
    return this.registry?.host ?? '';
  }

  async open(): Promise<void> {
    this.registry = await TestRegistry.start();
    this.busybox = await readFile('/bin/busybox');
  }

  async close(): Promise<void> {
    await this.home.run(['system', 'prune', '-af', '--volumes']);
    await this.home.close();
    await this.registry?.stop();
  }

  serve(name: string, changes: { created?: string; labels?: Record<string, string> } = {}): string {
    const store = this.registry!.store;
    const layers = layersOf(
      [{ path: 'bin/busybox', content: this.busybox, mode: 0o755 }],
      [{ path: 'name', content: name }],
    );
    const config = { Entrypoint: ['/bin/busybox'], Labels: changes.labels ?? {} };
    const { created } = changes;
    store.tags.set(name, addImage(store, { layers, config, ...(created && { created }) }));
    return `${this.host}/${name}`;
  }

  async pull(name: string, changes: { created?: string; labels?: Record<string, string> } = {}) {
    const image = this.serve(name, changes);
    await this.home.succeed(['image', 'pull', '-q', image]);
    return image;
  }
}

describe('image ls', () => {
  const shop = new Shop();
  const { home } = shop;
  const [old, recent] = ['2020-01-01T00:00:00Z', '2024-01-01T00:00:00Z'];

  beforeAll(async () => {
    await shop.open();
    await shop.pull('team/web:1', { created: old, labels: { role: 'web' } });
    await shop.pull('team/web:2', { created: recent, labels: { role: 'web', beta: '' } });
    await shop.pull('tools:1', { created: recent });
    // What it stood for stays without a name.
    await shop.pull('tools:1', { created: old, labels: { again: 'yes' } });
  });

  afterAll(() => shop.close());

  const ls = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await home.succeed([
      'image',
      'ls',
      '--format',
      '{{.Repository}}:{{.Tag}}',
      ...args,
    ]);
    return stdout.replaceAll(`${shop.host}/`, '').split('\n').filter(Boolean).sort();
  };

  test.each([
    [[], ['<none>:<none>', 'team/web:1', 'team/web:2', 'tools:1']],
    [['-a'], ['<none>:<none>', 'team/web:1', 'team/web:2', 'tools:1']],
    [['--filter', 'dangling=true'], ['<none>:<none>']],
    [['-f', 'dangling=false', '-f', 'label=beta'], ['team/web:2']],
    [
      ['-f', 'label=role=web'],
      ['team/web:1', 'team/web:2'],
    ],
    [
      ['-f', 'reference=*/team/*'],
      ['team/web:1', 'team/web:2'],
    ],
    [['-f', 'reference=*/*:1'], ['tools:1']],
    [
      ['-f', 'reference=*/*/w[a-f]b:?'],
      ['team/web:1', 'team/web:2'],
    ],
    [
      ['-f', 'reference=*/*/*:1', '-f', 'reference=*/tools'],
      ['team/web:1', 'tools:1'],
    ],
    [
      ['-f', 'until=2021-01-01T00:00:00Z'],
      ['team/web:1', 'tools:1'],
    ],
  ])('%j lists %j', async (args, expected) => {
    expect(await ls(...args)).toEqual(expected);
  });

  test('finds what was made before or since another, and by a name alone', async () => {
    expect(await ls('-f', `before=${shop.host}/team/web:2`)).toEqual(['team/web:1', 'tools:1']);
    expect(await ls('-f', `since=${shop.host}/team/web:1`)).toEqual([
      '<none>:<none>',
      'team/web:2',
    ]);
    expect(await ls(`${shop.host}/team/web`)).toEqual(['team/web:1', 'team/web:2']);
    expect(await ls(`${shop.host}/team/web:2`)).toEqual(['team/web:2']);
  });

  test('has columns, ids and JSON as docker has them', async () => {
    const table = (await home.succeed(['image', 'ls', '--digests'])).stdout;
    expect(table.split('\n')[0]).toMatch(/^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE$/);
    const short = (await home.succeed(['image', 'ls', '-q'])).stdout;
    expect(short).toMatch(/^(?:[0-9a-f]{12}\n){4}$/);
    const full = (await home.succeed(['image', 'ls', '-q', '--no-trunc'])).stdout;
    expect(full).toMatch(/^(?:sha256:[0-9a-f]{64}\n){4}$/);
    const { stdout } = await home.succeed(['image', 'ls', '--format', 'json']);
    const keys = stdout
      .trim()
      .split('\n')
      .map((line) => Object.keys(JSON.parse(line) as object));
    for (const key of ['Containers', 'CreatedAt', 'CreatedSince', 'Digest', 'ID', 'Repository']) {
      expect(keys.every((list) => list.includes(key))).toBe(true);
    }
  });

  test.each([
    [['-f', 'colour=red'], 'invalid filter "colour"'],
    [['-f', 'dangling=perhaps'], "invalid filter 'dangling=perhaps'"],
    [['-f', 'before=nothing'], 'no such image: nothing'],
  ])('%j is an error: %s', async (args, message) => {
    const { code, stderr } = await home.run(['image', 'ls', ...args]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  test('image rm removes the others where one is missing, and by force that is no failure', async () => {
    const image = await shop.pull('spare:1');
    const failed = await home.run(['image', 'rm', 'nothing', image]);
    expect(failed).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`Untagged: ${image}`),
    });
    expect(failed.stderr).toContain('no such image: nothing');
    expect(await home.run(['image', 'rm', '-f', 'nothing'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('no such image: nothing'),
    });
  });

  test('a damaged image is one warning, verify repairs it', async () => {
    const image = await shop.pull('harmed:1');
    const { stdout } = await home.succeed([
      'image',
      'ls',
      '--no-trunc',
      '--format',
      '{{.ID}}',
      image,
    ]);
    const blobs = join(home.env['OCUP_DATA_DIR'] ?? '', 'images/blobs/sha256');
    await appendFile(join(blobs, stdout.trim().replace('sha256:', '')), 'x');
    await home.waitForIdle(); // documents are remembered
    const warning = `Warning: an image is damaged: repair with: ocup image verify ${image}\n`;
    expect(await home.succeed(['image', 'ls', '-q', image])).toMatchObject({
      stdout: '',
      stderr: warning,
    });
    expect((await home.succeed(['image', 'prune', '-f'])).stderr).toBe(warning);
    const check = await home.run(['image', 'verify', '--no-repair', image]);
    expect(check).toMatchObject({ code: 1, stdout: expect.stringMatching(/^damaged +document/) });
    const repaired = await home.succeed(['image', 'verify', image]);
    expect(repaired.stdout).toMatch(/^repaired  document sha256:[0-9a-f]{64} of \S+: content\n/);
    expect(repaired.stdout).toMatch(/: 1 repaired or removed\n$/);
    expect(await home.succeed(['image', 'ls', '-q', image])).toMatchObject({ stderr: '' });
  });
});

describe('prune', () => {
  const shop = new Shop();
  const { home } = shop;
  const folder = join(home.folder, 'project');
  let image = '';

  beforeAll(async () => {
    await shop.open();
    image = await shop.pull('app:1');
    await mkdir(folder);
    await writeFile(
      join(folder, 'compose.yaml'),
      `name: pruned
services:
  app:
    image: ${image}
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    volumes: ["/anonymous", "named:/named"]
volumes: { named: {} }
`,
    );
  });

  afterAll(async () => {
    await home.run(['down', '-v'], { cwd: folder });
    await shop.close();
  });

  const ask = (args: string[], input: string): Promise<RunResult> =>
    home.run(args, { input, cwd: folder });
  const names = async (): Promise<string> =>
    (await home.succeed(['image', 'ls', '--format', '{{.Repository}}'])).stdout;

  test('asks first, and takes only y for a yes', async () => {
    const spare = await shop.pull('spare:1');
    for (const input of ['', 'n\n', 'yes\n', '\n']) {
      expect(await ask(['image', 'prune', '-a'], input)).toEqual({
        code: 0,
        stdout:
          'WARNING! This will remove all images without at least one container associated to them.\n' +
          'Are you sure you want to continue? [y/N] ',
        stderr: '',
      });
    }
    expect(await names()).toContain('spare');
    const question = await ask(['image', 'prune'], 'y\n');
    expect(question.stdout).toBe(
      'WARNING! This will remove all dangling images.\n' +
        'Are you sure you want to continue? [y/N] Total reclaimed space: 0B\n',
    );
    const { stdout } = await ask(['image', 'prune', '-a', '--filter', 'label!=x'], 'Y\n');
    expect(stdout).toContain('Deleted Images:\nuntagged: ');
    expect(stdout).toContain(`untagged: ${image}\n`);
    expect(stdout).toContain(`untagged: ${spare}\n`);
    expect(stdout).toMatch(/deleted: sha256:[0-9a-f]{64}\n\nTotal reclaimed space: [\d.]+MB\n$/);
  });

  test('asks on a terminal', async () => {
    await shop.pull('spare:1');
    const run = new TerminalRun(`${OCUP} image prune -a`, { cwd: folder, env: home.env });
    await run.shows('[y/N] ');
    run.type('y\r');
    expect(await run.ended).toBe(0);
    expect(run.output).toMatch(/\[y\/N\] y\r\nDeleted Images:\r\nuntagged: \S+spare:1/);
    const second = new TerminalRun(`${OCUP} image prune`, { cwd: folder, env: home.env });
    await second.shows('[y/N] ');
    second.type('\u0003');
    expect(await second.ended).toBe(130);
  });

  test('system prune says what it will remove', async () => {
    const filters = ['--filter', 'label=x', '--filter', 'label!=y'];
    const { stdout } = await ask(['system', 'prune', '-a', '--volumes', ...filters], 'n\n');
    expect(stdout).toBe(`WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all anonymous volumes not used by at least one container
  - all images without at least one container associated to them

  Items to be pruned will be filtered with:
  - label=x
  - label!=y

Are you sure you want to continue? [y/N] `);
    const bad = await home.run(['system', 'prune', '-f', '--volumes', '--filter', 'until=1h']);
    expect(bad).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the "until" filter is not supported with "--volumes"'),
    });
    const unknown = await home.run(['system', 'prune', '-f', '--filter', 'colour=red']);
    expect(unknown).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('invalid filter "colour"'),
    });
  });

  test('removes nothing that is in use, and named volumes never', async () => {
    await home.succeed(['up', '-d', '--quiet-pull'], { cwd: folder });
    const nothing = await home.succeed(['system', 'prune', '-af', '--volumes']);
    expect(nothing.stdout).toBe('Total reclaimed space: 0B\n');
    await home.succeed(['stop'], { cwd: folder });
    const kept = await home.succeed(['system', 'prune', '-af', '--filter', 'until=1h']);
    expect(kept.stdout).toBe('Total reclaimed space: 0B\n');
    const verbose = (await home.succeed(['system', 'df', '-v'])).stdout;
    expect(verbose).toMatch(
      /^Images space usage:\n\nREPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS\n.*\/app +1 +[0-9a-f]{12} .* 1\n\nContainers space usage:\n\nCONTAINER ID .*\n[0-9a-f]{12} .*pruned-app-1\n\nLocal Volumes space usage:\n\nVOLUME NAME +LINKS +SIZE\n/,
    );
    const json = await home.succeed(['system', 'df', '-v', '--format', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      Images: [{ Containers: '1', Tag: '1' }],
      Containers: [{ Names: 'pruned-app-1', State: 'exited' }],
      Volumes: expect.arrayContaining([
        expect.objectContaining({ Name: 'pruned_named', Links: '1' }),
      ]),
      BuildCache: [],
    });
    const count = ['system', 'df', '-v', '--format', '{{range .Volumes}}{{.Links}} {{end}}'];
    expect((await home.succeed(count)).stdout.trim()).toBe('1 1');

    const pruned = (await home.succeed(['system', 'prune', '-f'])).stdout;
    expect(pruned).toMatch(
      /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Networks:\npruned_default\n\nTotal reclaimed space: /,
    );
    expect((await home.succeed(['volumes', '-q'], { cwd: folder })).stdout).toBe('pruned_named\n');
    expect((await home.succeed(count)).stdout.trim()).toBe('0 0');
    expect(await names()).toContain('app');
    const all = (await home.succeed(['system', 'prune', '-af', '--volumes'])).stdout;
    expect(all).toMatch(/^Deleted Volumes:\n[0-9a-f]{64}\n\nDeleted Images:\nuntagged: \S+app:1\n/);
    expect((await home.succeed(count)).stdout.trim()).toBe('0');
    expect(await names()).toBe('');
  });

  test('leaves the network and volumes of a container that is being made', async () => {
    for (let round = 0; round < 6; round += 1) {
      const up = home.succeed(['up', '-d', '--quiet-pull'], { cwd: folder });
      let isUp = false;
      const done = up.finally(() => (isUp = true));
      while (!isUp) {
        // Networks that nobody names yet may go, as they are made before their containers, and so may containers
        // that have not been started.
        const kept = ['network', 'service'].flatMap((kind) => [
          '--filter',
          `label!=com.docker.compose.${kind}`,
        ]);
        await home.succeed(['system', 'prune', '-f', '--volumes', ...kept]);
      }
      await done;
      const { stdout } = await home.succeed(['ps', '--format', '{{.State}}'], { cwd: folder });
      expect(stdout).toBe('running\n');
      await home.succeed(['down', '-v'], { cwd: folder });
    }
  });
});
