import { OcupError } from '../base/errors.ts';
import type { ContainerConfig } from '../model/container.ts';
import type { DeviceRule, HostDevice, LinuxDevice } from '../model/runtime-spec.ts';

/** `/dev/{zero,null,urandom,random,tty,console}`: those that Docker allows by number. */
const DEFAULT_DEVICES: readonly (readonly [number, number])[] = [
  [1, 5],
  [1, 3],
  [1, 9],
  [1, 8],
  [5, 0],
  [5, 1],
];

/**
 * What the devices cgroup allows: nothing but the default devices, the given ones and the written rules;
 * everything in a privileged container.
 *
 * @throws E_BUNDLE_INVALID for a rule that is not `TYPE MAJOR:MINOR ACCESS`
 */
export function buildDeviceRules(
  config: Pick<ContainerConfig, 'deviceCgroupRules' | 'isPrivileged'>,
  devices: readonly HostDevice[],
): DeviceRule[] {
  const written = config.deviceCgroupRules.map(parseDeviceRule);
  if (config.isPrivileged) return [{ allow: true, access: 'rwm' }];
  return [
    { allow: false, access: 'rwm' },
    ...DEFAULT_DEVICES.map(([major, minor]) => allowDevice('c', major, minor, 'rwm')),
    ...devices.map(({ type, major, minor, permissions }) =>
      allowDevice(type === 'b' ? 'b' : 'c', major, minor, permissions),
    ),
    ...written,
  ];
}

/** The nodes to make, by path. @throws E_BUNDLE_INVALID for two at one path */
export function buildDevices(devices: readonly HostDevice[]): LinuxDevice[] {
  const sorted = [...devices].sort((a, b) => (a.path < b.path ? -1 : 1));
  const twice = sorted.find((device, index) => sorted[index - 1]?.path === device.path);
  if (twice !== undefined) {
    throw new OcupError('E_BUNDLE_INVALID', `duplicate device: ${twice.path}`);
  }
  return sorted.map(({ permissions: _, ...device }) => device);
}

function allowDevice(type: 'c' | 'b', major: number, minor: number, access: string): DeviceRule {
  return { allow: true, type, major, minor, access };
}

/** @see cgroup-v1 devices.rst */
function parseDeviceRule(text: string): DeviceRule {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(text);
  if (match === null) {
    throw new OcupError('E_BUNDLE_INVALID', `invalid device cgroup rule ${JSON.stringify(text)}`, {
      hint: 'Write TYPE MAJOR:MINOR ACCESS, such as "c 1:3 mr"; * stands for any number.',
    });
  }
  const [, type, major = '*', minor = '*', access = ''] = match;
  return {
    allow: true,
    type: type === 'b' ? 'b' : type === 'c' ? 'c' : 'a',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access,
  };
}
