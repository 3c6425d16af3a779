import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { callProgram, isUnified, SANITIZED } from '../../support/runtime.ts';
import { CORPUS } from './corpus/all.ts';
import { folderOf } from './corpus-folder.ts';
import { runCorpusForReports } from './run-corpus.ts';

const LAYOUT = isUnified() ? 'v2' : 'v1';
const CASES = CORPUS.filter(({ only }) => only === undefined || only === LAYOUT);
const obstacle = SANITIZED.skipReason;
const suite = obstacle === undefined ? describe : describe.skip;

suite(`the same bundles under the sanitizers (${obstacle ?? 'ours only'})`, () => {
  let reports: ReadonlyMap<string, string> = new Map();
  beforeAll(async () => {
    reports = await runCorpusForReports(CASES, SANITIZED.path);
  }, 600_000);

  test.each(CASES.map(({ name }, index) => [name, index] as const))('%s', (_, index) => {
    expect(reports.get(folderOf(index)) ?? '').toBe('');
  });

  test('the build has the sanitizers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ocup-sanitized-'));
    const env = { ASAN_OPTIONS: 'help=1' };
    const { stderr } = await callProgram(SANITIZED.path, ['--version'], folder, { env });
    rmSync(folder, { recursive: true });
    expect(stderr).toContain('AddressSanitizer');
  });
});
