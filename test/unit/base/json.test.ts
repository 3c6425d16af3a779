import { describe, expect, test } from '@jest/globals';
import { formatJson } from '../../../src/base/json.ts';

describe('JSON with big numbers', () => {
  test('a bigint keeps all its digits', () => {
    expect(formatJson({ hard: 18446744073709551615n })).toBe('{"hard":18446744073709551615}');
  });

  test('everything else is as JSON.stringify writes it', () => {
    const value = {
      text: 'a"b\n\u2028',
      list: [1, -0.5, null, undefined, [], {}],
      none: undefined,
      nested: { yes: true, no: false },
    };
    expect(formatJson(value)).toBe(JSON.stringify(value));
  });
});
