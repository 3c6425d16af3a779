import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { spreadSubfolders } from '../../../src/native/trees.ts';

const typeOf = (folder: string): string =>
  execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }).trim();

describe('spreadSubfolders', () => {
  const isExt4 = typeOf(tmpdir()).startsWith('ext');
  const on = isExt4 ? test : test.skip;

  on(`gives a folder of ext4 the attribute T${isExt4 ? '' : ' (no ext4 here)'}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'ocup-spread-'));
    try {
      const attributes = (): string =>
        execFileSync('lsattr', ['-d', folder], { encoding: 'utf8' }).split(' ')[0] ?? '';
      expect(attributes()).not.toContain('T');
      expect([spreadSubfolders(folder), spreadSubfolders(folder)]).toEqual([true, true]);
      expect(attributes()).toContain('T');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('says where there is nobody to tell', () => {
    expect([spreadSubfolders('/proc'), spreadSubfolders('/no/such/folder')]).toEqual([
      false,
      false,
    ]);
  });
});
