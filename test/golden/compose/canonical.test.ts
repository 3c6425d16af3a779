import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { isOcupError } from '../../../src/base/errors.ts';
import { loadModel } from '../../../src/compose/load-project.ts';
import type { JsonObject } from '../../../src/model/project.ts';
import { type ComposeCase, readComposeCases } from '../../support/compose-cases.ts';
import { memoryFiles } from '../../support/compose-loading.ts';

const PATH = join(import.meta.dirname, 'canonical.expected.txt');
const cases = await readComposeCases();

/** The canonical model in one line, or the error; without what every case has. */
async function outcome(project: ComposeCase): Promise<string> {
  try {
    const { canonical, diagnostics } = await loadModel({
      workingDir: '/project',
      environment: project.environment,
      files: project.configFiles,
      profiles: project.profiles,
      sourceFiles: memoryFiles(project.files),
    });
    const warnings = diagnostics.map(({ path, message }) => `\n    warning: ${path}: ${message}`);
    return brief(canonical) + warnings.join('');
  } catch (error) {
    if (!isOcupError(error)) throw error;
    return `${error.code}\n${error.message}`.replaceAll('\n', '\n    ');
  }
}

function brief(canonical: JsonObject): string {
  const { name, networks, services, ...others } = canonical;
  const isPlain = name === 'project' && JSON.stringify(networks) === '{"default":{"name":"project_default"}}';
  const { b, ...rest } = services as Record<string, JsonObject>;
  const isPlainB = JSON.stringify(b) === '{"image":"y","networks":{"default":null}}';
  const shown = {
    ...(isPlain ? {} : { name, networks }),
    services: isPlainB ? rest : services,
    ...others,
  };
  return JSON.stringify(shown);
}

async function readExpected(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(PATH, 'utf8');
  const sections = text.split(/^### /m).slice(1);
  return new Map(
    sections.map((section): [string, string] => {
      const [name = '', ...lines] = section.trimEnd().split('\n');
      return [name, lines.join('\n').trim()];
    }),
  );
}

if (process.env['UPDATE_GOLDEN'] === '1') {
  let text = '';
  for (const project of cases) text += `### ${project.name}\n    ${await outcome(project)}\n`;
  await writeFile(PATH, text);
}

describe('the canonical model', () => {
  test('must be as agreed with docker compose in every case', async () => {
    const expected = await readExpected();
    expect([...expected.keys()].sort()).toEqual([...new Set(cases.map(({ name }) => name))].sort());
    const differing: string[] = [];
    for (const project of cases) {
      const actual = await outcome(project);
      if (actual !== expected.get(project.name))
        differing.push(`${project.name}\n  was ${expected.get(project.name) ?? ''}\n  is ${actual}`);
    }
    expect(differing).toEqual([]);
  });
});
