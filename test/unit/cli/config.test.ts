import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runCommand } from '../../../src/cli/program.ts';
import { commandContext } from '../../support/command-context.ts';
import { FakeSupervisor } from '../../support/fake-supervisor.ts';

const COMPOSE = `
name: app
services:
  web:
    image: nginx:\${TAG:-1}
    depends_on: [db]
    networks: [front]
    models: [small]
    labels: {first: "\${LATER}", second: "\${LATER:-said}", third: "\${LATER}"}
  db: {image: "r:5000/db", volumes: ["data:/data"], environment: {A: "\${SECRET:?none}"}}
  other: {build: ., networks: [back]}
  file: {image: "oci:./layout"}
networks: {front: , back: }
volumes: {data: }
models: {small: {model: ai/small}}
`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

let fake: FakeSupervisor;
let folder: string;
beforeEach(async () => {
  fake = await FakeSupervisor.open();
  folder = await mkdtemp(join(tmpdir(), 'ocup-config-'));
  await writeFile(join(folder, 'compose.yaml'), COMPOSE);
});
afterEach(async () => {
  await fake.close();
  for (const path of [fake.folder, folder]) await rm(path, { recursive: true, force: true });
});

async function config(...args: string[]) {
  const context = commandContext(['config', ...args], {
    workingDir: folder,
    environment: { ...fake.environment, SECRET: 's' },
  });
  const code = await runCommand(context);
  return { code, output: context.output(), errors: context.errors() };
}

describe('config', () => {
  test('must print the digest that the registry has behind each name', async () => {
    const { output, code } = await config('--resolve-image-digests', '--format', 'json');
    const { services } = JSON.parse(output) as { services: Record<string, { image?: string }> };
    const [web = '', webDigest = ''] = (services['web']?.image ?? '').split('@');
    const [db = '', dbDigest = ''] = (services['db']?.image ?? '').split('@');
    expect([web, db]).toEqual(['docker.io/library/nginx:1', 'r:5000/db:latest']);
    expect(webDigest).toMatch(DIGEST);
    expect(dbDigest).toMatch(DIGEST);
    expect(dbDigest).not.toBe(webDigest);
    expect(services['file']?.image).toMatch(/^oci:/);
    expect(code).toBe(0);
  });

  test('must print a file that holds images only, and loads behind the others', async () => {
    const { output } = await config('--lock-image-digests', 'db');
    expect(output).toMatch(
      /^services:\n {2}db:\n {4}image: r:5000\/db:latest@sha256:[0-9a-f]{64}\n$/,
    );
    await config('--lock-image-digests', '-o', 'lock.yaml');
    const { output: images } = await config(
      '--file',
      'compose.yaml',
      '--file',
      'lock.yaml',
      '--images',
    );
    expect(images.match(/@sha256:/g)).toHaveLength(2);
  });

  test('must print only what the named services need', async () => {
    const { output } = await config('db', '--format', 'json');
    const model = JSON.parse(output) as Record<string, object>;
    expect(Object.keys(model['services'] ?? {})).toEqual(['db']);
    expect(Object.keys(model['networks'] ?? {})).toEqual(['default']);
    expect(Object.keys(model['volumes'] ?? {})).toEqual(['data']);
    expect(model['models']).toBeUndefined();
  });

  test('must name images, those that are built too', async () => {
    expect((await config('--images')).output.split('\n').sort()).toEqual(
      ['', 'app-other', 'nginx:1', `oci:${folder}/layout`, 'r:5000/db'].sort(),
    );
    expect((await config('--no-interpolate', '--images', 'web')).output).toContain('${TAG:-1}');
  });

  test('must name models as they are called where they come from', async () => {
    expect((await config('--models')).output).toBe('ai/small\n');
  });

  test('must print variables as JSON', async () => {
    const { output } = await config('--variables', '--format', 'json');
    expect(JSON.parse(output)).toEqual({
      LATER: { Name: 'LATER', DefaultValue: 'said', PresenceValue: '', Required: false },
      SECRET: { Name: 'SECRET', DefaultValue: '', PresenceValue: '', Required: true },
      TAG: { Name: 'TAG', DefaultValue: '1', PresenceValue: '', Required: false },
    });
  });

  test('must print nothing, and write nothing, when it is quiet', async () => {
    expect((await config('-q', '-o', 'out.yaml')).output).toBe('');
    await expect(readFile(join(folder, 'out.yaml'))).rejects.toThrow('ENOENT');
  });
});
