import { type HttpResponse, header, headerValues } from './http.ts';
import { quoteServerText } from './redact.ts';

/** Fewer than this share of the pulls that a registry allows are worth a word. */
const LOW_SHARE = 0.1;

/** What an answer says that its user should know: a limit that is nearly reached, and warnings of the registry. */
export function noticesOf(response: HttpResponse): string[] {
  const limit = describeLimit(response, LOW_SHARE);
  // @see RFC 7234, section 5.5; distribution-spec spec.md#warnings: only code 299 without an agent counts
  const warnings = headerValues(response, 'warning').flatMap((value) => {
    const text = /^299 - "((?:[^"\\]|\\.)*)"/.exec(value)?.[1];
    return text === undefined ? [] : [quoteServerText(text.replace(/\\(.)/g, '$1'))];
  });
  return limit === undefined ? warnings : [limit, ...warnings];
}

/**
 * `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 7;w=21600` in words; undefined when the registry does not say,
 * or more than `share` of them are left.
 */
export function describeLimit(response: HttpResponse, share: number): string | undefined {
  const [limit, windowS] = numbersOf(header(response, 'ratelimit-limit'));
  const [remaining] = numbersOf(header(response, 'ratelimit-remaining'));
  if (limit === undefined || remaining === undefined || remaining > limit * share) return undefined;
  const window = windowS === undefined ? '' : ` in ${formatHours(windowS)}`;
  return `the registry allows ${limit} pulls${window}, ${remaining} are left`;
}

function numbersOf(value: string | undefined): [number | undefined, number | undefined] {
  const match = /^(\d+)(?:\s*;\s*w=(\d+))?/.exec(value ?? '');
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  return [number(match?.[1]), number(match?.[2])];
}

function formatHours(seconds: number): string {
  if (seconds % 3600 === 0) return seconds === 3600 ? 'an hour' : `${seconds / 3600} hours`;
  return `${seconds} seconds`;
}
