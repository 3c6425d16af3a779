import { CAPABILITIES } from '../model/capability.ts';
import type { LimitPair } from '../model/spec-host.ts';
import { readNumber, readText } from './read.ts';

/** What this process may do. */
export interface PrivilegeFacts {
  readonly uid: number;
  /** Root here is not root of the machine. */
  readonly isInUserNamespace: boolean;
  /** How many user ids there are here. */
  readonly userIds: number;
  /** `CAP_…` of the effective and the bounding set: what containers can be given. */
  readonly capabilities: readonly string[];
  /** By name in lower case without `RLIMIT_`. */
  readonly limits: Readonly<Record<string, LimitPair>>;
  readonly oomScoreAdj: number;
}

/** Reads `/proc/self`. */
export async function readPrivileges(): Promise<PrivilegeFacts> {
  const [status, uidMap, limits, oomScoreAdj] = await Promise.all([
    readText('/proc/self/status'),
    readText('/proc/self/uid_map'),
    readText('/proc/self/limits'),
    readNumber('/proc/self/oom_score_adj'),
  ]);
  return {
    uid: process.geteuid?.() ?? 0,
    ...parseUidMap(uidMap ?? ''),
    capabilities: parseCapabilities(status ?? ''),
    limits: parseLimits(limits ?? ''),
    oomScoreAdj: oomScoreAdj ?? 0,
  };
}

/** Without a map, and with one of every id to itself, this is the machine's own. @see user_namespaces(7) */
export function parseUidMap(text: string): Pick<PrivilegeFacts, 'isInUserNamespace' | 'userIds'> {
  const ranges = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter((range) => range.length === 3);
  const userIds = ranges.reduce((sum, [, , count = 0]) => sum + count, 0);
  const isWhole = ranges.length === 0 || (userIds === ALL_IDS && ranges[0]?.[1] === 0);
  return { isInUserNamespace: !isWhole, userIds: ranges.length === 0 ? ALL_IDS : userIds };
}

const ALL_IDS = 2 ** 32 - 1;

/** The capabilities in both the effective and the bounding set. @see proc_pid_status(5) */
export function parseCapabilities(status: string): string[] {
  const setOf = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  const held = setOf('CapEff') & setOf('CapBnd');
  return CAPABILITIES.filter((_name, number) => ((held >> BigInt(number)) & 1n) === 1n);
}

/** What `/proc/PID/limits` calls the limits. @see proc_pid_limits(5) */
const LIMIT_TITLES: Readonly<Record<string, string>> = {
  as: 'address space',
  core: 'core file size',
  cpu: 'cpu time',
  data: 'data size',
  fsize: 'file size',
  locks: 'file locks',
  memlock: 'locked memory',
  msgqueue: 'msgqueue size',
  nice: 'nice priority',
  nofile: 'open files',
  nproc: 'processes',
  rss: 'resident set',
  rtprio: 'realtime priority',
  rttime: 'realtime timeout',
  sigpending: 'pending signals',
  stack: 'stack size',
};

/** The limits in the lines of `/proc/PID/limits`. */
export function parseLimits(text: string): Record<string, LimitPair> {
  const pairs = Object.entries(LIMIT_TITLES).flatMap(([name, title]) => {
    const match = new RegExp(`^Max ${title} +(\\S+) +(\\S+)`, 'm').exec(text);
    if (match === null) return [];
    return [[name, { soft: limitOf(match[1]), hard: limitOf(match[2]) }] as const];
  });
  return Object.fromEntries(pairs);
}

function limitOf(text: string | undefined): number {
  return text === undefined || text === 'unlimited' ? -1 : Number(text);
}
