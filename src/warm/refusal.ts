import { isAbsolute } from 'node:path';
import type { Request } from './request.ts';

/** What the command host is, as far as it matters to commands. */
export interface HostIdentity {
  readonly build: string;
  readonly view: string;
  readonly user: string;
  /** That local times are written in. */
  readonly timeZone: string | undefined;
}

/** They look at the very process that runs them. */
const OF_THE_PROCESS = ['doctor'];
/** Taken from the folder of the process where they are relative. */
const FOLDER_VARIABLES = ['OCUP_DATA_DIR', 'OCUP_RUN_DIR', 'XDG_DATA_HOME', 'XDG_RUNTIME_DIR'];

/**
 * Why a command cannot run here but needs a Node.js of its own; undefined where it can. What belongs to a process and
 * matters to a command must be the same for both.
 */
export function findRefusal(request: Request, host: HostIdentity): string | undefined {
  const { environment } = request;
  if (request.build !== host.build) return 'another build';
  if (request.view !== host.view) return 'another view of the file system';
  if (!isSameUser(request.user, host.user)) return 'another user';
  if (environment['TZ'] !== host.timeZone) return 'another time zone';
  if (request.argv.some((word) => OF_THE_PROCESS.includes(word))) return 'about the process';
  const relative = FOLDER_VARIABLES.find((name) => {
    const folder = environment[name] ?? '';
    return folder !== '' && !isAbsolute(folder);
  });
  return relative === undefined ? undefined : `${relative} is relative`;
}

/** Groups are a set, which has the effective group in it or has not. */
function isSameUser(one: string, other: string): boolean {
  return normalise(one) === normalise(other);
}

function normalise(user: string): string {
  const [uid = '', groups = ''] = user.split(':');
  const [own = ''] = groups.split(',');
  return `${uid}:${own}:${[...new Set(groups.split(','))].sort().join()}`;
}
