import { describe, expect, test } from '@jest/globals';
import { parseCopyPlace } from '../../../src/cli/copy-place.ts';

const parse = (text: string) => parseCopyPlace(text, '/home');

describe('an end of a copy', () => {
  test.each([
    ['web:/etc/x', { kind: 'service', service: 'web', path: '/etc/x' }],
    ['web:etc/x/.', { kind: 'service', service: 'web', path: '/etc/x/.' }],
    ['-', { kind: 'stream' }],
    ['file', { kind: 'local', path: '/home/file' }],
    ['.', { kind: 'local', path: '/home/.' }],
    ['./a:b', { kind: 'local', path: '/home/./a:b' }],
    ['/a:b/', { kind: 'local', path: '/a:b/' }],
  ])('%s', (text, place) => {
    expect(parse(text)).toEqual(place);
  });

  test.each(['', 'web:'])('%p is none', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});
