import { OcupError } from '../base/errors.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { Process } from '../model/runtime-spec.ts';
import type { SpecHost } from '../model/spec-host.ts';
import type { SpecInput } from './build-spec.ts';
import { capabilitySets } from './capabilities.ts';
import type { Checked } from './checked.ts';
import { INIT_TARGET, normalizePath } from './mounts.ts';
import { buildEnv } from './process-env.ts';
import { buildRlimits } from './rlimits.ts';
import type { SecurityOptions } from './security-options.ts';

/** What other parts of the spec have settled. */
export interface ProcessParts {
  readonly capabilities: readonly string[];
  readonly hasInit: boolean;
  readonly security: SecurityOptions;
}

/**
 * The first process of a container.
 * @throws E_BUNDLE_INVALID for a text that no process can be given, and for limits that there are not
 */
export function buildProcess(input: SpecInput, parts: ProcessParts): Process {
  const { config, image, host, user } = input;
  const rlimits = buildRlimits(config.ulimits, host).value;
  const env = buildEnv(config, image, input.hostname);
  assertTexts([...input.args, ...env]);
  return {
    terminal: config.hasTty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: parts.hasInit ? [INIT_TARGET, '--', ...input.args] : input.args,
    env,
    cwd: normalizePath(config.workingDir ?? image.workingDir),
    capabilities: capabilitySets(parts.capabilities),
    rlimits: rlimits.length > 0 ? rlimits : undefined,
    noNewPrivileges: parts.security.hasNoNewPrivileges,
    oomScoreAdj: resolveOomScore(config, host).value,
  };
}

/** `oom_score_adj`; undefined: as inherited. @throws E_BUNDLE_INVALID out of range */
export function resolveOomScore(
  { oomScoreAdj }: Pick<ContainerConfig, 'oomScoreAdj'>,
  host: Pick<SpecHost, 'canRaiseLimits' | 'oomScoreAdj'>,
): Checked<number | undefined> {
  if (oomScoreAdj === undefined) return { value: undefined, warnings: [] };
  if (!(oomScoreAdj >= -1000 && oomScoreAdj <= 1000)) {
    throw new OcupError(
      'E_BUNDLE_INVALID',
      `oom_score_adj ${oomScoreAdj} is not between -1000 and 1000`,
    );
  }
  if (host.canRaiseLimits || oomScoreAdj >= host.oomScoreAdj) {
    return { value: oomScoreAdj, warnings: [] };
  }
  return {
    value: host.oomScoreAdj,
    warnings: [
      `oom_score_adj is ${host.oomScoreAdj} instead of ${oomScoreAdj}: ` +
        'lowering it needs CAP_SYS_RESOURCE',
    ],
  };
}

/** The kernel ends a text at its first zero byte. Values may be secret, so only names are told. */
function assertTexts(texts: readonly string[]): void {
  const bad = texts.find((text) => text.includes('\0'));
  if (bad === undefined) return;
  const name = /^(\w+)=/.exec(bad)?.[1];
  throw new OcupError(
    'E_BUNDLE_INVALID',
    `${name === undefined ? 'an argument' : `environment variable ${name}`} holds a zero byte`,
  );
}
