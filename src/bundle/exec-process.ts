import { OcupError } from '../base/errors.ts';
import { CAPABILITIES } from '../model/capability.ts';
import type { Process, RuntimeSpec } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';
import { capabilitySets } from './capabilities.ts';
import { normalizePath } from './mounts.ts';
import { mergeEnv } from './process-env.ts';
import type { ResolvedUser } from './resolve-user.ts';

/** What is asked for; the parameters of an `exec` call on the wire fit. */
export interface ExecRequest {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string | undefined;
  readonly hasTty: boolean;
  readonly isPrivileged: boolean;
  readonly size: { readonly rows: number; readonly columns: number } | undefined;
}

/**
 * The process to run beside the container's first one, with that one's environment, folder, capabilities
 * and limits. Privileged it has every capability that this machine knows.
 *
 * @throws E_BUNDLE_INVALID without a command
 */
export function buildExecProcess(
  spec: RuntimeSpec,
  request: ExecRequest,
  user: ResolvedUser,
  host: Pick<SpecHost, 'knownCapabilities'>,
): Process {
  if (request.command.length === 0) {
    throw new OcupError('E_BUNDLE_INVALID', 'no command specified for exec');
  }
  const own = spec.process;
  const known = CAPABILITIES.filter((name) => host.knownCapabilities.includes(name));
  return {
    ...own,
    terminal: request.hasTty,
    consoleSize: request.hasTty ? consoleSize(request.size) : undefined,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: request.command,
    env: mergeEnv(terminalEnv(own, request.hasTty), request.environment),
    cwd: request.workingDir === undefined ? own.cwd : normalizePath(request.workingDir),
    capabilities: request.isPrivileged ? capabilitySets(known) : own.capabilities,
  };
}

function consoleSize(size: ExecRequest['size']): Process['consoleSize'] {
  return size === undefined ? undefined : { height: size.rows, width: size.columns };
}

/** The container's environment, with a TERM where there is a terminal and none is set. */
function terminalEnv(own: Process, hasTty: boolean): readonly string[] {
  const hasTerm = own.env.some((entry) => entry.startsWith('TERM='));
  return hasTty && !hasTerm ? [...own.env, 'TERM=xterm'] : own.env;
}
