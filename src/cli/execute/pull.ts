import type { PullProgress } from '../../model/pull-progress.ts';
import { formatDuration } from '../format/duration.ts';
import type { Image } from '../../model/image.ts';
import type { ProgressEvent } from '../progress/progress.ts';
import type { TransferContext } from './steps.ts';

export interface PullRequest {
  readonly image: string;
  readonly platform: string | undefined;
  readonly policy: 'always' | 'missing' | 'never';
}

/** Pulls one image and tells its progress, layer by layer. @throws E_IMAGE_… with what the registry said */
export async function pullImage(
  request: PullRequest,
  { client, view, signal, timeline }: TransferContext,
): Promise<Image> {
  const { image, platform, policy } = request;
  const id = `Image ${image}`;
  view.show({ id, status: 'working', text: 'Pulling' });
  const pulled = await client.call(
    'image.pull',
    { image, platform, policy, environment: client.environment },
    {
      signal,
      onEvent(progress) {
        timeline?.addPull(image, progress);
        if (progress.kind === 'warning') view.warn(`${image}: ${progress.message}`);
        const event = pullEvent(id, progress);
        if (event !== undefined) view.show(event);
      },
    },
  );
  view.show({ id, status: 'done', text: 'Pulled' });
  return pulled;
}

const LAYER_WORDS = {
  waiting: 'Waiting',
  downloading: 'Downloading',
  unpacking: 'Extracting',
  exists: 'Already exists',
  done: 'Pull complete',
} as const;

/** How a pull's progress is shown, under the row `id`. */
export function pullEvent(id: string, progress: PullProgress): ProgressEvent | undefined {
  if (progress.kind === 'retry') {
    const details = `${progress.reason}, again in ${formatDuration(progress.delayMs).toLowerCase()}`;
    return { id, status: 'working', text: 'Pulling', details };
  }
  if (progress.kind !== 'layer') return undefined;
  const isDone = progress.status === 'done' || progress.status === 'exists';
  return {
    id: progress.digest.slice('sha256:'.length, 'sha256:'.length + 12),
    parentId: id,
    status: isDone ? 'done' : 'working',
    text: LAYER_WORDS[progress.status],
    current: isDone ? progress.totalBytes : progress.currentBytes,
    total: progress.totalBytes,
  };
}
