import { existsSync } from 'node:fs';
import { copyFile, link, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { delay } from '../base/abort.ts';
import { findErrno } from '../base/errors.ts';
import type { Scope } from '../base/scope.ts';
import { hostPaths } from '../host/paths.ts';
import { readRootless } from '../host/rootless.ts';
import { connectSupervisor, type SupervisorClient } from './connection.ts';
import type { Session } from './session.ts';

/** As many as the owners of an image's files may be, beside the user's own id. */
const MIN_SUB_IDS = 65_535;
const END_TIMEOUT_MS = 10_000;

/**
 * A supervisor that is root of a user namespace with the user's subordinate ids, so that files keep their owners. Its store
 * holds the blobs that are here, and is gone with the scope. Undefined where the user is root, or has no such ids.
 *
 * @throws E_WIRE_CONNECT if it cannot be started
 * @see unshare(1), newuidmap(1)
 */
export async function openMappedSupervisor(
  { context, signal }: Session,
  scope: Scope,
): Promise<SupervisorClient | undefined> {
  if (context.uid === 0) return undefined;
  const { subUids, subGids, hasIdMappers, forbiddenBy } = await readRootless();
  const hasIds = Math.min(subUids, subGids) >= MIN_SUB_IDS && hasIdMappers;
  if (!hasIds || forbiddenBy !== undefined) return undefined;
  const { dataDir } = hostPaths(context.environment, context.uid);
  const folder = await mkdtemp(join(dataDir, 'mapped-'));
  scope.defer(() => waitForEnd(folder));
  await linkImages(join(dataDir, 'images'), join(folder, 'images'));
  const environment = {
    ...context.environment,
    OCUP_DATA_DIR: folder,
    OCUP_RUN_DIR: join(folder, 'run'),
  };
  const namespace = ['unshare', '--user', '--map-root-user', '--map-auto'];
  // Whoever is outside cannot remove what belongs to other ids.
  const wrapper = [...namespace, 'sh', '-c', '"$@"; rm -rf "$OCUP_DATA_DIR"', 'sh'];
  const client = await connectSupervisor({ ...context, environment }, signal, wrapper);
  scope.defer(() => client.call('system.shutdown', {}).then(() => undefined));
  return client;
}

/** Blobs never change once they have their name. */
async function linkImages(from: string, to: string): Promise<void> {
  const blobs = 'blobs/sha256';
  await mkdir(join(to, blobs), { recursive: true });
  for (const name of ['oci-layout', 'index.json']) await copyFile(join(from, name), join(to, name));
  for (const name of await readdir(join(from, blobs))) {
    try {
      await link(join(from, blobs, name), join(to, blobs, name));
    } catch (error) {
      if (findErrno(error) !== 'ENOENT') throw error; // removed meanwhile: it is fetched again
    }
  }
}

async function waitForEnd(folder: string): Promise<void> {
  for (let waitedMs = 0; existsSync(folder) && waitedMs < END_TIMEOUT_MS; waitedMs += 50) {
    await delay(50);
  }
  await rm(folder, { recursive: true, force: true });
}
