import { describe, expect, test } from '@jest/globals';
import { parseChallenges } from '../../../src/image/registry/challenge.ts';

describe('challenges', () => {
  test('parameters may be quoted and hold commas, equal signs and escapes', () => {
    const value =
      'Bearer realm="https://auth.example/token?a=1,2",service="a, \\"b\\"",scope="x:y:pull,push"';
    expect(parseChallenges([value])).toEqual([
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.example/token?a=1,2',
          service: 'a, "b"',
          scope: 'x:y:pull,push',
        },
      },
    ]);
  });

  test('one value may hold several, and there may be several values', () => {
    const values = [
      'Negotiate, Basic realm="a", BEARER Realm = "r" , error=insufficient_scope',
      'Digest nonce=x',
    ];
    expect(parseChallenges(values)).toEqual([
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'a' } },
      { scheme: 'bearer', parameters: { realm: 'r', error: 'insufficient_scope' } },
      { scheme: 'digest', parameters: { nonce: 'x' } },
    ]);
  });

  test.each(['', ',,', '"quoted"', 'Basic realm="open', '=x', 'a=b'])(
    '%j ends without an error',
    (value) => {
      expect(Array.isArray(parseChallenges([value]))).toBe(true);
    },
  );
});
