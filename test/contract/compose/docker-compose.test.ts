import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import {
  escapeDollars,
  formatPlain,
  formatProject,
  toJsonForm,
} from '../../../src/compose/format.ts';
import type { LoadOptions } from '../../../src/compose/load-options.ts';
import { loadModel } from '../../../src/compose/load-project.ts';
import { type ComposeCase, readComposeCases, withCase } from '../../support/compose-cases.ts';
import { peerProgram, peersObstacle } from '../../support/peers.ts';

const run = promisify(execFile);
const dockerCompose = peerProgram('usr/libexec/docker/cli-plugins/docker-compose');
const obstacle = existsSync(dockerCompose) ? undefined : (peersObstacle() ?? 'no docker-compose');
const cases = await readComposeCases();

const SSH_KEYS = 'docker compose cannot print them as JSON, and prints YAML that names other keys';

/** Where ocup means to differ, and why. */
const DIFFERENCES: ReadonlyMap<string, string> = new Map([
  ['keys of an agent in files', SSH_KEYS],
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

const FLAGS: readonly (readonly [flag: string, changes: Partial<LoadOptions>])[] = [
  ['--no-interpolate', { interpolate: false }],
  ['--no-normalize', { normalize: false }],
  ['--no-path-resolution', { resolvePaths: false }],
  ['--no-consistency', { checkConsistency: false }],
];

const NOT_FILLED_IN =
  'what is kept as it is written is not filled in from the `.env` of the included file';

/** Not compared with flags, and why. */
const FLAG_DIFFERENCES: ReadonlyMap<string, string> = new Map([
  ['include', NOT_FILLED_IN],
  ['keys of an agent in files', SSH_KEYS],
  ['variables of an included mapping', NOT_FILLED_IN],
  ['external forms', 'docker compose crashes on it with --no-interpolate'],
]);

type Outcome =
  { readonly model: unknown; readonly yaml: string | undefined } | { readonly refused: string };

/** How much of docker compose runs at once. */
const WORKERS = 3;

async function printed(project: ComposeCase, folder: string, args: string[]): Promise<string> {
  const all = [
    ...project.configFiles.flatMap((file) => ['-f', file]),
    ...project.profiles.flatMap((profile) => ['--profile', profile]),
    'config',
    ...args,
  ];
  const environment = { ...project.environment, PATH: process.env['PATH'] };
  const { stdout } = await run(dockerCompose, all, { cwd: folder, env: environment });
  return stdout;
}

async function theirs(project: ComposeCase, folder: string, withYaml: boolean): Promise<Outcome> {
  try {
    const model: unknown = JSON.parse(await printed(project, folder, ['--format', 'json']));
    return { model, yaml: withYaml ? await printed(project, folder, []) : undefined };
  } catch (error) {
    return { refused: String((error as { stderr?: string }).stderr) };
  }
}

async function ours(
  project: ComposeCase,
  folder: string,
  changes: Partial<LoadOptions> = {},
): Promise<Outcome> {
  try {
    const model = await loadModel({
      workingDir: folder,
      environment: project.environment,
      files: project.configFiles,
      profiles: project.profiles,
      ...changes,
    });
    const plain = JSON.stringify(toJsonForm(model.canonical));
    const yaml =
      changes.interpolate === false
        ? formatPlain(model.canonical, 'yaml')
        : formatProject(model, 'yaml');
    return { model: JSON.parse(escapeDollars(plain)), yaml };
  } catch (error) {
    if (!isOcupError(error)) throw error;
    return { refused: error.message };
  }
}

interface Pair {
  readonly expected: Outcome;
  readonly actual: Outcome;
}

/** Both loaders on every case; the text in YAML too for the larger projects and some of the rest. */
async function runAll(): Promise<ReadonlyMap<string, Pair>> {
  const pairs = new Map<string, Pair>();
  const queue = cases.entries();
  const work = async (): Promise<void> => {
    for (const [index, project] of queue) {
      await withCase(project, async (folder) => {
        const withYaml = index % 8 === 0 || index > cases.length - 60;
        const expected = await theirs(project, folder, withYaml);
        pairs.set(project.name, { expected, actual: await ours(project, folder) });
      });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return pairs;
}

describe('docker compose config', () => {
  if (obstacle !== undefined) {
    test.skip(`needs docker-compose 2.40: ${obstacle}`, () => undefined);
    return;
  }
  let pairs: ReadonlyMap<string, Pair>;
  beforeAll(async () => {
    pairs = await runAll();
  }, 400_000);

  test('must agree in at least 600 cases', () => expect(cases.length).toBeGreaterThanOrEqual(600));

  test.each(cases.map(({ name }) => name))('must agree: %s', (name) => {
    const { expected, actual } = pairs.get(name) ?? {};
    if (expected === undefined || actual === undefined) throw new Error('the case did not run');
    if ('refused' in expected || 'refused' in actual || DIFFERENCES.has(name)) {
      const isSameKind = 'model' in expected === 'model' in actual;
      if (!DIFFERENCES.has(name) && !isSameKind) expect(actual).toEqual(expected);
      if (DIFFERENCES.has(name)) expect({ ...actual }).not.toEqual(expected);
      return;
    }
    expect(actual.model).toEqual(expected.model);
    if (expected.yaml !== undefined) expect(actual.yaml).toBe(expected.yaml);
  });

  test.each(FLAGS)(
    'must agree on the text with %s',
    async (flag, changes) => {
      const chosen = cases.slice(-60).filter(({ name }) => !FLAG_DIFFERENCES.has(name));
      for (const project of chosen.filter((_, index) => index % 4 === 0)) {
        await withCase(project, async (folder) => {
          const expected = await printed(project, folder, [flag]).catch(() => undefined);
          const actual = await ours(project, folder, changes);
          if (expected === undefined) expect(Object.keys(actual)).toEqual(['refused']);
          else expect({ case: project.name, ...actual }).toMatchObject({ yaml: expected });
        });
      }
    },
    60_000,
  );
});
