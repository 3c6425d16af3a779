import { access, constants } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf, OcupError } from '../base/errors.ts';
import { executablePath } from '../native/executables.ts';
import { onProcessExit, spawnProcess } from '../native/processes.ts';

/** An OCI runtime, and the folder where it keeps its states. */
export interface OciRuntime {
  /** Absolute. */
  readonly path: string;
  readonly root: string;
  /** Ocup's own. */
  readonly isOwn: boolean;
}

export interface RuntimeChoice {
  /** As in a config: a name or an absolute path; undefined: ocup's own. */
  readonly wanted: string | undefined;
  /** `PATH` to look names up in. */
  readonly searchPath: string | undefined;
  /** The folder for the states of ocup's own runtime; others get one beside it. */
  readonly root: string;
}

/** Names of ocup's own runtime. */
const OWN_NAMES: ReadonlySet<string> = new Set(['ocup', 'ocup-runtime']);

/** @throws E_CONTAINER_CREATE for a runtime that is not there */
export async function findRuntime(choice: RuntimeChoice): Promise<OciRuntime> {
  const { wanted, root } = choice;
  if (wanted === undefined || OWN_NAMES.has(wanted)) {
    return { path: executablePath('ocup-runtime'), root, isOwn: true };
  }
  const folders = wanted.startsWith('/') ? [''] : (choice.searchPath ?? '').split(':');
  for (const folder of folders) {
    const path = folder === '' ? wanted : join(folder, wanted);
    if (path.startsWith('/') && (await isExecutable(path))) {
      return { path, root: `${root}-${basename(path)}`, isOwn: false };
    }
  }
  throw new OcupError('E_CONTAINER_CREATE', `unknown or invalid runtime name: ${wanted}`, {
    hint: 'Install it, give its absolute path, or leave runtime out to use that of ocup.',
  });
}

/**
 * Ends a container whose shim is gone and removes its state from the runtime. One that the runtime does not
 * know is fine.
 * @throws E_CONTAINER_STATE when the runtime fails
 */
export async function deleteByForce(runtime: OciRuntime, id: string): Promise<void> {
  const args = [basename(runtime.path), '--root', runtime.root, 'delete', '--force', id];
  try {
    const { pid } = spawnProcess({
      path: runtime.path,
      args,
      env: { PATH: process.env['PATH'] ?? '' },
      cwd: '/',
      descriptors: {},
    });
    const { exitCode, signal } = await onProcessExit(pid);
    if (exitCode === 0) return;
    throw new Error(signal ?? `exit code ${exitCode ?? 'unknown'}`);
  } catch (cause) {
    const message = `cannot delete container ${id.slice(0, 12)} by ${runtime.path}: ${messageOf(cause)}`;
    throw new OcupError('E_CONTAINER_STATE', message, { cause });
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
