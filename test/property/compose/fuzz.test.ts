import { expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import { formatProject } from '../../../src/compose/format.ts';
import { formatDiagnostic } from '../../../src/compose/problems.ts';
import { readComposeCases } from '../../support/compose-cases.ts';
import { memoryFiles, model } from '../../support/compose-loading.ts';
import { randomFrom } from '../../support/random.ts';

const durationMs = Number(process.env['OCUP_FUZZ_MS'] ?? 60_000);
const seed = Number(process.env['OCUP_FUZZ_SEED'] ?? Date.now() % 1_000_000_007);
const cases = (await readComposeCases()).filter(({ files }) => Object.keys(files).length > 0);

/** What YAML, interpolation and the forms of attributes give a meaning to. */
const PIECES = [
  ...[' ', '  ', '\t', '\n', '\r', ':', ': ', '- ', "'", '"', '#', ' #', '&a ', '*a', '{', '}'],
  ...['[', ']', ',', '|', '>', '%', '@', '`', '$', '${', '${A:-', '$$', '~', '? ', '\\', '=', '/'],
  ...['---\n', '...\n', '<<: ', '!reset ', '!override ', '!!str ', '!!int ', 'null', '0', '-1'],
  ...['1e309', '0x', '99999999999999999999', 'true', '\0', '\u0007', '\ufeff', '\u2028', 'é', '😀'],
  ...['services:', 'extends: a', 'include: [compose.yaml]', 'service:a', '[]', '{}', '::', '..'],
];

function mutate(text: string, random: () => number): string {
  let made = text;
  const times = 1 + Math.floor(random() * 3);
  for (let i = 0; i < times; i += 1) {
    const at = Math.floor(random() * (made.length + 1));
    const piece = PIECES[Math.floor(random() * PIECES.length)] ?? '';
    const length = Math.floor(random() * 12);
    const choice = random();
    if (choice < 0.5) made = made.slice(0, at) + piece + made.slice(at);
    else if (choice < 0.7) made = made.slice(0, at) + made.slice(at + 1 + length);
    else if (choice < 0.85) made = made.slice(0, at) + piece + made.slice(at + length);
    else made = made.slice(0, at) + made.slice(at, at + 4 * length) + made.slice(at);
  }
  return made;
}

interface Outcome {
  /** What must not happen; undefined: all is well. */
  readonly fault: string | undefined;
  readonly isLoaded: boolean;
}

/** What loads must print, and load again; what does not must say where and why. */
async function attempt(files: Readonly<Record<string, string>>): Promise<Outcome> {
  const options = { profiles: ['*'], environment: { HOME: '/home/user', A: 'a' } };
  try {
    const loaded = await model({}, { ...options, sourceFiles: memoryFiles(files) });
    const text = formatProject(loaded, 'yaml');
    if (typeof text !== 'string' || text === '') return { fault: 'no text', isLoaded: true };
    return { fault: undefined, isLoaded: true };
  } catch (error) {
    if (!isOcupError(error)) return { fault: String((error as Error).stack), isLoaded: false };
    const { diagnostics } = error.details;
    // A name that comes from a variable stands at no place of a file.
    const isName = error.message.startsWith('invalid project name');
    const isKnown = Array.isArray(diagnostics) || isName || error.code === 'E_COMPOSE_NOT_FOUND';
    for (const item of Array.isArray(diagnostics) ? diagnostics : [])
      formatDiagnostic(item, '/project', (file) => files[file.slice(9)]?.split('\n'));
    const fault = isKnown ? undefined : `an error without diagnostics: ${error.message}`;
    return { fault, isLoaded: false };
  }
}

test(
  `no mutated file must bring down the loader (seed ${seed})`,
  async () => {
    const random = randomFrom(seed);
    const end = Date.now() + durationMs;
    let [runs, loads] = [0, 0];
    while (Date.now() < end) {
      const files = cases[Math.floor(random() * cases.length)]?.files ?? {};
      const paths = Object.keys(files);
      const chosen = paths[Math.floor(random() * paths.length)] ?? '';
      const mutated = { ...files, [chosen]: mutate(files[chosen] ?? '', random) };
      const { fault, isLoaded } = await attempt(mutated);
      // The seed is in the name; the files say it without another run.
      if (fault !== undefined) expect({ seed, runs, mutated, fault }).toBeUndefined();
      runs += 1;
      if (isLoaded) loads += 1;
    }
    console.log(`compose fuzz: seed ${seed}, ${runs} files, ${loads} of them load`);
    expect(loads).toBeGreaterThan(0);
    expect(runs - loads).toBeGreaterThan(0);
  },
  durationMs + 30_000,
);
