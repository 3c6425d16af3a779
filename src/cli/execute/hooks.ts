import { isOcupError, messageOf, OcupError } from '../../base/errors.ts';
import { LineSplitter } from '../../base/lines.ts';
import type { Container, Hook } from '../../model/container.ts';
import { FRAME } from '../../wire/frames.ts';
import type { FrameStream } from '../../wire/frame-stream.ts';
import { parseWireError } from '../../wire/wire-error.ts';
import type { StepContext } from './steps.ts';

export type HookOwner = Pick<Container, 'id' | 'config'>;

/** Gets a line that a hook of a container wrote. */
export type OnHookLine = (
  owner: HookOwner,
  line: { readonly stream: 'stdout' | 'stderr'; readonly text: string },
) => void;

/** So much of what a hook writes is told when it fails. */
const TOLD_BYTES = 2000;

/**
 * Runs the hooks of a container that has just started, one after the other.
 * @throws E_CONTAINER_HOOK for the first one that fails, with the last that it wrote; the container runs on
 */
export async function runPostStart(
  owner: Pick<Container, 'id' | 'config'>,
  context: StepContext,
): Promise<void> {
  const { id, config } = owner;
  for (const hook of config.hooks?.postStart ?? []) {
    await runHook({ hook, kind: 'post_start', container: id, name: config.name, owner }, context);
  }
}

/** Runs hooks before a stop. One that fails is a warning: what is to be stopped is stopped. */
export async function runPreStop(
  hooks: readonly Hook[],
  about: { readonly container: string; readonly name: string },
  context: StepContext,
): Promise<void> {
  for (const hook of hooks) {
    try {
      await runHook({ ...about, hook, kind: 'pre_stop' }, context);
    } catch (error) {
      if (isOcupError(error, 'E_CANCELLED')) throw error;
      // It may have ended by itself meanwhile.
      if (!isOcupError(error, 'E_CONTAINER_STATE')) context.view.warn(messageOf(error));
    }
  }
}

/** A hook that runs for the container `name`. */
export interface RunningHook {
  readonly kind: 'pre_start' | 'post_start' | 'pre_stop' | 'sync+exec';
  readonly name: string;
  /** Whose output it is shown with. */
  readonly owner?: HookOwner;
}

export interface HookRun extends RunningHook {
  readonly hook: Hook;
  readonly container: string;
}

/** Runs a hook inside its container. @throws E_CONTAINER_HOOK, E_CANCELLED, and what an exec throws */
export async function runHook(
  run: HookRun,
  context: Pick<StepContext, 'client' | 'signal' | 'onHookLine'>,
): Promise<void> {
  const { client, signal } = context;
  const { hook, container } = run;
  const stream = await client.stream(
    'container.exec',
    {
      container,
      command: hook.command,
      environment: hook.environment,
      user: hook.user,
      workingDir: hook.workingDir,
      hasTty: false,
      isPrivileged: hook.isPrivileged,
      hasStdin: false,
      size: undefined,
    },
    { signal },
  );
  await endOfHook(stream, run, context.onHookLine);
}

/**
 * Resolves when the hook has ended well, and closes the stream in any case.
 * @throws E_CONTAINER_HOOK with the last that it wrote, E_CANCELLED
 */
export async function endOfHook(
  stream: FrameStream,
  run: RunningHook,
  onHookLine: OnHookLine | undefined,
): Promise<void> {
  let written = '';
  const lines = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  const tell = (stream: 'stdout' | 'stderr', texts: readonly string[]): void => {
    if (run.owner === undefined) return;
    for (const text of texts) onHookLine?.(run.owner, { stream, text });
  };
  try {
    for await (const { type, payload } of stream.frames) {
      if (type === FRAME.stdout || type === FRAME.stderr) {
        written = (written + payload.toString('utf8')).slice(-TOLD_BYTES);
        const name = type === FRAME.stdout ? 'stdout' : 'stderr';
        tell(name, [...lines[name].push(payload)]);
      } else if (type === FRAME.exit) {
        for (const name of ['stdout', 'stderr'] as const) tell(name, restOf(lines[name]));
        checkExit(run, payload, written);
        return;
      } else if (type === FRAME.error) {
        throw parseWireError(JSON.parse(payload.toString('utf8')));
      }
    }
  } finally {
    stream.close();
  }
  throw new OcupError('E_WIRE_CLOSED', `the supervisor hung up during a hook of ${run.name}`);
}

/** What is left without a newline. */
function restOf(lines: LineSplitter): readonly string[] {
  const rest = lines.takeRest().toString('utf8');
  return rest === '' ? [] : [rest];
}

function checkExit({ kind, name }: RunningHook, payload: Buffer, written: string): void {
  const { exitCode } = JSON.parse(payload.toString('utf8')) as { readonly exitCode?: unknown };
  if (exitCode === 0) return;
  const said = written.trim() === '' ? '' : `: ${written.trim()}`;
  throw new OcupError(
    'E_CONTAINER_HOOK',
    `${kind} hook of ${name} exited with status ${String(exitCode)}${said}`,
  );
}
