import { describe, expect, test } from '@jest/globals';
import { DETACH_KEYS, DetachFilter, parseDetachKeys } from '../../../src/cli/detach-keys.ts';

describe('keys that detach', () => {
  test.each([
    ['ctrl-p,ctrl-q', [16, 17]],
    ['ctrl-@', [0]],
    ['ctrl-\\', [28]],
    ['a,B', [97, 66]],
    ['', []],
  ])('%s', (text, bytes) => {
    expect(parseDetachKeys(text)).toEqual(bytes);
  });

  test.each(['ctrl-', 'ctrl-1', 'alt-a', 'a,,b'])('%s is refused', (text) => {
    expect(() => parseDetachKeys(text)).toThrow(/invalid key/);
  });

  /** What passes of chunks that are typed one after the other. */
  function type(...chunks: string[]): { passed: string; isDetached: boolean } {
    const filter = new DetachFilter(parseDetachKeys(DETACH_KEYS));
    let passed = '';
    for (const chunk of chunks) {
      const result = filter.push(Buffer.from(chunk));
      passed += result.passed.toString();
      if (result.isDetached) return { passed, isDetached: true };
    }
    return { passed, isDetached: false };
  }

  test('leave with what was typed before, in one piece or two', () => {
    expect(type('ls\u0010\u0011rest')).toEqual({ passed: 'ls', isDetached: true });
    expect(type('ls\u0010', '\u0011')).toEqual({ passed: 'ls', isDetached: true });
  });

  test('go on to the container when the sequence is not completed', () => {
    expect(type('\u0010a')).toEqual({ passed: '\u0010a', isDetached: false });
    expect(type('\u0010', '\u0010\u0011')).toEqual({ passed: '\u0010', isDetached: true });
    expect(type('\u0011')).toEqual({ passed: '\u0011', isDetached: false });
  });
});
