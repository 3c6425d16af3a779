import { describe, expect, test } from '@jest/globals';
import { OcupError, isOcupError } from '../../../src/base/errors.ts';
import { quoteServerText, redactUrl } from '../../../src/image/registry/redact.ts';
import { TransientError, parseRetryAfter, retrying } from '../../../src/image/registry/retry.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const failure = new OcupError('E_IMAGE_REGISTRY', 'overworked');

describe('Retry-After', () => {
  test.each([
    ['120', 120_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });
});

describe('trying again', () => {
  const options = {
    signal: new AbortController().signal,
    onRetry: () => undefined,
    baseDelayMs: 0,
  };

  test('ends with the failure after five tries', async () => {
    let tries = 0;
    const work = (): Promise<never> => {
      tries += 1;
      return Promise.reject(new TransientError(failure));
    };
    await expect(retrying(work, options)).rejects.toBe(failure);
    expect(tries).toBe(5);
  });

  test('does not try again what is not transient', async () => {
    let tries = 0;
    const work = (): Promise<never> => {
      tries += 1;
      return Promise.reject(failure);
    };
    await expect(retrying(work, options)).rejects.toBe(failure);
    expect(tries).toBe(1);
  });

  test('tells the reason and the pause, each twice as long', async () => {
    const told: [string, number][] = [];
    const work = (): Promise<never> => Promise.reject(new TransientError(failure));
    const onRetry = (reason: string, delayMs: number): void => void told.push([reason, delayMs]);
    await retrying(work, { ...options, onRetry, baseDelayMs: 4 }).catch(() => undefined);
    expect(told.map(([reason]) => reason)).toEqual(Array(4).fill('overworked'));
    told.forEach(([, delayMs], at) => {
      expect(delayMs).toBeGreaterThanOrEqual(3 * 2 ** at);
      expect(delayMs).toBeLessThanOrEqual(4 * 2 ** at);
    });
  });

  test('does not wait for a server that asks for more than a minute', async () => {
    const work = (): Promise<never> => Promise.reject(new TransientError(failure, 61_000));
    await expect(retrying(work, options)).rejects.toBe(failure);
  });

  test('a pause ends when the caller gives up', async () => {
    const abort = new AbortController();
    const work = (): Promise<never> => Promise.reject(new TransientError(failure, 50_000));
    const onRetry = (): void => abort.abort();
    const error: unknown = await retrying(work, {
      ...options,
      signal: abort.signal,
      onRetry,
    }).catch((e: unknown) => e);
    expect(isOcupError(error, 'E_CANCELLED')).toBe(true);
  });
});

describe('what may be shown', () => {
  test('addresses lose user, password, query and fragment', () => {
    expect(redactUrl('https://me:pw@host:1/a/b?X-Amz-Signature=s#f')).toBe('https://host:1/a/b?…');
    expect(redactUrl('http://host/')).toBe('http://host/');
  });

  test('what a server says is short and cannot move the cursor', () => {
    expect(quoteServerText('a\u001b[2J\nb\u009bc')).toBe('a [2J b c');
    expect(quoteServerText('x'.repeat(5000)).length).toBeLessThan(310);
  });
});
