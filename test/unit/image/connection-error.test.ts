import { describe, expect, test } from '@jest/globals';
import { messageOf } from '../../../src/base/errors.ts';
import { connectionError } from '../../../src/image/registry/http.ts';

const URL_ASKED = new URL('https://registry.example/v2/app/manifests/1?sig=S3CRET');

describe('a connection that fails', () => {
  test.each([
    ['ENOTFOUND', 'no such host'],
    ['ECONNREFUSED', 'connection refused'],
    ['ENETUNREACH', 'there is no network on the way to it'],
    ['EHOSTUNREACH', 'there is no way to that host'],
    ['UND_ERR_HEADERS_TIMEOUT', 'it has been silent for too long'],
    ['EPIPE', 'write EPIPE'],
  ])('by %s is told as: %s', (code, words) => {
    const cause = Object.assign(new Error(`write ${code}`), { code });
    const error = connectionError(cause, URL_ASKED, new AbortController().signal);
    const message = messageOf(error);
    expect(message).toMatch(/^cannot reach https:\/\/registry\.example\/v2\/app\/manifests\/1/);
    expect(message.endsWith(`: ${words}`)).toBe(true);
    expect(message).not.toContain('S3CRET');
  });
});
