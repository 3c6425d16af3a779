import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { compareNaturally } from '../../../src/compose/natural-order.ts';
import { PROJECT } from '../../../src/compose/shapes.ts';
import { writeYaml } from '../../../src/compose/write-yaml.ts';

/** Texts, and how docker compose 2.40 writes them as a value. */
const TEXTS: readonly (readonly [text: string, written: string])[] = [
  ['', '""'],
  [' ', "' '"],
  ['a b', 'a b'],
  ['a ', "'a '"],
  ['a: b', "'a: b'"],
  ['a:b', 'a:b'],
  ['a #b', "'a #b'"],
  ['a#b', 'a#b'],
  ['- a', "'- a'"],
  ['-a', '-a'],
  ['---', "'---'"],
  ['?a', '?a'],
  ['*a', "'*a'"],
  ["it's", "it's"],
  ["'a'", "'''a'''"],
  ['a,b', 'a,b'],
  ['{a}', "'{a}'"],
  ['`a`', "'`a`'"],
  ['yes', '"yes"'],
  ['null', '"null"'],
  ['1', '"1"'],
  ['0o8', '0o8'],
  ['1_000', '"1_000"'],
  ['22:22', '"22:22"'],
  ['22:61', '22:61'],
  ['2024-01-01', '"2024-01-01"'],
  ['127.0.0.1', '127.0.0.1'],
  ['a\tb', '"a\\tb"'],
  ['é', 'é'],
  ['😀', '"\\U0001F600"'],
  ['a\x1bb', '"a\\eb"'],
  ['C:\\x', 'C:\\x'],
  ['a\nb', '|-\n  a\n  b'],
  ['a\nb\n', '|\n  a\n  b'],
  ['a\nb\n\n', '|+\n  a\n  b\n'],
  [' a\nb', '|2-\n   a\n  b'],
  ['\n', '|2+\n'],
  ['a \nb', '"a \\nb"'],
  ['a\nb ', '"a\\nb "'],
];

describe('writeYaml', () => {
  test.each(TEXTS)('must write %j as docker compose does', (text, written) => {
    expect(writeYaml({ a: text }, undefined)).toBe(`a: ${written}\n`);
  });

  test.each(TEXTS)('must write %j so that it reads back', (text) => {
    expect(parse(writeYaml({ a: [text, { b: text }] }, undefined))).toEqual({
      a: [text, { b: text }],
    });
  });

  test('must nest lists and maps on one line where YAML can', () => {
    const value = { a: [[1, [2]], { b: 1, c: [] }, {}], z: { y: null } };
    const text = 'a:\n  - - 1\n    - - 2\n  - b: 1\n    c: []\n  - {}\nz:\n  "y": null\n';
    expect(writeYaml(value, undefined)).toBe(text);
  });

  test('must keep the order of attributes, and put names in natural order', () => {
    const value = { services: { web10: { user: 'a', annotations: {} }, web2: null } };
    const text = 'services:\n  web2: null\n  web10:\n    user: a\n    annotations: {}\n';
    expect(writeYaml(value, PROJECT)).toBe(text);
  });

  test('must write a key of several lines behind a question mark', () => {
    const text = writeYaml({ 'a\nb': 1 }, undefined);
    expect(text).toBe('? |-\n  a\n  b\n: 1\n');
    expect(parse(text)).toEqual({ 'a\nb': 1 });
  });

  test('must write numbers as Go does', () => {
    expect(writeYaml([1, 1.5, 1e30, 1e-7, 123456789.5], undefined)).toBe(
      '- 1\n- 1.5\n- 1e+30\n- 1e-07\n- 1.234567895e+08\n',
    );
  });
});

test('compareNaturally must order runs of digits as numbers', () => {
  const sorted = '_ A a a-1 a00 a1 a1b a1-x a1.5 a01 a2 a10 a100 a101 a1000 a1001 a1010 b é'.split(
    ' ',
  );
  expect(sorted.toReversed().sort(compareNaturally)).toEqual(sorted);
});
