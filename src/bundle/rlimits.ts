import { OcupError } from '../base/errors.ts';
import type { Ulimit } from '../model/container.ts';
import { type Rlimit, RLIMIT_UNLIMITED } from '../model/runtime-spec.ts';
import type { LimitPair, SpecHost } from '../model/spec-host.ts';
import type { Checked } from './checked.ts';

/** @see getrlimit(2) */
const LIMIT_NAMES: readonly string[] = [
  ...['as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile'],
  ...['nproc', 'rss', 'rtprio', 'rttime', 'sigpending', 'stack'],
];

/** Some programs close every descriptor that they could have; beyond this that takes minutes. */
const MAX_INHERITED_FILES = 1_048_576;

/**
 * The limits of a container's processes, by name. Without the right to raise a hard limit those that ask for
 * more than is inherited are cut to it. An inherited `nofile` beyond 1,048,576 is cut as well.
 *
 * @throws E_BUNDLE_INVALID for an unknown name, and for a soft limit above the hard one
 */
export function buildRlimits(
  ulimits: readonly Ulimit[],
  host: Pick<SpecHost, 'canRaiseLimits' | 'limits'>,
): Checked<readonly Rlimit[]> {
  const warnings: string[] = [];
  const wanted = new Map(ulimits.map((ulimit) => [parseName(ulimit), ulimit]));
  const pairs = new Map<string, LimitPair>();
  const files = inheritedFiles(host.limits['nofile']);
  if (files !== undefined) pairs.set('nofile', files);
  for (const [name, ulimit] of wanted) {
    const ceiling = host.canRaiseLimits ? undefined : host.limits[name]?.hard;
    const pair = clampPair(ulimit, ceiling);
    if (isAbove(ulimit.hard, pair.hard)) {
      warnings.push(
        `ulimit ${name} is cut from ${limitText(ulimit.hard)} to ${limitText(pair.hard)}: ` +
          'raising it needs CAP_SYS_RESOURCE',
      );
    }
    pairs.set(name, pair);
  }
  const value = [...pairs].map(([name, { soft, hard }]) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    soft: limitValue(soft),
    hard: limitValue(hard),
  }));
  return { value: value.sort((a, b) => (a.type < b.type ? -1 : 1)), warnings };
}

function parseName({ name, soft, hard }: Ulimit): string {
  const lower = name.toLowerCase();
  if (!LIMIT_NAMES.includes(lower)) {
    throw new OcupError('E_BUNDLE_INVALID', `unknown ulimit ${JSON.stringify(name)}`, {
      hint: `Use one of ${LIMIT_NAMES.join(', ')}.`,
    });
  }
  if (isAbove(soft, hard)) {
    throw new OcupError(
      'E_BUNDLE_INVALID',
      `ulimit ${lower}: soft limit ${limitText(soft)} is above hard limit ${limitText(hard)}`,
    );
  }
  return lower;
}

function inheritedFiles(inherited: LimitPair | undefined): LimitPair | undefined {
  if (inherited === undefined || !isAbove(inherited.hard, MAX_INHERITED_FILES)) return undefined;
  return clampPair(inherited, MAX_INHERITED_FILES);
}

function clampPair(pair: LimitPair, ceiling: number | undefined): LimitPair {
  if (ceiling === undefined) return pair;
  const clamp = (limit: number): number => (isAbove(limit, ceiling) ? ceiling : limit);
  return { soft: clamp(pair.soft), hard: clamp(pair.hard) };
}

/** Whether a limit is above another, where below zero is none. */
function isAbove(limit: number, other: number): boolean {
  if (other < 0) return false;
  return limit < 0 || limit > other;
}

function limitValue(limit: number): number | bigint {
  return limit < 0 ? RLIMIT_UNLIMITED : limit;
}

function limitText(limit: number): string {
  return limit < 0 ? 'unlimited' : limit.toString();
}
