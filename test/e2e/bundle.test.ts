import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureDebianImages } from '../support/debian-images.ts';
import { OcupHome, runProgram } from '../support/ocup.ts';

describe('ocup bundle', () => {
  const home = new OcupHome();
  let folder = '';
  let layout = '';

  beforeAll(async () => {
    layout = await ensureDebianImages();
    folder = await mkdtemp(join(tmpdir(), 'ocup-bundle-'));
    const service = 'command: ["sh", "-c", "redis-server --version; id -un; echo $$GREETING"]';
    await writeFile(
      join(folder, 'compose.yaml'),
      `name: bundles\nservices:\n  kv:\n    image: oci:${layout}:redis\n    ${service}\n    environment: { GREETING: hello }\n`,
    );
  }, 600_000);

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await home.close();
  });

  test('writes rootfs and config.json, and nothing else', async () => {
    await home.succeed(['bundle', 'kv', '-o', 'kv'], { cwd: folder });
    expect(readdirSync(join(folder, 'kv')).sort()).toEqual(['config.json', 'rootfs']);
    const spec = JSON.parse(await readFile(join(folder, 'kv/config.json'), 'utf8'));
    expect(spec.root.path).toBe('rootfs');
    expect(spec.linux.seccomp.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(spec.process.capabilities.bounding).toHaveLength(14);
  });

  const runtimes = [
    '/usr/sbin/runc',
    join(import.meta.dirname, '../../build/Release/ocup-runtime'),
  ];

  test.each(runtimes)('%s runs it as it is', async (runtime) => {
    const id = `ocup-bundle-${process.pid}`;
    const root = join(folder, 'state');
    const { code, stdout, stderr } = await runProgram(runtime, [
      '--root',
      root,
      'run',
      '-b',
      join(folder, 'kv'),
      id,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Redis server v=.*\nredis\nhello\n$/);
  });

  test('the same image gives the same bundle again', async () => {
    await home.succeed(['bundle', 'kv', '-o', 'again'], { cwd: folder });
    const { code, stdout } = await runProgram('diff', ['-r', '--no-dereference', 'kv', 'again'], {
      cwd: folder,
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  test('--image needs no project, and a folder that is not empty is refused', async () => {
    const args = ['bundle', '--image', `oci:${layout}:python`, '-o', 'python'];
    await home.succeed(args, { cwd: folder });
    const again = await home.run(args, { cwd: folder });
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('python');
  });
});
