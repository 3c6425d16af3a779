import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import { escapeDollars, toJsonForm } from '../../../src/compose/format.ts';
import { loadModel } from '../../../src/compose/load-project.ts';
import { type ComposeCase, readComposeCases, withCase } from '../../support/compose-cases.ts';

const run = promisify(execFile);
const dockerCompose = process.env['OCUP_DOCKER_COMPOSE'];
const cases = await readComposeCases();

/** Where ocup means to differ, and why. */
const DIFFERENCES: ReadonlyMap<string, string> = new Map([
  [
    'ports: [{target: 80, published: 8080}, "8080:80"]',
    'the same port twice cannot be bound: it counts once, as it does when both are written alike',
  ],
  ['memswap_limit: "-1"', 'what is printed for -1 must load again'],
  ['pid: null', 'the schema allows it; docker compose crashes'],
  ['pull_policy: refresh, pull_refresh_after: 12h', 'what is acted on is printed'],
  [
    'environment: {A: 1} ==> environment: 5',
    'a number is no environment: it is not dropped in silence',
  ],
  [
    'labels: {a: 1} ==> labels: {a: {b: c}}',
    'a mapping is no value of a label, in an override neither',
  ],
]);

type Outcome = { readonly model: unknown } | { readonly refused: string };

async function theirs(project: ComposeCase, folder: string): Promise<Outcome> {
  const args = [
    ...project.configFiles.flatMap((file) => ['-f', file]),
    ...project.profiles.flatMap((profile) => ['--profile', profile]),
    ...['config', '--format', 'json'],
  ];
  try {
    const environment = { ...project.environment, PATH: process.env['PATH'] };
    const { stdout } = await run(dockerCompose ?? '', args, { cwd: folder, env: environment });
    return { model: JSON.parse(stdout) };
  } catch (error) {
    return { refused: String((error as { stderr?: string }).stderr) };
  }
}

async function ours(project: ComposeCase, folder: string): Promise<Outcome> {
  try {
    const model = await loadModel({
      workingDir: folder,
      environment: project.environment,
      files: project.configFiles,
      profiles: project.profiles,
    });
    return { model: JSON.parse(escapeDollars(JSON.stringify(toJsonForm(model.canonical)))) };
  } catch (error) {
    if (!isOcupError(error)) throw error;
    return { refused: error.message };
  }
}

describe('docker compose config', () => {
  if (dockerCompose === undefined) {
    test.skip('needs OCUP_DOCKER_COMPOSE, the path of docker-compose 2.40', () => undefined);
    return;
  }
  test('must agree in at least 600 cases', () => expect(cases.length).toBeGreaterThanOrEqual(600));

  test.each(cases.map((project) => [project.name, project] as const))(
    'must agree: %s',
    async (name, project) => {
      await withCase(project, async (folder) => {
        const [expected, actual] = [await theirs(project, folder), await ours(project, folder)];
        const isSameKind = 'model' in expected === 'model' in actual;
        if (DIFFERENCES.has(name)) {
          expect({ ...actual }).not.toEqual(expected);
          return;
        }
        if (!isSameKind || 'model' in expected) expect(actual).toEqual(expected);
      });
    },
  );
});
