import { allOrAbort } from '../base/all-or-abort.ts';
import { OcupError } from '../base/errors.ts';
import { Semaphore } from '../base/semaphore.ts';
import type { Descriptor } from '../model/descriptor.ts';
import type { Digest } from '../model/digest.ts';
import { type Reference, formatFamiliarReference } from '../model/reference.ts';
import type { PushProgress } from '../model/transfer.ts';
import { digestOf } from './documents.ts';
import type { ImageLayout } from './layout.ts';
import type { RegistryClient } from './registry/client.ts';
import { header } from './registry/http.ts';
import { registryError } from './registry/registry-error.ts';
import { retrying } from './registry/retry.ts';
import { uploadBlob } from './registry/upload-blob.ts';
import type { StoredImage } from './stored-image.ts';

export interface PushContext {
  readonly layout: ImageLayout;
  readonly client: RegistryClient;
  /** Where it goes; without a tag by digest alone. */
  readonly reference: Reference;
  /** A repository of the same registry that may have the blob. */
  readonly findMount: (digest: Digest) => string | undefined;
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PushProgress) => void;
}

/** How many blobs are on their way at once. */
const MAX_UPLOADS = 4;

/**
 * Pushes what is here of an image: blobs first, then manifests, then what the tag stands for. A push that breaks off
 * leaves the tag as it was.
 *
 * @throws E_IMAGE_DENIED, E_IMAGE_REGISTRY, E_IMAGE_STORE, E_CANCELLED
 * @see distribution-spec spec.md#push
 */
export async function pushImage(stored: StoredImage, context: PushContext): Promise<Descriptor> {
  const { reference, signal, onProgress } = context;
  const places = new Semaphore(MAX_UPLOADS);
  for (const blob of stored.blobs) onProgress(blobProgress(blob, 'waiting', 0));
  await allOrAbort(
    stored.blobs.map(
      (blob) => (either) =>
        places.run(() => pushBlob(blob, { ...context, signal: either }), either),
    ),
    signal,
  );
  for (const document of stored.documents) {
    const isTarget = document.digest === stored.target.digest;
    const name = isTarget ? (reference.tag ?? document.digest) : document.digest;
    await pushDocument(document, name, context);
  }
  return stored.target;
}

async function pushBlob(blob: Descriptor, context: PushContext): Promise<void> {
  const { layout, client, reference, findMount, chunkBytes, signal, onProgress } = context;
  const outcome = await uploadBlob({
    client,
    reference,
    blob,
    path: layout.blobPath(blob.digest),
    mountFrom: findMount(blob.digest),
    chunkBytes,
    signal,
    onBytes: (total) => onProgress(blobProgress(blob, 'uploading', total)),
    onRetry: (reason, delayMs) => onProgress({ kind: 'retry', reason, delayMs }),
  });
  onProgress(blobProgress(blob, outcome === 'uploaded' ? 'done' : outcome, blob.size));
}

async function pushDocument(
  document: Descriptor,
  name: string,
  context: PushContext,
): Promise<void> {
  const { layout, client, reference, signal, onProgress } = context;
  const body = await layout.findDocument(document);
  if (body === undefined) {
    throw new OcupError('E_IMAGE_STORE', `cannot push ${document.digest}: it is gone`, {
      hint: 'Pull the image again.',
    });
  }
  const headers = {
    'content-type': document.mediaType,
    'content-length': String(body.length),
  };
  const onRetry = (reason: string, delayMs: number): void =>
    onProgress({ kind: 'retry', reason, delayMs });
  const options = { signal, onRetry, baseDelayMs: client.retryDelayMs };
  await retrying(async () => {
    const query = { method: 'PUT', to: `manifests/${name}`, headers, body } as const;
    const response = await client.push(reference, query, signal);
    if (response.status < 200 || response.status > 299) {
      throw await registryError(response, { kind: 'upload', reference }, signal);
    }
    response.body.destroy();
    const stated = header(response, 'docker-content-digest');
    if (stated === undefined || stated === digestOf(body)) return;
    throw new OcupError(
      'E_IMAGE_DIGEST',
      `registry took ${formatFamiliarReference(reference)} as another digest: ${stated}`,
    );
  }, options);
}

function blobProgress(
  { digest, size }: Descriptor,
  status: (PushProgress & { kind: 'blob' })['status'],
  currentBytes: number,
): PushProgress {
  return { kind: 'blob', digest, status, currentBytes, totalBytes: size };
}
