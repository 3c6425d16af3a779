import { OcupError } from '../../base/errors.ts';
import { type Reference, formatFamiliarReference } from '../../model/reference.ts';
import { type HttpResponse, header, readBody } from './http.ts';
import { describeLimit } from './rate-limit.ts';
import { quoteServerText, redactUrl } from './redact.ts';
import { TransientError, parseRetryAfter } from './retry.ts';

const MAX_ERROR_BYTES = 64 * 1024;
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Whether another try may meet another answer. */
export function isTransientStatus(status: number): boolean {
  return TRANSIENT_STATUS.has(status);
}

/** What a registry was asked for when it refused. */
export interface Wanted {
  readonly kind: 'manifest' | 'blob' | 'upload';
  readonly reference: Reference;
}

/**
 * The error that a refusal is, in the words that people know from Docker. Reads the body.
 * Gives a TransientError where another try may help.
 * @see distribution-spec spec.md#error-codes
 */
export async function registryError(
  response: HttpResponse,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Error> {
  const said = await readSaid(response, signal);
  const { reference } = wanted;
  const name = formatFamiliarReference(reference);
  const suffix = said === '' ? '' : `: ${said}`;
  switch (response.status) {
    case 401:
    case 403:
      return new OcupError(
        'E_IMAGE_DENIED',
        `${wanted.kind === 'upload' ? 'push' : 'pull'} access denied for ${repositoryOf(reference)}, repository does not exist or may require a login${suffix}`,
        {
          hint: `Check the name, or log in: ocup login ${reference.domain}`,
        },
      );
    case 404:
      if (wanted.kind === 'upload') return statusError(response, `push ${name}`, suffix);
      return wanted.kind === 'blob'
        ? new OcupError(
            'E_IMAGE_NOT_FOUND',
            `cannot pull ${name}: the registry lacks one of its blobs${suffix}`,
          )
        : new OcupError(
            'E_IMAGE_NOT_FOUND',
            `manifest for ${name} not found: ${said || 'manifest unknown'}`,
            {
              hint: 'Check the name and the tag.',
            },
          );
    default:
      return statusError(response, `${wanted.kind === 'upload' ? 'push' : 'pull'} ${name}`, suffix);
  }
}

function statusError(response: HttpResponse, what: string, suffix: string): Error {
  const { status } = response;
  const isLimited = status === 429;
  const failure = new OcupError(
    'E_IMAGE_REGISTRY',
    isLimited
      ? `cannot ${what}: toomanyrequests${suffix}`
      : `cannot ${what}: unexpected status ${status} from ${redactUrl(response.url)}${suffix}`,
    { hint: isLimited ? limitHint(response) : undefined },
  );
  if (!isTransientStatus(status)) return failure;
  return new TransientError(failure, parseRetryAfter(header(response, 'retry-after'), Date.now()));
}

function limitHint(response: HttpResponse): string {
  const limit = describeLimit(response, 1);
  const told = limit === undefined ? '' : ` Here ${limit}.`;
  return `Wait, or log in: registries allow more to those they know.${told}`;
}

function repositoryOf(reference: Reference): string {
  return formatFamiliarReference({ ...reference, tag: undefined, digest: undefined });
}

/** `manifest unknown`, `toomanyrequests: You have reached …`: the messages in the body, where it has the form of the spec. */
async function readSaid(response: HttpResponse, signal: AbortSignal): Promise<string> {
  let body: string;
  try {
    body = (await readBody(response, MAX_ERROR_BYTES, signal)).toString('utf8');
  } catch {
    return '';
  }
  try {
    return quoteServerText(parseErrors(JSON.parse(body)).join('; '), response.secrets);
  } catch {
    return /^\s*</.test(body) ? '' : quoteServerText(body, response.secrets);
  }
}

function parseErrors(value: unknown): string[] {
  const { errors, details } = value as { errors?: unknown; details?: unknown };
  if (!Array.isArray(errors)) return typeof details === 'string' ? [details] : [];
  return errors.map((item: unknown) => {
    const { code, message } = item as { code?: unknown; message?: unknown };
    return typeof message === 'string' && message !== '' ? message : String(code);
  });
}
