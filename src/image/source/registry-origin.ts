import { OcupError, messageOf } from '../../base/errors.ts';
import type { Reference } from '../../model/reference.ts';
import { ACCEPTED_MEDIA_TYPES, MAX_DOCUMENT_BYTES, checkDigest } from '../documents.ts';
import type { RegistryClient } from '../registry/client.ts';
import { readBlob } from '../registry/read-blob.ts';
import type { Origin } from './origin.ts';

/** A repository of a registry. */
export function registryOrigin(client: RegistryClient, reference: Reference): Origin {
  return {
    resolve: (call) => client.resolve(reference, call),
    async document(descriptor, call) {
      if (ACCEPTED_MEDIA_TYPES.some((type) => type === descriptor.mediaType)) {
        return client.manifest(reference, descriptor, call);
      }
      if (descriptor.size > MAX_DOCUMENT_BYTES) {
        throw new OcupError(
          'E_IMAGE_FORMAT',
          `cannot read ${descriptor.digest}: it is larger than ${MAX_DOCUMENT_BYTES} bytes`,
        );
      }
      for (;;) {
        const chunks: Buffer[] = [];
        for await (const chunk of readBlob(client, reference, descriptor, call)) chunks.push(chunk);
        const bytes = Buffer.concat(chunks);
        try {
          checkDigest(bytes, descriptor);
          return bytes;
        } catch (error) {
          const { digest } = descriptor;
          if (!client.distrust(reference, digest, messageOf(error), call)) throw error;
        }
      }
    },
    blob: (descriptor, call) => readBlob(client, reference, descriptor, call),
    distrust: ({ digest }, reason, call) => client.distrust(reference, digest, reason, call),
    isMisled: () => client.isMisled(reference),
    close: () => Promise.resolve(),
  };
}
