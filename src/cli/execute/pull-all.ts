import { allOrAbort } from '../../base/all-or-abort.ts';
import { isOcupError, messageOf, toError } from '../../base/errors.ts';
import type { Image } from '../../model/image.ts';
import type { PullListResult } from '../progress/pull-list.ts';
import type { ProgressView } from '../progress/progress.ts';
import type { Session } from '../session.ts';
import { pullImage, type PullRequest } from './pull.ts';

export interface PullAllOptions {
  readonly isQuiet: boolean;
  /** Goes on when one fails. On a terminal all go on. */
  readonly isForgiving: boolean;
}

/**
 * Pulls all at once and shows how far each is: as a task list on a terminal, else as `--progress` says.
 * Without `isForgiving` the first failure may cancel the others. What failed is in the result.
 */
export async function pullAll(
  session: Session,
  requests: readonly PullRequest[],
  options: PullAllOptions,
): Promise<PullListResult<Image>> {
  const { signal } = session;
  const client = await session.supervisor();
  const screen = session.findScreen({ isQuiet: options.isQuiet });
  if (screen === undefined) return pullInView(session, requests, options);
  const { runPullList } = await import('../progress/pull-list.ts');
  const pulls = requests.map((request) => ({
    image: request.image,
    run: (view: ProgressView) => pullImage(request, { client, view, signal }),
  }));
  return runPullList(pulls, screen);
}

async function pullInView(
  session: Session,
  requests: readonly PullRequest[],
  { isQuiet, isForgiving }: PullAllOptions,
): Promise<PullListResult<Image>> {
  const client = await session.supervisor();
  const view = session.openView('pull', { isQuiet });
  const failures: Error[] = [];
  const pullOne = async (request: PullRequest, signal: AbortSignal): Promise<Image[]> => {
    try {
      return [await pullImage(request, { client, view, signal })];
    } catch (error) {
      failures.push(toError(error));
      if (isOcupError(error, 'E_CANCELLED')) throw error;
      const details = messageOf(error);
      view.show({ id: `Image ${request.image}`, status: 'error', text: 'Error', details });
      if (!isForgiving) throw error;
      return [];
    }
  };
  try {
    const works = requests.map((request) => (signal: AbortSignal) => pullOne(request, signal));
    const pulled = await allOrAbort(works, session.signal);
    return { pulled: pulled.flat(), failures };
  } catch {
    // Each failure has been noted as it came.
    return { pulled: [], failures };
  } finally {
    view.end();
  }
}
