import { OcupError } from '../../base/errors.ts';
import type { Descriptor } from '../../model/descriptor.ts';
import type { Reference } from '../../model/reference.ts';
import type { CallOptions, RegistryClient } from './client.ts';
import { type HttpResponse, connectionError, header } from './http.ts';
import { redactUrl } from './redact.ts';
import { Retries, TransientError } from './retry.ts';

/** So much progress shows that the way is not broken: tries are counted anew. */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * The bytes of a blob, in order and each once, whatever becomes of the connections: what breaks off goes on where it
 * stopped, also with a registry that always begins at the start, and at the next place where a mirror is at fault. Never
 * yields more than `descriptor.size` bytes; whoever reads checks the digest.
 *
 * @throws E_IMAGE_NOT_FOUND, E_IMAGE_DENIED, E_IMAGE_REGISTRY, E_IMAGE_DIGEST for a wrong size, E_CANCELLED
 */
export async function* readBlob(
  client: RegistryClient,
  reference: Reference,
  descriptor: Descriptor,
  options: CallOptions,
): AsyncGenerator<Buffer> {
  const { signal } = options;
  const retries = new Retries({ ...options, baseDelayMs: client.retryDelayMs });
  const elsewhere = foreignUrls(descriptor);
  let offset = 0;
  let countedFrom = 0;
  while (offset < descriptor.size) {
    const url = elsewhere[0];
    let response: HttpResponse | undefined;
    try {
      const at = { offset, signal, onNotice: options.onNotice };
      response = await (url === undefined
        ? client.openBlob(reference, descriptor.digest, at)
        : client.openUrl(url, reference, at));
      for await (const chunk of readFrom(response, descriptor, offset, signal)) {
        offset += chunk.length;
        yield chunk;
      }
      if (offset < descriptor.size) throw brokenOff(response, descriptor, offset);
    } catch (error) {
      // The registry itself is asked where none of the other places has the layer.
      if (url !== undefined && !signal.aborted) {
        elsewhere.shift();
        continue;
      }
      const isProgress = offset - countedFrom >= PROGRESS_BYTES;
      if (response !== undefined && !isProgress && client.passOver(response, error, options)) {
        continue;
      }
      if (isProgress) retries.reset();
      countedFrom = offset;
      await retries.pause(error);
    }
  }
}

/** What follows `offset` in the blob. */
async function* readFrom(
  response: HttpResponse,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  try {
    let at = startOf(response, offset);
    checkLength(response, descriptor, at);
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      if (at + chunk.length > descriptor.size) throw wrongSize(response, descriptor, 'more');
      const skipped = Math.min(Math.max(0, offset - at), chunk.length);
      at += chunk.length;
      if (skipped < chunk.length) yield skipped === 0 ? chunk : chunk.subarray(skipped);
    }
  } catch (error) {
    throw connectionError(error, response.url, signal);
  } finally {
    response.body.destroy();
  }
}

/** Where in the blob the answer begins: a range that was asked for may be ignored. */
function startOf(response: HttpResponse, offset: number): number {
  if (response.status === 200) return 0;
  const range = /^bytes (\d+)-/.exec(header(response, 'content-range') ?? '');
  const start = range === null ? offset : Number(range[1]);
  if (start <= offset) return start;
  throw new OcupError(
    'E_IMAGE_REGISTRY',
    `cannot use ${redactUrl(response.url)}: it answers with another range than it was asked for`,
  );
}

function checkLength(response: HttpResponse, descriptor: Descriptor, start: number): void {
  const length = header(response, 'content-length');
  if (length === undefined || start + Number(length) === descriptor.size) return;
  throw wrongSize(response, descriptor, `${start + Number(length)}`);
}

function wrongSize(response: HttpResponse, descriptor: Descriptor, found: string): OcupError {
  return new OcupError(
    'E_IMAGE_DIGEST',
    `${redactUrl(response.url)} is not the blob ${descriptor.digest}: it has ${found} bytes instead of ${descriptor.size}`,
  );
}

function brokenOff(response: HttpResponse, descriptor: Descriptor, offset: number): TransientError {
  return new TransientError(
    new OcupError(
      'E_IMAGE_REGISTRY',
      `cannot read ${redactUrl(response.url)}: it ends after ${offset} of ${descriptor.size} bytes`,
    ),
  );
}

/** Where a layer that a registry may not distribute is to be had. @see image-spec layer.md#non-distributable-layers */
function foreignUrls(descriptor: Descriptor): URL[] {
  if (!/foreign|nondistributable/.test(descriptor.mediaType)) return [];
  return (descriptor.urls ?? []).flatMap((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url?.protocol === 'https:' || url?.protocol === 'http:' ? [url] : [];
  });
}
