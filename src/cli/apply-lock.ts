import { basename } from 'node:path';
import { OcupError } from '../base/errors.ts';
import { findLock, lockPath } from '../compose/lock-file.ts';
import { pinImages } from '../compose/pin-images.ts';
import type { Project } from '../model/project.ts';
import type { Session } from './session.ts';

/**
 * The project with the images that its lock names; as it is where it has none. What the lock does not know is a
 * warning, and with `--locked` an error.
 *
 * @throws E_IMAGE_LOCK
 */
export async function applyLock(
  session: Session,
  project: Project,
  { isQuiet }: { readonly isQuiet: boolean },
): Promise<Project> {
  const path = lockPath(project);
  const { locked } = session.globals;
  const lock = await findLock(path);
  if (lock === undefined) {
    if (!locked) return project;
    throw drift(`cannot find ${path}, and --locked asks for it`, 'Write it: ocup lock.');
  }
  const pinned = pinImages(project, lock);
  const [first] = pinned.unlocked;
  if (first !== undefined) {
    const names = pinned.unlocked.join(', ');
    const message = `${names} ${pinned.unlocked.length === 1 ? 'is' : 'are'} not in ${basename(path)}`;
    if (locked) throw drift(message, 'Bring it up to date: ocup lock.');
    if (!isQuiet) session.warn(`${message}: ocup lock adds what is missing`);
  }
  if (locked)
    for (const { image, digest } of pinned.local) await checkLocal(session, image, digest);
  return pinned.project;
}

/** A local source has no digest in its name: what it holds now is compared. */
async function checkLocal(session: Session, image: string, digest: string): Promise<void> {
  const client = await session.supervisor();
  const { environment } = client;
  const { signal } = session;
  const now = await client.call('image.resolve', { image, environment }, { signal });
  if (now.digest === digest) return;
  throw drift(`${image} has changed since it was locked`, `Lock it anew: ocup lock --update.`);
}

function drift(message: string, hint: string): OcupError {
  return new OcupError('E_IMAGE_LOCK', message, { hint });
}
