import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

import { OcupError } from '../../base/errors.ts';
import type { Descriptor } from '../../model/descriptor.ts';
import type { Reference } from '../../model/reference.ts';
import type { PushQuery, RegistryClient } from './client.ts';
import { type HttpResponse, header } from './http.ts';
import { redactUrl } from './redact.ts';
import { registryError } from './registry-error.ts';
import { Retries } from './retry.ts';

export interface UploadRequest {
  readonly client: RegistryClient;
  readonly reference: Reference;
  readonly blob: Descriptor;
  /** The file that holds it. */
  readonly path: string;
  /** A repository of the same registry that has the blob already. */
  readonly mountFrom: string | undefined;
  /** Larger blobs are sent in pieces of this size. */
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
  readonly onBytes: (total: number) => void;
  readonly onRetry: (reason: string, delayMs: number) => void;
}

/**
 * Sees to it that a repository has a blob: it is there, or it is taken over from another repository, or it is
 * uploaded, whole or in pieces. What breaks off goes on where the registry says it stopped, and else begins anew.
 *
 * @throws E_IMAGE_DENIED, E_IMAGE_REGISTRY, E_CANCELLED
 * @see distribution-spec spec.md#pushing-blobs
 */
export async function uploadBlob(
  request: UploadRequest,
): Promise<'exists' | 'mounted' | 'uploaded'> {
  const { client, signal, onRetry } = request;
  const retries = new Retries({ signal, onRetry, baseDelayMs: client.retryDelayMs });
  for (;;) {
    try {
      return await uploadOnce(request, retries);
    } catch (error) {
      await retries.pause(error);
    }
  }
}

async function uploadOnce(
  request: UploadRequest,
  retries: Retries,
): Promise<'exists' | 'mounted' | 'uploaded'> {
  const { blob, mountFrom, chunkBytes } = request;
  const present = await send(request, { method: 'HEAD', to: `blobs/${blob.digest}` }, [200, 404]);
  present.body.destroy();
  if (present.status === 200) return 'exists';
  const started = await begin(request, mountFrom);
  started.body.destroy();
  if (started.status === 201) return 'mounted';
  const location = locationOf(started);
  const least = Number(header(started, 'oci-chunk-min-length') ?? 0);
  const pieceBytes = Math.max(chunkBytes, Number.isSafeInteger(least) ? least : 0);
  if (blob.size <= pieceBytes) {
    await finish(request, location, { from: 0, to: blob.size });
  } else {
    await finish(request, await sendPieces(request, location, { pieceBytes, retries }), undefined);
  }
  request.onBytes(blob.size);
  return 'uploaded';
}

function begin(request: UploadRequest, mountFrom: string | undefined): Promise<HttpResponse> {
  const query =
    mountFrom === undefined
      ? ''
      : `?mount=${request.blob.digest}&from=${encodeURIComponent(mountFrom)}`;
  const headers = { 'content-length': '0' };
  const to = `blobs/uploads/${query}`;
  return send(request, { method: 'POST', to, headers, alsoPulls: mountFrom }, [201, 202]);
}

/** Piece after piece; the registry says where each goes. Gives the address that ends the upload. */
async function sendPieces(
  request: UploadRequest,
  first: URL,
  { pieceBytes, retries }: { readonly pieceBytes: number; readonly retries: Retries },
): Promise<URL> {
  const { size } = request.blob;
  let location = first;
  let from = 0;
  while (from < size) {
    const to = Math.min(from + pieceBytes, size);
    try {
      const response = await sendPiece(request, location, { from, to });
      response.body.destroy();
      location = locationOf(response);
      from = to;
    } catch (error) {
      await retries.pause(error);
      const state = await send(request, { method: 'GET', to: location }, [204, 404]);
      state.body.destroy();
      if (state.status === 404) throw error;
      location = header(state, 'location') === undefined ? location : locationOf(state);
      const next = nextByte(state);
      if (next > from) retries.reset();
      from = Math.min(next, size);
    }
  }
  return location;
}

interface Piece {
  readonly from: number;
  /** The first byte behind it. */
  readonly to: number;
}

function sendPiece(request: UploadRequest, location: URL, piece: Piece): Promise<HttpResponse> {
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(piece.to - piece.from),
    'content-range': `${piece.from}-${piece.to - 1}`,
  };
  const body = (): Readable => readPiece(request, piece);
  return send(request, { method: 'PATCH', to: location, headers, body }, [202]);
}

/** Ends an upload, with all of the blob unless its pieces were sent before. */
async function finish(
  request: UploadRequest,
  location: URL,
  piece: Piece | undefined,
): Promise<void> {
  const to = new URL(location);
  to.searchParams.set('digest', request.blob.digest);
  const length = piece === undefined ? 0 : piece.to - piece.from;
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(length),
  };
  const query: PushQuery = { method: 'PUT', to, headers };
  const body = (): Readable =>
    piece === undefined ? Readable.from([]) : readPiece(request, piece);
  const response = await send(request, length === 0 ? query : { ...query, body }, [201, 204]);
  response.body.destroy();
}

function readPiece({ path, signal, onBytes }: UploadRequest, { from, to }: Piece): Readable {
  const stream = createReadStream(path, {
    start: from,
    end: to - 1,
    highWaterMark: 256 * 1024,
    signal,
  });
  let total = from;
  stream.on('data', (chunk) => {
    total += chunk.length;
    onBytes(total);
  });
  stream.pause(); // listening made it flow
  return stream;
}

/** @throws what another answer than the expected ones means */
async function send(
  { client, reference, signal }: UploadRequest,
  query: PushQuery,
  expected: readonly number[],
): Promise<HttpResponse> {
  const response = await client.push(reference, query, signal);
  if (expected.includes(response.status)) return response;
  throw await registryError(response, { kind: 'upload', reference }, signal);
}

function locationOf(response: HttpResponse): URL {
  const location = header(response, 'location');
  if (location !== undefined && URL.canParse(location, response.url.href)) {
    const url = new URL(location, response.url);
    const isSafe = url.protocol === 'https:' || response.url.protocol === 'http:';
    if (isSafe && /^https?:$/.test(url.protocol)) return url;
  }
  throw new OcupError(
    'E_IMAGE_REGISTRY',
    `cannot use ${redactUrl(response.url)}: it does not say where an upload goes`,
  );
}

/** Behind `Range: 0-99` the next byte is 100. */
function nextByte(response: HttpResponse): number {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(header(response, 'range') ?? '')?.[1];
  if (last === undefined) return 0;
  return Number(last) === 0 ? 0 : Number(last) + 1;
}
