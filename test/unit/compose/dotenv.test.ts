import { describe, expect, test } from '@jest/globals';
import { parseDotenv, parseRawEnv } from '../../../src/compose/dotenv.ts';

const lookup = (name: string): string | undefined => (name === 'OUT' ? 'outside' : undefined);

function values(text: string): Record<string, string> {
  const { entries, fault } = parseDotenv(text, lookup);
  expect(fault).toBeUndefined();
  return Object.fromEntries(entries.map(({ name, value }) => [name, value]));
}

describe('parseDotenv', () => {
  test.each([
    ['A=1', { A: '1' }],
    ['A = 1 \n B=2', { A: '1', B: '2' }],
    ['export A=1\nexported=2', { A: '1', exported: '2' }],
    ['A: v', { A: 'v' }],
    ['A=b # c\nB=b#c\nC=#c', { A: 'b', B: 'b#c', C: '#c' }],
    ['A=\nB=""', { A: '', B: '' }],
    ["A='$OUT \\n'", { A: '$OUT \\n' }],
    ["A='it\\'s'", { A: "it's" }],
    ['A="a\\nb\\t\\"c\\" \\$OUT"', { A: 'a\nb\t"c" $OUT' }],
    ['A="a\\\\nb"', { A: 'a\\nb' }],
    ['A="two\nlines"', { A: 'two\nlines' }],
    ['A=$OUT ${NO:-d}', { A: 'outside d' }],
    ['A=1\nB=${A}2', { A: '1', B: '12' }],
    ['OUT=inside\nB=$OUT', { OUT: 'inside', B: 'outside' }],
    ['OUT\nNO', { OUT: 'outside' }],
    ['export OUT', { OUT: 'outside' }],
    ['A=1\nA=2', { A: '2' }],
    ['\uFEFFA=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['# only\n\n  # comments', {}],
    ['A="x" # c\nB="y"z', { A: 'x', B: 'y' }],
    ['A-B.c[0]=1', { 'A-B.c[0]': '1' }],
    ['A=a\\nb', { A: 'a\\nb' }],
  ])('%j must read as %j', (text, expected) => {
    expect(values(text)).toEqual(expected);
  });

  test.each([
    ['A=1\nB C=2', 2, 'key cannot contain a space'],
    ['A+B=1', 1, 'unexpected character "+" in variable name "A+B=1"'],
    ['A=1\n\nB="x', 3, 'unterminated quoted value "x'],
    ['A=${NO:?must be set}', 1, 'required variable NO is missing a value: must be set'],
    ['A=${}', 1, 'invalid template: "${}"'],
  ])('%j must fail at line %i', (text, line, message) => {
    expect(parseDotenv(text, lookup).fault).toMatchObject({ line, message });
  });

  test('each entry must know its line', () => {
    expect(parseDotenv('A=1\n\nB="x\ny"\nC=3', lookup).entries.map(({ line }) => line)).toEqual([
      1, 3, 5,
    ]);
  });
});

describe('parseRawEnv', () => {
  test('nothing in a value must be changed', () => {
    const { entries } = parseRawEnv('# c\nA="x" # y\nB=$OUT\n OUT\nC=\n', lookup);
    expect(entries.map(({ name, value }) => [name, value])).toEqual([
      ['A', '"x" # y'],
      ['B', '$OUT'],
      ['OUT', 'outside'],
      ['C', ''],
    ]);
  });

  test('a name with a blank must fail', () => {
    expect(parseRawEnv('A B=1', lookup).fault).toMatchObject({ line: 1 });
  });
});
