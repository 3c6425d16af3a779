import { expect, test } from '@jest/globals';
import { formatLock, parseLock } from '../../../src/compose/lock-file.ts';
import { parseDigest } from '../../../src/model/digest.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const lock = {
  images: {
    'registry.example/app:1': {
      digest,
      platforms: { 'linux/amd64': { manifest: digest, config: digest, diffIds: [digest] } },
    },
  },
};

test('the text of a lock gives the same lock, and that the same text', () => {
  const text = formatLock(lock);
  expect(parseLock(text, 'ocup.lock')).toEqual(lock);
  expect(formatLock(parseLock(text, 'ocup.lock'))).toBe(text);
});

test.each([
  ['{', /^cannot read \/p\/ocup\.lock: .*JSON/],
  ['null', /^cannot read \/p\/ocup\.lock: it is not an object$/],
  ['{"version":9,"images":{}}', /^cannot read \/p\/ocup\.lock: version is not 1$/],
  [
    formatLock(lock).replace('"digest"', '"digast"'),
    /: images\.registry\.example\/app:1\.digast is not a known field$/,
  ],
])('a lock that is damaged is an error with what to do: %j', (text, message) => {
  let thrown: unknown;
  try {
    parseLock(text, '/p/ocup.lock');
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({
    code: 'E_IMAGE_LOCK',
    message: expect.stringMatching(message),
    hint: 'Restore the file, or remove it and write it anew: ocup lock.',
  });
});
