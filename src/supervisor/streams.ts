import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { OcupError } from '../base/errors.ts';
import { buildExecProcess } from '../bundle/exec-process.ts';
import { parseSpec } from '../bundle/format-spec.ts';
import { resolveUser, type ResolvedUser } from '../bundle/resolve-user.ts';
import { readFile } from 'node:fs/promises';
import type { SpecHost } from '../model/spec-host.ts';
import type { FrameStream } from '../wire/frame-stream.ts';
import type { ExecParams } from '../wire/protocol.ts';
import type { StreamCall } from '../wire/server.ts';
import type { SupervisedContainer } from './container.ts';
import type { ShimClient } from './shim-client.ts';

export interface ExecContext {
  readonly shims: ShimClient;
  readonly specPath: string;
  readonly host: () => Promise<SpecHost>;
}

/**
 * Runs a further process in a container for a caller, until it ends or the caller hangs up.
 * @throws E_CONTAINER_STATE when it does not run, E_BUNDLE_USER, E_CONTAINER_EXEC_…
 */
export async function execInContainer(
  container: SupervisedContainer,
  params: ExecParams,
  context: ExecContext & { readonly call: StreamCall },
): Promise<void> {
  const { phase } = container;
  const pid = container.runningPid;
  if (phase.status === 'running' && phase.isPaused) {
    throw new OcupError(
      'E_CONTAINER_STATE',
      `container ${container.name} is paused, unpause the container before exec`,
    );
  }
  const spec = parseSpec(await readFile(context.specPath, 'utf8'));
  const user = await execUser(container, pid, params.user);
  const process = buildExecProcess(spec, params, user, await context.host());
  const { signal } = context.call;
  const { hasStdin, size } = params;
  const request = { process, hasStdin, timeoutMs: 0, size };
  const shim = await context.shims.openStream(container.id, 'exec', request, signal);
  container.tell({ action: 'exec', command: params.command });
  await relay(context.call.upgrade({}), shim);
}

/**
 * Joins a container's first process with a caller. One that does not run is waited for: the caller is
 * attached before its process runs, and misses nothing.
 */
export async function attachToContainer(
  container: SupervisedContainer,
  params: { readonly hasStdin: boolean },
  context: { readonly shims: ShimClient; readonly call: StreamCall },
): Promise<void> {
  const { shims, call } = context;
  const request = { hasStdin: params.hasStdin };
  const openShim = (): Promise<FrameStream> =>
    shims.openStream(container.id, 'attach', request, call.signal);
  if (container.phase.status === 'running') {
    const shim = await openShim();
    await relay(call.upgrade({}), shim);
    return;
  }
  const caller = call.upgrade({});
  const shim = await new Promise<FrameStream | undefined>((resolve) => {
    const cancel = container.whenCreated(async () => resolve(await openShim()));
    call.signal.addEventListener('abort', () => {
      cancel();
      resolve(undefined);
    });
  });
  if (shim !== undefined) await relay(caller, shim);
}

/** Carries frames both ways, each side no faster than the other takes them, until either has hung up. */
async function relay(caller: FrameStream, shim: FrameStream): Promise<void> {
  const inward = async (): Promise<void> => {
    for await (const { type, payload } of caller.frames) {
      // Input that nobody takes any more is no reason to lose the rest of the output.
      await shim.send(type, payload).catch(() => undefined);
    }
  };
  const outward = async (): Promise<void> => {
    for await (const { type, payload } of shim.frames) await caller.send(type, payload);
  };
  try {
    const hangUp = inward()
      .catch(() => undefined)
      .then(() => shim.close());
    await Promise.race([outward(), hangUp]);
  } finally {
    shim.close();
  }
}

/** The user asked for, else that of the container. */
async function execUser(
  container: SupervisedContainer,
  pid: number,
  user: string | undefined,
): Promise<ResolvedUser> {
  const { record } = container;
  if (user === undefined) return record.user;
  const [passwd, group] = await Promise.all([readInside(pid, 'passwd'), readInside(pid, 'group')]);
  return resolveUser({ passwd, group }, user, record.config.groupAdd);
}

/** More is no list of users. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads a file of the container's `/etc`, as it is now. The container may have put a link there, which would
 * lead out of it: no link is followed. Undefined where there is no such plain file.
 */
async function readInside(pid: number, name: string): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    await using folder = await open(`/proc/${pid}/root/etc`, flags | constants.O_DIRECTORY);
    await using file = await open(`/proc/self/fd/${folder.fd}/${name}`, flags);
    const status = await file.stat();
    if (!status.isFile() || status.size > MAX_FILE_BYTES) return undefined;
    return await file.readFile('utf8');
  } catch {
    return undefined;
  }
}
