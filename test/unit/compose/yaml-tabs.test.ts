import { describe, expect, test } from '@jest/globals';
import { findTabIndent } from '../../../src/compose/yaml-tabs.ts';

describe('findTabIndent', () => {
  test.each([
    ['on a line of its own', 'a:\n  b: c\n\t\n  d: e\n', 10],
    ['right behind the indentation', 'a:\n  b: c\n  \t\n  d: e\n', 12],
    ['after a quoted text', 'a: "b"\n    \t\nc: d\n', 11],
    ['after a remark', 'a: b # c\n    \t\nd: e\n', 13],
    ['after a key', 'a:\n\tb: c\n', 3],
    ['after a list in brackets', 'a: [b]\n\t\n', 7],
    ['after a dash', 'a:\n  -\tb\n', 6],
    ['at the start', '\ta: b\n', 0],
    ['at the end', 'a: b\n\t', 5],
  ])('must find a tab %s', (_, text, offset) => expect(findTabIndent(text)).toBe(offset));

  test.each([
    ['behind a value', 'a:\t\n  b: c\t\n  d: "e"\t# f\n'],
    ['where a plain text could go on', 'a:\n  b: c\n   \t\n  d: e\n'],
    ['where an item of a list could go on', 'a:\n  - b\n   \t\n  - c\n'],
    ['in brackets', 'a: [\n\tb,\n\t\n\tc\n  ]\n'],
    ['in quotes', 'a: "b\n\tc"\n'],
    ['in a text of many lines', 'a: |\n  b\n\t\n  \tc\nd: e\n'],
  ])('must let a tab pass %s', (_, text) => expect(findTabIndent(text)).toBeUndefined());
});
