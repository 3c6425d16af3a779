import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isOcupError, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Networks } from '../network/networks.ts';
import type { ShimState } from '../wire/shim.ts';
import type { SupervisedContainer } from './container.ts';
import type { Containers } from './containers.ts';
import { failedExit, seenExit, unseenExit } from './exits.ts';
import { connectRequest, type Launcher } from './launcher.ts';
import { deleteByForce, type OciRuntime } from './oci-runtime.ts';
import { readShimExit, type ShimClient } from './shim-client.ts';

export interface RecoveryOptions {
  readonly containers: Containers;
  readonly launcher: Launcher;
  readonly networks: Networks;
  readonly shims: ShimClient;
  readonly logger: Logger;
  /** `<run>/containers` */
  readonly runFolder: string;
  /** For what has no record. */
  readonly runtime: () => Promise<OciRuntime>;
}

/**
 * Brings records and world together after an earlier supervisor has gone, however it went: live shims are
 * adopted, exits that nobody took note of are recorded once, broken-off starts and removals are undone, and
 * what has no record is swept away. Restarts that were due follow.
 */
export async function recover(options: RecoveryOptions): Promise<void> {
  const { containers, networks, logger } = options;
  await Promise.all(
    containers.all().map(async (container) => {
      try {
        await recoverOne(container, options);
      } catch (error) {
        logger.error(`container ${container.name}: cannot recover it: ${messageOf(error)}`);
      }
    }),
  );
  await sweepRunFolder(options);
  const live = containers.all().filter(({ phase }) => phase.status === 'running');
  await networks.sweep(live.map(({ id }) => id)).catch((error: unknown) => {
    logger.error(`cannot remove stray network interfaces: ${messageOf(error)}`);
  });
  for (const container of containers.all()) container.resumeRestart();
}

async function recoverOne(container: SupervisedContainer, options: RecoveryOptions): Promise<void> {
  const { launcher } = options;
  switch (container.phase.status) {
    case 'created':
    case 'exited':
    case 'waiting':
      // Its exit was recorded; freeing what it left may have been cut short.
      if (await hasRunFolder(container, launcher)) await launcher.release(container.record);
      return;
    case 'removing':
      await launcher.release(container.record);
      await options.containers.remove(container.id, true);
      return;
    case 'starting':
      await recoverStart(container, options);
      return;
    case 'running':
      await recoverRun(container, options);
      return;
  }
}

/** Started, but nobody noted that it runs: whether it does, the shim knows. */
async function recoverStart(
  container: SupervisedContainer,
  options: RecoveryOptions,
): Promise<void> {
  const state = await findState(container, options);
  if (state !== undefined && state.status !== 'created') {
    await container.recover({ kind: 'launched', pid: state.pid });
    await recoverRun(container, options);
    return;
  }
  await options.launcher.release(container.record);
  const error = new Error('the supervisor ended while it was starting');
  await container.recover({ kind: 'launch-failed', exit: failedExit(error) });
}

async function recoverRun(container: SupervisedContainer, options: RecoveryOptions): Promise<void> {
  const { launcher } = options;
  const state = await findState(container, options);
  if (state === undefined) {
    const noted = await readShimExit(launcher.paths(container.id).shimExit);
    // Nobody watches it any more: it must not run on.
    await launcher.release(container.record);
    const exit = noted === undefined ? unseenExit('nobody saw it end') : seenExit(noted);
    await container.recover({ kind: 'exited', exit });
    return;
  }
  if (state.exit !== undefined) {
    await container.recover({ kind: 'exited', exit: seenExit(state.exit) });
    return;
  }
  await adopt(container, options);
  if (state.status === 'paused') await container.recover({ kind: 'paused' });
  if (state.status === 'running') await container.recover({ kind: 'unpaused' });
}

async function adopt(container: SupervisedContainer, options: RecoveryOptions): Promise<void> {
  const { shims, networks, logger } = options;
  const running = new AbortController();
  container.adopt(shims.watch(container.id, running.signal), running);
  const { endpoints, ports } = container.lifeNow;
  const request = connectRequest(container.record, {
    pid: container.runningPid,
    endpoints,
    ports,
  });
  if (request === undefined) return;
  await networks.adopt(request).catch((error: unknown) => {
    logger.error(`container ${container.name}: cannot adopt its network: ${messageOf(error)}`);
  });
  // It may have ended meanwhile, and left its networks before it was on them.
  if (container.phase.status !== 'running') await networks.disconnect(container.id);
}

/** What its shim says; undefined when there is none. */
async function findState(
  { id }: SupervisedContainer,
  { shims, logger }: RecoveryOptions,
): Promise<ShimState | undefined> {
  try {
    return await shims.state(id);
  } catch (error) {
    if (!isOcupError(error)) throw error;
    if (error.code !== 'E_WIRE_CONNECT') {
      logger.warn(`the shim of ${id.slice(0, 12)} does not answer: ${error.message}`);
    }
    return undefined;
  }
}

async function hasRunFolder({ id }: SupervisedContainer, launcher: Launcher): Promise<boolean> {
  const names = await readdir(launcher.paths(id).runFolder).catch(() => undefined);
  return names !== undefined;
}

/** The runtime's folder has other things beside the states of containers. */
const ID = /^[0-9a-f]{64}$/;

/** Ends what runs without a record, as after somebody removed the data folder. */
async function sweepRunFolder(options: RecoveryOptions): Promise<void> {
  const { containers, networks, shims, logger, runFolder, runtime } = options;
  const known = new Set(containers.all().map(({ id }) => id));
  const states = await readdir((await runtime()).root).catch((): string[] => []);
  const found = new Set([...(await readdir(runFolder)), ...states.filter((name) => ID.test(name))]);
  for (const id of found) {
    if (known.has(id)) continue;
    logger.warn(`removing container ${id.slice(0, 12)}: it has no record`);
    try {
      await shims.call(id, 'delete', {}).catch(async (error: unknown) => {
        if (!isOcupError(error)) throw error;
        await deleteByForce(await runtime(), id);
      });
      await networks.disconnect(id);
      await rm(join(runFolder, id), { recursive: true, force: true });
    } catch (error) {
      logger.error(`cannot remove container ${id.slice(0, 12)}: ${messageOf(error)}`);
    }
  }
}
