import type { PushProgress } from '../../model/transfer.ts';
import { formatDuration } from '../format/duration.ts';
import type { ProgressEvent } from '../progress/progress.ts';
import type { TransferContext } from './steps.ts';

export interface PushRequest {
  readonly image: string;
  readonly destination: string;
  readonly platform: string | undefined;
}

/** Pushes one image and tells its progress, blob by blob. @throws E_IMAGE_… with what the registry said */
export async function pushImage(
  request: PushRequest,
  { client, view, signal }: TransferContext,
): Promise<{ readonly digest: string; readonly sizeBytes: number }> {
  const id = `Image ${request.destination}`;
  view.show({ id, status: 'working', text: 'Pushing' });
  const pushed = await client.call(
    'image.push',
    { ...request, environment: client.environment },
    {
      signal,
      onEvent(progress) {
        if (progress.kind === 'warning') view.warn(`${request.destination}: ${progress.message}`);
        const event = pushEvent(id, progress);
        if (event !== undefined) view.show(event);
      },
    },
  );
  view.show({ id, status: 'done', text: 'Pushed' });
  return pushed;
}

const BLOB_WORDS = {
  waiting: 'Waiting',
  uploading: 'Pushing',
  exists: 'Layer already exists',
  mounted: 'Mounted',
  done: 'Pushed',
} as const;

function pushEvent(id: string, progress: PushProgress): ProgressEvent | undefined {
  if (progress.kind === 'retry') {
    const details = `${progress.reason}, again in ${formatDuration(progress.delayMs).toLowerCase()}`;
    return { id, status: 'working', text: 'Pushing', details };
  }
  if (progress.kind !== 'blob') return undefined;
  const isDone = progress.status !== 'waiting' && progress.status !== 'uploading';
  return {
    id: progress.digest.slice('sha256:'.length, 'sha256:'.length + 12),
    parentId: id,
    status: isDone ? 'done' : 'working',
    text: BLOB_WORDS[progress.status],
    current: progress.currentBytes,
    total: progress.totalBytes,
  };
}
