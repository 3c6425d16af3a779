import { allOrAbort } from '../../base/all-or-abort.ts';
import { isOcupError, OcupError } from '../../base/errors.ts';
import type { Container } from '../../model/container.ts';
import type { Project } from '../../model/project.ts';
import { isOneOff, serviceOf } from '../../plan/names.ts';
import type { SupervisorClient } from '../connection.ts';
import type { ProgressView } from '../progress/progress.ts';
import { timeNow, type TimelineRecorder } from './timeline-recorder.ts';
import { unhealthyText } from './conditions.ts';

export interface ReadyOptions {
  readonly client: SupervisorClient;
  readonly view: ProgressView;
  readonly project: Project;
  /** Names of services. */
  readonly services: ReadonlySet<string>;
  /** Undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
  /** Writes down how long each was waited for. */
  readonly timeline?: TimelineRecorder | undefined;
}

/**
 * Waits until each container of the services is what it shall be: healthy where it has a probe, ended with 0
 * where another service waits for that, else running. One that ended with 0 and is not restarted has done its
 * work, too.
 *
 * @throws E_CONTAINER_UNHEALTHY naming the first one that is not
 */
export async function awaitReady(
  containers: readonly Container[],
  options: ReadyOptions,
): Promise<void> {
  const wanted = containers.filter(
    (item) => options.services.has(serviceOf(item)) && !isOneOff(item),
  );
  const limit = options.timeoutMs === undefined ? [] : [AbortSignal.timeout(options.timeoutMs)];
  const signal = AbortSignal.any([options.signal, ...limit]);
  try {
    await allOrAbort(
      wanted.map((item) => (either) => awaitOne(item, { ...options, signal: either })),
      signal,
    );
  } catch (error) {
    if (!isOcupError(error, 'E_CANCELLED') || options.signal.aborted) throw error;
    const seconds = (options.timeoutMs ?? 0) / 1000;
    throw new OcupError('E_CONTAINER_UNHEALTHY', `application not healthy after ${seconds}s`, {
      hint: 'see what the services wrote: ocup logs',
    });
  }
}

async function awaitOne(container: Container, options: ReadyOptions): Promise<void> {
  const startMs = timeNow();
  await awaitContainer(container, options);
  const { name: subject } = container.config;
  if (container.health === 'none' && !isAwaitedToComplete(container, options.project)) return;
  options.timeline?.add({
    id: `ready ${subject}`,
    step: 'wait',
    subject,
    service: serviceOf(container),
    startMs,
    after: [`container.start ${subject}`],
  });
}

async function awaitContainer(container: Container, options: ReadyOptions): Promise<void> {
  const { client, view, signal } = options;
  const id = `Container ${container.config.name}`;
  if (container.state === 'restarting') {
    // Between two runs nothing can be said of its health.
    view.show({ id, status: 'working', text: 'Waiting' });
    const params = { container: container.id, condition: 'running' } as const;
    const result = await client.call('container.wait', params, { signal });
    await awaitContainer(result.container, options);
    return;
  }
  if (container.health !== 'none' && container.state !== 'exited') {
    view.show({ id, status: 'working', text: 'Waiting' });
    const params = { container: container.id, condition: 'healthy' } as const;
    const result = await client.call('container.wait', params, { signal });
    if (!result.isMet && !hasDoneItsWork(result.container)) throw notReady(view, result.container);
    view.show({ id, status: 'done', text: result.isMet ? 'Healthy' : 'Exited' });
    return;
  }
  if (isAwaitedToComplete(container, options.project)) {
    view.show({ id, status: 'working', text: 'Waiting' });
    const params = { container: container.id, condition: 'exited' } as const;
    const result = await client.call('container.wait', params, { signal });
    if (!hasDoneItsWork(result.container)) throw notReady(view, result.container);
    view.show({ id, status: 'done', text: 'Exited' });
    return;
  }
  if (container.state !== 'running' && !hasDoneItsWork(container)) throw notReady(view, container);
}

function isAwaitedToComplete(container: Container, project: Project): boolean {
  return project.services.some((service) =>
    service.dependsOn.some(
      (item) =>
        item.service === serviceOf(container) &&
        item.condition === 'service_completed_successfully',
    ),
  );
}

function hasDoneItsWork(container: Container): boolean {
  const { restart } = container.config;
  const isFinal = restart.kind === 'no' || restart.kind === 'on-failure';
  return container.state === 'exited' && container.exit?.code === 0 && isFinal;
}

function notReady(view: ProgressView, container: Container): OcupError {
  const message = unhealthyText(container);
  const { name } = container.config;
  view.show({ id: `Container ${name}`, status: 'error', text: 'Error', details: message });
  return new OcupError('E_CONTAINER_UNHEALTHY', message, {
    hint: `see what it wrote: ocup logs ${serviceOf(container)}`,
  });
}
