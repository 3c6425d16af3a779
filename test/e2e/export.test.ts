import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addImage, layersOf, newStore, writeLayout } from '../support/image-fixture.ts';
import { OcupHome } from '../support/ocup.ts';
import { startRegistry } from '../support/registry.ts';

describe('ocup export and import', () => {
  const home = new OcupHome();
  const away = new OcupHome();
  const folder = join(home.folder, 'project');
  const archive = join(home.folder, 'app.tar');

  beforeAll(async () => {
    const registry = await startRegistry();
    try {
      const store = newStore();
      const layers = layersOf([
        { path: 'bin/busybox', content: await readFile('/bin/busybox'), mode: 0o755 },
      ]);
      const config = { Entrypoint: ['/bin/busybox'] };
      store.tags.set('box', addImage(store, { layers, config }));
      await mkdir(join(folder, 'site'), { recursive: true });
      await writeLayout(store, join(folder, 'layout'));
      const image = `${registry.host}/team/box:1`;
      const source = `oci:${join(folder, 'layout')}:box`;
      execFileSync('skopeo', [
        'copy',
        '-q',
        '--dest-tls-verify=false',
        source,
        `docker://${image}`,
      ]);
      await writeFile(join(folder, 'site/page'), 'a page\n');
      await writeFile(join(folder, '.env'), 'WORD=from .env\n');
      await writeFile(join(folder, 'motto'), 'a motto\n');
      await writeFile(
        join(folder, 'compose.yaml'),
        `name: travel
services:
  remote:
    image: ${image}
    command: ["cat", "/site/page", "/motto"]
    volumes: ["./site:/site:ro"]
    configs: [{ source: motto, target: /motto }]
  local:
    image: oci:./layout:box
    command: ["echo", "\${WORD} costs $$5"]
configs: { motto: { file: ./motto } }
`,
      );
      await home.succeed(['export', archive], { cwd: folder });
    } finally {
      await registry.stop();
    }
  });

  afterAll(async () => {
    await home.close();
    await away.close();
  });

  test('the archive is for its owner alone, and other tools find the images in it', () => {
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    const list = execFileSync('tar', ['-xOf', archive, 'index.json']).toString();
    expect(list).toContain('application/vnd.ocup.project.v1');
    const copy = `oci:${join(home.folder, 'copy')}:x`;
    const name = /"(127\.0\.0\.1:\d+\/team\/box:1)"/.exec(list)?.[1] ?? '';
    execFileSync('skopeo', ['copy', '-q', `oci-archive:${archive}:${name}`, copy]);
  });

  test('what it holds runs elsewhere, with neither the registry nor the project at hand', async () => {
    await rm(folder, { recursive: true });
    const { stdout } = await away.succeed(['import', archive], { cwd: away.folder });
    const place = join(away.folder, 'travel');
    expect(stdout).toBe(`${place}\n`);
    expect((await readdir(place)).sort()).toEqual(['compose.yaml', 'motto', 'ocup.lock', 'site']);
    const up = await away.succeed(['up', '--no-log-prefix'], { cwd: place });
    for (const line of ['a page', 'a motto', 'from .env costs $5']) {
      expect(up.stdout).toContain(line);
    }
    await away.succeed(['down'], { cwd: place });
  });

  test('what it takes on disk is told, and that nobody uses it', async () => {
    const { stdout } = await away.succeed(['system', 'df', '--format', 'json']);
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(rows.map((row) => [row['Type'], row['TotalCount'], row['Active']])).toEqual([
      ['Images', '1', '0'],
      ['Containers', '0', '0'],
      ['Local Volumes', '0', '0'],
    ]);
    expect(rows[0]?.['Size']).toMatch(/^\d+(\.\d+)?MB$/);
    expect(rows[0]?.['Reclaimable']).toMatch(/^\d.*MB \(\d+%\)$/);
  });

  test('neither a folder with something in it nor an archive of images alone is taken', async () => {
    const again = await away.run(['import', archive], { cwd: away.folder });
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('not empty') });
    const plain = join(away.folder, 'plain.tar');
    const { stdout } = await away.succeed(['image', 'ls', '-q']);
    await away.succeed(['image', 'save', '-o', plain, stdout.trim().split('\n')[0] ?? '']);
    const none = await away.run(['import', plain], { cwd: away.folder });
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('holds no project') });
  });
});
