import { describe, expect, test } from '@jest/globals';
import { findProxy } from '../../../src/image/registry/proxies.ts';

const PROXY = { HTTPS_PROXY: 'http://proxy:3128', HTTP_PROXY: 'plain:8080' };

function proxyOf(url: string, env: Record<string, string> = {}): string | undefined {
  return findProxy(new URL(url), { ...PROXY, ...env })?.href;
}

describe('the proxy for an address', () => {
  test('is that of its scheme, in lower case before upper, with or without a scheme of its own', () => {
    expect(proxyOf('https://a.example/')).toBe('http://proxy:3128/');
    expect(proxyOf('http://a.example/')).toBe('http://plain:8080/');
    expect(proxyOf('https://a.example/', { https_proxy: 'http://lower:1' })).toBe(
      'http://lower:1/',
    );
    expect(findProxy(new URL('https://a.example'), { ALL_PROXY: 'http://all:1' })?.port).toBe('1');
    expect(findProxy(new URL('https://a.example'), {})).toBeUndefined();
  });

  test.each([
    ['*', 'https://a.example', true],
    ['example.com', 'https://example.com', true],
    ['example.com', 'https://a.example.com', true],
    ['example.com', 'https://badexample.com', false],
    ['.example.com', 'https://example.com', false],
    ['.example.com', 'https://a.example.com', true],
    ['*.example.com', 'https://a.example.com', true],
    ['example.com:5000', 'https://example.com:5000', true],
    ['example.com:5000', 'https://example.com', false],
    ['example.com:443', 'https://example.com', true],
    ['10.0.0.0/8', 'https://10.1.2.3:5000', true],
    ['10.0.0.0/8', 'https://11.1.2.3', false],
    ['10.1.2.3', 'https://10.1.2.3', true],
    ['fd00::/8', 'https://[fd12::1]', true],
    ['fd00::/8', 'https://[fe12::1]', false],
    ['other.example, A.Example', 'https://a.example', true],
    ['10.0.0.0/99', 'https://10.1.2.3', false],
  ])('with NO_PROXY=%s for %s: none is %s', (noProxy, url, isExempt) => {
    expect(proxyOf(url, { NO_PROXY: noProxy }) === undefined).toBe(isExempt);
  });

  test.each([
    ['ftp://me:S3CRET@x:1', 'it is not an address'],
    ['socks4://me:S3CRET@x:1', 'it is not an address'],
    ['http://me:S3CRET@', 'it is not an address'],
    ['socks5://', 'it is not an address'],
    ['http://me:100%S3CRET@x:1', 'is to be written %25'],
  ])('%s is refused without being shown', (proxy, says) => {
    const find = () => findProxy(new URL('https://a.example'), { ALL_PROXY: proxy });
    expect(find).toThrow(says);
    expect(find).toThrow('cannot use the proxy in ALL_PROXY');
    expect(find).not.toThrow('S3CRET');
  });
});
