import { CAPABILITIES } from '../model/capability.ts';
import type { SpecHost } from '../model/spec-host.ts';

/**
 * A machine that lacks nothing, for bundles that are to be the same wherever they are made: Linux 5.12 or
 * newer with every controller and capability. Limits are those of whoever runs the bundle.
 *
 * @param architecture Go's name of the image's
 */
export function portableHost(architecture: string): SpecHost {
  return {
    architecture,
    kernelVersion: '5.12',
    cgroupVersion: 2,
    controllers: ['cpu', 'cpuset', 'memory', 'pids', 'blkio'],
    hasSwapLimit: true,
    hasBlkioWeight: true,
    hasSeccomp: true,
    knownCapabilities: CAPABILITIES,
    canRaiseLimits: true,
    limits: {},
    oomScoreAdj: 0,
    thermalPaths: [],
  };
}
