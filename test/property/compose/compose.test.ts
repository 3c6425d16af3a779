import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { isOcupError } from '../../../src/base/errors.ts';
import { formatProject } from '../../../src/compose/format.ts';
import { writeYaml } from '../../../src/compose/write-yaml.ts';
import type { Json } from '../../../src/model/project.ts';
import { parseDotenv } from '../../../src/compose/dotenv.ts';
import { Problems } from '../../../src/compose/problems.ts';
import { formatPath, toPlain } from '../../../src/compose/raw-tree.ts';
import { readYaml } from '../../../src/compose/read-yaml.ts';
import { composeSchema } from '../../../src/compose/schema.ts';
import { splitShellWords } from '../../../src/compose/shell-words.ts';
import { substitute } from '../../../src/compose/template.ts';
import { validate } from '../../../src/compose/validate.ts';
import { readComposeCases } from '../../support/compose-cases.ts';
import { memoryFiles, model } from '../../support/compose-loading.ts';

const cases = await readComposeCases();
const runs = Number(process.env['OCUP_PROPERTY_RUNS'] ?? 300);

interface Loaded {
  readonly name: string;
  readonly text: string;
  readonly canonical: unknown;
}

/** The cases that load, as they stand. */
async function loadable(): Promise<readonly Loaded[]> {
  const found: Loaded[] = [];
  for (const { name, files, configFiles, environment } of cases) {
    try {
      const options = { files: configFiles, environment, sourceFiles: memoryFiles(files) };
      const loaded = await model({}, { ...options, profiles: ['*'] });
      found.push({ name, text: formatProject(loaded, 'yaml'), canonical: loaded.canonical });
    } catch (error) {
      if (!isOcupError(error)) throw error;
    }
  }
  return found;
}

const loaded = await loadable();

/** Cases whose print says less than the file, as docker compose's does. */
const ONE_WAY: ReadonlySet<string> = new Set([
  // An empty text is not printed, and its absence means something else.
  'build: ""',
  'network_mode: ""',
  // Every `$` is doubled in print, but keys are not interpolated.
  'variables in keys stay',
]);

describe('printing a project', () => {
  test('config of config must be the same config', async () => {
    const differing: string[] = [];
    for (const { name, text, canonical } of loaded) {
      if (ONE_WAY.has(name)) continue;
      try {
        const again = await model(text, { profiles: ['*'], environment: { HOME: '/other' } });
        if (JSON.stringify(again.canonical) !== JSON.stringify(canonical)) differing.push(name);
      } catch (error) {
        differing.push(`${name}: ${String(error)}`);
      }
    }
    expect(differing).toEqual([]);
  });

  test.each([
    ['on top', ['compose.yaml', 'empty.yaml']],
    ['below', ['empty.yaml', 'compose.yaml']],
  ])('an empty file %s must change nothing', async (_, order) => {
    for (const { name, text, canonical } of loaded) {
      if (ONE_WAY.has(name)) continue;
      const files = { 'compose.yaml': text, 'empty.yaml': 'services: {}\n' };
      const options = { files: order, profiles: ['*'] };
      expect((await model(files, options)).canonical).toEqual(canonical);
    }
  });

  test('any value must be written so that it reads back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify({ a: value })) as Json;
        // A key of that name takes in another map.
        fc.pre(!JSON.stringify(plain).includes('"<<":'));
        const problems = new Problems();
        const [root] = readYaml(writeYaml(plain, undefined), 'f', problems);
        expect(problems.list()).toEqual([]);
        expect(root === undefined ? null : toPlain(root)).toEqual(plain);
      }),
      { numRuns: runs },
    );
  });
});

/** Texts made of pieces that mean something to the loader. */
const pieces = fc.array(
  fc.constantFrom(
    ...['services', ':', ' ', '\n', '  ', 'a', '{', '}', '[', ']', ',', '- ', '"', "'", '&x', '*x'],
    ...[
      '<<',
      '!reset',
      '!override',
      'image',
      'ports',
      '80:80',
      'volumes',
      '$',
      '${A:-',
      '}',
      '---',
    ],
    ...['null', '~', '0440', '1e3', 'extends', 'include', 'depends_on', 'x-a', '|', '>', '#', '\t'],
    ...['networks', 'deploy', 'environment', '=', '__proto__', 'build', '.', '!!int', '? ', 'true'],
  ),
  { maxLength: 60 },
);

