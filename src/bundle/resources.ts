import { OcupError } from '../base/errors.ts';
import type { Resources } from '../model/container.ts';
import type { CpuResources, LinuxResources, MemoryResources } from '../model/runtime-spec.ts';
import type { CgroupController, SpecHost } from '../model/spec-host.ts';
import type { Checked } from './checked.ts';

type ResourceHost = Pick<
  SpecHost,
  'cgroupVersion' | 'controllers' | 'hasSwapLimit' | 'hasBlkioWeight'
>;

/** Docker's: less does not hold a process and its page tables. */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
/** The kernel's. @see sched-bwc.rst */
const MIN_QUOTA_US = 1000;
const PERIOD_US = 100_000;

/**
 * The limits of a container's control group without its devices. `cpus` becomes a quota of a period of
 * 100 ms; a memory limit without one for swap allows as much swap again. What this machine cannot limit is
 * left out with a warning, as Docker does.
 *
 * @throws E_BUNDLE_INVALID for a value that the kernel or Docker refuses
 */
export function buildResources(
  resources: Resources,
  host: ResourceHost,
): Checked<Omit<LinuxResources, 'devices'>> {
  const warnings: string[] = [];
  const only = <T>(controller: CgroupController, what: string, value: T | undefined) => {
    if (value === undefined || host.controllers.includes(controller)) return value;
    warnings.push(`${what} is not limited: this machine has no ${controller} controller for ocup`);
    return undefined;
  };
  const cpu = buildCpu(resources);
  const blockIO = buildBlkio(resources, host, warnings);
  const memory = only('memory', 'memory', buildMemory(resources, host, warnings));
  return {
    value: {
      memory,
      cpu: withCpuset(only('cpu', 'CPU time', cpu), only('cpuset', 'cpuset', resources.cpuset)),
      pids: only('pids', 'the number of processes', buildPids(resources)),
      blockIO: only('blkio', 'block I/O', blockIO),
    },
    warnings,
  };
}

function buildMemory(
  resources: Resources,
  host: ResourceHost,
  warnings: string[],
): MemoryResources | undefined {
  const limit = positive(resources.memoryBytes);
  const reservation = positive(resources.memoryReservationBytes);
  if (limit !== undefined && limit < MIN_MEMORY_BYTES) {
    throw invalid(`memory limit of ${limit} bytes is below the minimum of 6 MiB`);
  }
  if (limit !== undefined && reservation !== undefined && reservation > limit) {
    throw invalid(`memory reservation of ${reservation} bytes is above the limit of ${limit}`);
  }
  const memory = {
    limit,
    reservation,
    swap: buildSwap(resources, limit, host, warnings),
    ...onlyV1(resources, host, warnings),
  };
  return Object.values(memory).some((value) => value !== undefined) ? memory : undefined;
}

function buildSwap(
  resources: Resources,
  limit: number | undefined,
  host: ResourceHost,
  warnings: string[],
): number | undefined {
  const swap = resources.memorySwapBytes === 0 ? undefined : resources.memorySwapBytes;
  if (limit === undefined) {
    if (swap === undefined || swap < 0) return undefined;
    throw invalid('a limit for swap needs one for memory');
  }
  if (swap !== undefined && swap >= 0 && swap < limit) {
    throw invalid(`limit of memory and swap of ${swap} bytes is below that of memory, ${limit}`);
  }
  if (host.hasSwapLimit) return swap ?? 2 * limit;
  if (swap !== undefined && swap >= 0) {
    warnings.push('swap is not limited: this machine does not account for it');
  }
  return undefined;
}

/** What cgroup v2 has no file for. */
function onlyV1(
  resources: Resources,
  host: ResourceHost,
  warnings: string[],
): Pick<MemoryResources, 'swappiness' | 'disableOOMKiller'> {
  const swappiness = resources.memorySwappiness;
  if (swappiness !== undefined && (swappiness < 0 || swappiness > 100)) {
    throw invalid(`memory swappiness ${swappiness} is not between 0 and 100`);
  }
  const disableOOMKiller = resources.isOomKillDisabled ? true : undefined;
  if (host.cgroupVersion !== 2) return { swappiness, disableOOMKiller };
  if (swappiness !== undefined) warnings.push('mem_swappiness has no effect with cgroup v2');
  if (disableOOMKiller) warnings.push('oom_kill_disable has no effect with cgroup v2');
  return {};
}

function buildCpu(resources: Resources): CpuResources | undefined {
  const { cpus } = resources;
  const quota = positive(resources.cpuQuotaUs);
  const period = positive(resources.cpuPeriodUs);
  const shares = positive(resources.cpuShares);
  if (cpus !== undefined && cpus !== 0) {
    if (quota !== undefined || period !== undefined) {
      throw invalid('cpus cannot be set together with cpu_quota or cpu_period');
    }
    const share = Math.trunc(cpus * PERIOD_US);
    if (!(share >= MIN_QUOTA_US)) throw invalid(`cpus ${cpus} is below the minimum of 0.01`);
    return { shares, quota: share, period: PERIOD_US };
  }
  if (quota !== undefined && quota < MIN_QUOTA_US) {
    throw invalid(`CPU quota of ${quota} µs is below the minimum of ${MIN_QUOTA_US}`);
  }
  if (period !== undefined && (period < 1000 || period > 1_000_000)) {
    throw invalid(`CPU period of ${period} µs is not between 1000 and 1000000`);
  }
  return (shares ?? quota ?? period) ? { shares, quota, period } : undefined;
}

function withCpuset(
  cpu: CpuResources | undefined,
  cpuset: string | undefined,
): CpuResources | undefined {
  if (cpuset === undefined || cpuset === '') return cpu;
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(cpuset)) {
    throw invalid(`cpuset ${JSON.stringify(cpuset)} is not a list such as 0-2,4`);
  }
  return { ...cpu, cpus: cpuset };
}

/** Zero and below are no limit, which a new control group has anyway. */
function buildPids(resources: Resources): { limit: number } | undefined {
  const limit = positive(resources.pidsLimit);
  return limit === undefined ? undefined : { limit };
}

function buildBlkio(
  resources: Resources,
  host: ResourceHost,
  warnings: string[],
): { weight: number } | undefined {
  const weight = positive(resources.blkioWeight);
  if (weight === undefined) return undefined;
  if (weight < 10 || weight > 1000) throw invalid(`blkio weight ${weight} is not in 10-1000`);
  if (host.hasBlkioWeight || !host.controllers.includes('blkio')) return { weight };
  warnings.push('block I/O weight has no effect: the kernel has no scheduler for it');
  return undefined;
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

function invalid(message: string): OcupError {
  return new OcupError('E_BUNDLE_INVALID', message);
}
