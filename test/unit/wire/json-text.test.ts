import { expect, test } from '@jest/globals';
import { jsonText } from '../../../src/wire/json-text.ts';

test.each([
  undefined,
  null,
  'text',
  [],
  {},
  { list: [], flag: true },
  { list: [1, 2], none: undefined },
  { list: [Object.freeze({ a: 1, none: undefined }), Object.freeze({ 'b"': ['ü', null] })], n: 2 },
  { list: [Object.freeze({ a: 1 }), { b: 2 }] },
  { list: [Object.freeze({ a: 1 })], none: undefined },
])('gives what JSON.stringify gives: %j', (value) => {
  const expected = JSON.stringify(value ?? null);
  expect(jsonText(value)).toBe(expected);
  expect(jsonText(value)).toBe(expected);
});
