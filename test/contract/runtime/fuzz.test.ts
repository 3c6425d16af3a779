import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { defaultSpec } from '../../support/bundle.ts';
import { fullSpec } from '../../support/full-spec.ts';
import { callProgram } from '../../support/runtime.ts';

const TARGET = resolve(import.meta.dirname, '../../../build/Sanitized/fuzz-config');
const SECONDS = 60;
const testWhenBuilt = existsSync(TARGET) ? test : test.skip;
const TITLE = existsSync(TARGET) ? '' : ' (build/Sanitized is not built)';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ocup-fuzz-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function writeCorpus(): string[] {
  const full = fullSpec();
  const documents = [defaultSpec(), full, full.process, full.linux.resources];
  return documents.map((document, index) => {
    const file = join(folder, `${index}.json`);
    writeFileSync(file, JSON.stringify(document));
    return file;
  });
}

describe('config.json that was changed at random', () => {
  testWhenBuilt(
    `never crashes its parsers${TITLE}`,
    async () => {
      const seed = String(Date.now() % 1_000_000_000);
      const crash = join(folder, 'crash');
      const args = [String(SECONDS), seed, crash, ...writeCorpus()];
      const { code, stdout, stderr } = await callProgram(TARGET, args, folder);
      const input = existsSync(crash) ? readFileSync(crash, 'latin1') : '';
      expect({ seed, code, stderr, input }).toEqual({ seed, code: 0, stderr: '', input: '' });
      const [, inputs = '0', edges = '0'] = /^(\d+) inputs, (\d+) edges/.exec(stdout) ?? [];
      // A target that is not watched, or that refuses everything at once, would find nothing either.
      expect(Number(inputs)).toBeGreaterThan(100);
      expect(Number(edges)).toBeGreaterThan(2000);
    },
    SECONDS * 1000 + 120_000,
  );
});
