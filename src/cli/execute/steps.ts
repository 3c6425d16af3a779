import { type ErrorCode, isOcupError } from '../../base/errors.ts';
import { unreachable } from '../../base/unreachable.ts';
import type { Container } from '../../model/container.ts';
import type { PlannedAction } from '../../plan/action.ts';
import type { SupervisorClient } from '../connection.ts';
import { type OnHookLine, runPostStart, runPreStop } from './hooks.ts';
import { runPreStart } from './pre-start.ts';
import { pullImage } from './pull.ts';
import type { TimelineRecorder } from './timeline-recorder.ts';
import type { ProgressEvent, ProgressView } from '../progress/progress.ts';

/** What moving images needs. */
export interface TransferContext {
  readonly client: SupervisorClient;
  readonly view: ProgressView;
  /** Ends waits and transfers, which can be begun anew at any time. */
  readonly signal: AbortSignal;
  /** Writes down how far pulls are. */
  readonly timeline?: TimelineRecorder | undefined;
}

export interface StepContext extends TransferContext {
  /** Ends what the failure of something else must not break off. */
  readonly interrupt: AbortSignal;
  /** Whether each action is told with its cause. */
  readonly showsCauses?: boolean;
  /** Gets what hooks write, line by line; without it that is told only of one that fails. */
  readonly onHookLine?: OnHookLine | undefined;
}

/** What a step made or changed, where it is a container. */
export type StepResult = Container | undefined;

type StepOf<Kind extends PlannedAction['kind']> = Extract<PlannedAction, { readonly kind: Kind }>;

/** Carries out one action and tells its progress. @throws what the supervisor throws */
export async function runStep(action: PlannedAction, context: StepContext): Promise<StepResult> {
  const { client } = context;
  switch (action.kind) {
    case 'image.pull':
      await pullImage(action, context);
      return undefined;
    case 'image.remove':
      return removing(
        `Image ${action.image}`,
        context,
        ['E_IMAGE_NOT_FOUND', 'E_IMAGE_IN_USE'],
        () => client.call('image.remove', { image: action.image, force: false }),
      );
    case 'network.create':
      return making(`Network ${action.config.name}`, context, () =>
        client.call('network.create', { config: action.config }),
      );
    case 'network.remove':
      return removing(
        `Network ${action.name}`,
        context,
        ['E_NETWORK_NOT_FOUND', 'E_NETWORK_IN_USE'],
        () => client.call('network.remove', { name: action.name }),
      );
    case 'volume.create':
      return making(`Volume ${action.config.name}`, context, () =>
        client.call('volume.create', { config: action.config }),
      );
    case 'volume.remove':
      return removing(
        `Volume ${action.name}`,
        context,
        ['E_VOLUME_NOT_FOUND', 'E_VOLUME_IN_USE'],
        () => client.call('volume.remove', { name: action.name }),
      );
    case 'container.create':
      return createContainer(action, context);
    case 'container.replace':
      return replaceContainer(action, context);
    case 'container.keep':
      context.view.show({
        id: `Container ${action.name}`,
        status: 'done',
        text: action.hasEnded === true ? 'Exited' : 'Running',
      });
      return undefined;
    case 'container.remove':
      return removing(`Container ${action.name}`, context, ['E_CONTAINER_NOT_FOUND'], () =>
        client.call('container.remove', {
          container: action.container,
          force: action.force,
          volumes: action.volumes,
        }),
      );
    case 'container.prepare':
      await runPreStart(action, context);
      return undefined;
    case 'container.rename':
    case 'container.start':
    case 'container.unpause':
    case 'container.pause':
    case 'container.stop':
    case 'container.kill':
      return changeContainer(action, context);
    default:
      return unreachable(action);
  }
}

const CHANGE_WORDS = {
  'container.rename': ['Renaming', 'Renamed'],
  'container.start': ['Starting', 'Started'],
  'container.unpause': ['Unpausing', 'Unpaused'],
  'container.pause': ['Pausing', 'Paused'],
  'container.stop': ['Stopping', 'Stopped'],
  'container.kill': ['Killing', 'Killed'],
} as const;

type Change = StepOf<keyof typeof CHANGE_WORDS>;