describe('no input', () => {
  const expectOwnError = async (text: string): Promise<void> => {
    try {
      await model(text);
    } catch (error) {
      expect(isOcupError(error)).toBe(true);
    }
  };

  test('must make the loader throw anything but its own error: pieces of YAML', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, async (parts) => expectOwnError(parts.join(''))),
      { numRuns: runs },
    );
  });

  test('must make the loader throw anything but its own error: mutated files', async () => {
    const texts = cases
      .map(({ files }) => files['compose.yaml'] ?? '')
      .filter((text) => text !== '');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...texts),
        fc.array(fc.tuple(fc.nat(), fc.nat(3), pieces), { minLength: 1, maxLength: 4 }),
        async (text, edits) => {
          let mutated = text;
          for (const [at, length, parts] of edits) {
            const start = at % (mutated.length + 1);
            mutated =
              mutated.slice(0, start) + parts.slice(0, 3).join('') + mutated.slice(start + length);
          }
          await expectOwnError(mutated);
        },
      ),
      { numRuns: runs },
    );
  });

  test('must make the loader throw anything but its own error: any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 5 }), async (json) => {
        await expectOwnError(json);
        await expectOwnError(`services: {a: ${json}}`);
        await expectOwnError(`services: {a: {image: x, deploy: ${json}, ports: ${json}}}`);
      }),
      { numRuns: runs },
    );
  });

  test('must make the readers of small texts throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        substitute(text, () => undefined);
        splitShellWords(text);
        parseDotenv(text, () => undefined);
      }),
      { numRuns: runs * 5 },
    );
  });
});

describe('interpolation', () => {
  test('a text whose dollars are doubled must come back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = text.replaceAll('$', '$$$$');
        expect(substitute(escaped, () => 'wrong')).toEqual({
          text,
          unset: [],
          implied: [],
          fault: undefined,
        });
      }),
    );
  });
});

describe('the validation', () => {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strictTypes: false });
  const check = ajv.compile(composeSchema());

  /** Places where ajv finds fault, in our words for paths. */
  const theirs = (value: unknown): readonly string[] => {
    check(value);
    const places = (check.errors ?? []).map(({ instancePath }) =>
      formatPath(
        instancePath
          .split('/')
          .slice(1)
          .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
          .map((step) => (/^\d+$/.test(step) ? Number(step) : step)),
      ),
    );
    return [...new Set(places)].sort();
  };

  const agree = (text: string): void => {
    const quiet = new Problems();
    const [root] = readYaml(text, 'f', quiet);
    if (root?.kind !== 'map' || quiet.errorCount > 0) return;
    const problems = new Problems();
    validate(root, problems);
    const accepted = problems.errorCount === 0;
    expect({ text, accepted }).toEqual({ text, accepted: theirs(toPlain(root)).length === 0 });
  };

  test('must accept what ajv accepts, and nothing else, in every case', () => {
    for (const { files } of cases) for (const text of Object.values(files)) agree(text);
  });

  test('must agree with ajv about mutated services', () => {
    const attributes = cases.map(({ name }) => name).filter((name) => /^[a-z_]+: /.test(name));
    const value = fc.constantFrom(
      '1',
      '"x"',
      '[a]',
      '[a, a]',
      '{}',
      '{a: b}',
      'null',
      'true',
      '-1.5',
    );
    const key = fc.constantFrom(...attributes.map((name) => name.split(':')[0] ?? ''));
    fc.assert(
      fc.property(key, value, (name, given) => {
        agree(`services: {a: {${name}: ${given}}}`);
        agree(`services: {a: {${name}: {${name}: ${given}}}}`);
        agree(`services: {a: {${name}: [${given}, ${given}]}}`);
        agree(`${name}: {a: ${given}}`);
      }),
      { numRuns: runs },
    );
  });
});
