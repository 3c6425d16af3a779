import { type CopyProcess, type CopyRoot, startCopy } from '../native/copy-process.ts';
import type { FrameStream } from '../wire/frame-stream.ts';
import { FRAME } from '../wire/frames.ts';
import type { CopyParams } from '../wire/protocol.ts';
import type { StreamCall } from '../wire/server.ts';
import { encodeError } from '../wire/wire-error.ts';
import type { SupervisedContainer } from './container.ts';
import type { Containers } from './containers.ts';
import type { Launcher } from './launcher.ts';

interface CopyContext {
  readonly launcher: Launcher;
  readonly call: StreamCall;
}

/**
 * Moves files between a caller and a container, whether it runs or not, as a tar stream. One that does not run
 * cannot start or be removed meanwhile. A caller that hangs up ends it.
 *
 * @throws E_CONTAINER_NOT_FOUND, E_CONTAINER_COPY
 */
export async function copyWithContainer(
  containers: Containers,
  params: CopyParams,
  context: CopyContext,
): Promise<void> {
  const container = containers.get(params.container);
  if (container.phase.status === 'running') {
    await copy(params, { pid: container.runningPid }, context.call);
    return;
  }
  await containers.whileHeld(container.id, async (held) => {
    await copy(params, await rootOf(held, context.launcher), context.call);
  });
}

async function rootOf(container: SupervisedContainer, launcher: Launcher): Promise<CopyRoot> {
  if (container.phase.status === 'running') return { pid: container.runningPid };
  await container.untilEnded(); // its overlay may still be on its way out
  return launcher.copyRoot(container.record);
}

async function copy(params: CopyParams, root: CopyRoot, call: StreamCall): Promise<void> {
  const { operation, path, followsLink, keepsOwner, isPlainArchive } = params;
  const process = startCopy({ operation, root, path, followsLink, keepsOwner, isPlainArchive });
  const caller = call.upgrade({});
  const onAbort = (): void => process.kill();
  call.signal.addEventListener('abort', onAbort, { once: true });
  let taken = Promise.resolve();
  try {
    if (operation === 'read') await sendOutput(process, caller);
    else taken = takeInput(process, caller);
    await process.done;
    await caller.send(FRAME.exit, JSON.stringify({ exitCode: 0 }));
  } catch (error) {
    process.kill();
    await caller.send(FRAME.error, JSON.stringify(encodeError(error))).catch(() => undefined);
  } finally {
    // Closing while input is on its way would take the answer back.
    await taken;
    call.signal.removeEventListener('abort', onAbort);
    caller.close();
  }
}

async function sendOutput(process: CopyProcess, caller: FrameStream): Promise<void> {
  for await (const chunk of process.output) await caller.send(FRAME.stdout, chunk as Buffer);
}

/** Until the caller has sent all or hung up; a copy that has failed does not take it any more. */
async function takeInput(process: CopyProcess, caller: FrameStream): Promise<void> {
  process.output.resume();
  try {
    for await (const { type, payload } of caller.frames) {
      if (type === FRAME.stdinEnd) {
        process.input.end();
        return;
      }
      if (type !== FRAME.stdin || process.input.destroyed) continue;
      if (!process.input.write(payload)) await roomIn(process);
    }
  } catch {
    // A damaged frame is a caller that broke off.
  }
  // An archive that breaks off must not pass for a whole one.
  process.kill();
}

function roomIn({ input }: CopyProcess): Promise<void> {
  return new Promise((resolve) => {
    input.once('drain', resolve);
    input.once('close', resolve);
  });
}