async function changeContainer(action: Change, context: StepContext): Promise<Container> {
  const [before, after] = CHANGE_WORDS[action.kind];
  const id = `Container ${action.name}`;
  context.view.show({ id, status: 'working', text: before, details: causeOf(action, context) });
  if (action.kind === 'container.stop') {
    await runPreStop(action.preStop ?? [], action, context);
  }
  const { container, details } = await callChange(action, context.client);
  if (action.kind === 'container.start') await runPostStart(container, context);
  context.view.show({ id, status: 'done', text: after, details });
  return container;
}

/** Causes that a user has given or sees anyway. */
const PLAIN_CAUSES = ['new', 'replaced'];

function causeOf({ cause }: PlannedAction, context: StepContext): string | undefined {
  return context.showsCauses === true && !PLAIN_CAUSES.includes(cause) ? cause : undefined;
}

async function callChange(
  action: Change,
  client: SupervisorClient,
): Promise<{ readonly container: Container; readonly details: string | undefined }> {
  const { container } = action;
  const plain = (result: Container) => ({ container: result, details: undefined });
  switch (action.kind) {
    case 'container.rename':
      return plain(await client.call('container.rename', { container, name: action.newName }));
    case 'container.start':
      return plain(await client.call('container.start', { container }));
    case 'container.unpause':
      return plain(await client.call('container.unpause', { container }));
    case 'container.pause':
      return plain(await client.call('container.pause', { container }));
    case 'container.stop': {
      const { timeoutMs } = action;
      const result = await client.call('container.stop', { container, timeoutMs });
      return { container: result.container, details: result.reason };
    }
    case 'container.kill':
      return plain(await client.call('container.kill', { container, signal: action.signal }));
    default:
      return unreachable(action);
  }
}

async function createContainer(
  action: StepOf<'container.create'>,
  context: StepContext,
): Promise<Container> {
  const id = `Container ${action.finalName}`;
  const isReplacement = action.config.name !== action.finalName;
  const cause = isReplacement ? action.cause : undefined;
  context.view.show({
    id,
    status: 'working',
    text: isReplacement ? 'Recreate' : 'Creating',
    details: cause,
  });
  const container = await context.client.call('container.create', {
    config: action.config,
    inheritVolumesOf: action.inheritVolumesOf,
  });
  if (!isReplacement) context.view.show({ id, status: 'done', text: 'Created' });
  return container;
}

async function replaceContainer(
  action: StepOf<'container.replace'>,
  context: StepContext,
): Promise<Container> {
  const { client, view } = context;
  const { oldContainer, temporaryName, name, timeoutMs, preStop = [] } = action;
  await runPreStop(preStop, { container: oldContainer, name }, context);
  const stopped = await client.call('container.stop', { container: oldContainer, timeoutMs });
  try {
    await client.call('container.inheritLog', { container: temporaryName, from: oldContainer });
  } catch (error) {
    // Somebody has started one of them meanwhile: that is no reason not to go on.
    if (!isOcupError(error, 'E_CONTAINER_STATE')) throw error;
  }
  await client.call('container.remove', {
    container: oldContainer,
    force: true,
    // What the new container has taken over stays.
    volumes: action.removeVolumes,
  });
  const container = await client.call('container.rename', { container: temporaryName, name });
  view.show({
    id: `Container ${name}`,
    status: 'done',
    text: 'Recreated',
    details: stopped.reason,
  });
  return container;
}

async function making(
  id: string,
  { view }: StepContext,
  make: () => Promise<unknown>,
): Promise<undefined> {
  view.show({ id, status: 'working', text: 'Creating' });
  await make();
  view.show({ id, status: 'done', text: 'Created' });
}

const STILL_IN_USE: readonly ErrorCode[] = [
  'E_NETWORK_IN_USE',
  'E_VOLUME_IN_USE',
  'E_IMAGE_IN_USE',
];

/** What is gone already counts as removed, what others use stays with a warning; `accepted` says which of them. */
async function removing(
  id: string,
  { view }: StepContext,
  accepted: readonly ErrorCode[],
  remove: () => Promise<unknown>,
): Promise<undefined> {
  view.show({ id, status: 'working', text: 'Removing' });
  const end: ProgressEvent = { id, status: 'done', text: 'Removed' };
  try {
    await remove();
    view.show(end);
  } catch (error) {
    if (!isOcupError(error) || !accepted.includes(error.code)) throw error;
    view.show(
      STILL_IN_USE.includes(error.code)
        ? { ...end, status: 'warning', text: 'Resource is still in use' }
        : end,
    );
  }
}
