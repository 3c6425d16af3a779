import { types } from 'node:util';

import { delay } from '../../base/abort.ts';
import { type OcupError, findErrno } from '../../base/errors.ts';

/** A failure that another try may not meet. `failure` is what the user is told when tries run out. */
export class TransientError extends Error {
  readonly failure: OcupError;
  /** How long the server asked to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(failure: OcupError, retryAfterMs?: number) {
    super(failure.message, { cause: failure });
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly onRetry: (reason: string, delayMs: number) => void;
  /** Of the first pause; each further one is twice as long. */
  readonly baseDelayMs: number;
}

const MAX_TRIES = 5;
const MAX_DELAY_MS = 60_000;

/** Counts tries and pauses between them, twice as long each time, or as long as the server asked for. */
export class Retries {
  private count = 0;
  private readonly options: RetryOptions;

  constructor(options: RetryOptions) {
    this.options = options;
  }

  /** Something was achieved: the count starts anew. */
  reset(): void {
    this.count = 0;
  }

  /**
   * Pauses before the next try. @throws what failed, if it is not transient or has failed too often; E_CANCELLED
   */
  async pause(error: unknown): Promise<void> {
    if (!(error instanceof TransientError)) throw error;
    this.count += 1;
    const asked = error.retryAfterMs;
    if (this.count >= MAX_TRIES || (asked ?? 0) > MAX_DELAY_MS) throw error.failure;
    const growing = Math.min(this.options.baseDelayMs * 2 ** (this.count - 1), MAX_DELAY_MS);
    const delayMs = asked ?? growing * (0.75 + Math.random() / 4);
    this.options.onRetry(error.message, delayMs);
    await delay(delayMs, this.options.signal);
  }
}

/** Runs `work` until it succeeds or fails for good. */
export async function retrying<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const retries = new Retries(options);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await retries.pause(error);
    }
  }
}

/** Milliseconds in `Retry-After`: seconds or a date. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RESPONSE',
]);

/** Whether a failed connection may work the next time. */
export function isTransientCode(error: unknown): boolean {
  const code = findErrorCode(error);
  return code !== undefined && (TRANSIENT_CODES.has(code) || code.startsWith('HPE_'));
}

/** The code of a network error or of what caused it. */
export function findErrorCode(error: unknown): string | undefined {
  if (!types.isNativeError(error)) return undefined;
  const code = findErrno(error) ?? ('code' in error ? String(error.code) : undefined);
  return code ?? findErrorCode(error.cause);
}
