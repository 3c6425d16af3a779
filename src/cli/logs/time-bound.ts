import { OcupError } from '../../base/errors.ts';
import { findDurationMs } from '../../base/units.ts';

/**
 * `--since` and `--until`: an RFC 3339 time, seconds since the epoch, or a duration before now, as RFC 3339.
 * @throws E_USAGE
 */
export function parseTimeBound(text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined || text === '') return undefined;
  const durationMs = findDurationMs(text);
  if (durationMs !== undefined && text !== '0') return new Date(nowMs - durationMs).toISOString();
  if (/^\d+(?:\.\d+)?$/.test(text)) return new Date(Number(text) * 1000).toISOString();
  const ms = Date.parse(text);
  if (!Number.isNaN(ms))
    return /\d{2}:\d{2}/.test(text) && text.endsWith('Z') ? text : new Date(ms).toISOString();
  throw new OcupError('E_USAGE', `invalid time ${JSON.stringify(text)}`, {
    hint: 'use a duration such as 10m, or a time such as 2026-01-31T12:00:00Z',
  });
}

/** `--tail`: a number of lines, `all` is undefined. @throws E_USAGE */
export function parseTail(text: string | undefined): number | undefined {
  if (text === undefined || text === 'all' || text === '-1') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new OcupError('E_USAGE', `invalid value ${JSON.stringify(text)} for --tail`, {
    hint: 'use a number of lines, or all',
  });
}
