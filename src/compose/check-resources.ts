import { isIP } from 'node:net';
import { isTrue } from './normalise.ts';
import type { Problems } from './problems.ts';
import {
  type Path,
  type RawMap,
  type RawNode,
  entriesOf,
  findChild,
  findText,
  itemsOf,
} from './raw-tree.ts';

/**
 * Tells what is missing or too much in single attributes of a canonical project: what the schema cannot say,
 * whether or not a service uses them.
 */
export function checkResources(root: RawMap, problems: Problems): void {
  for (const [name, { node }] of entriesOf(root, 'volumes')) checkVolume(node, name, problems);
  for (const [name, { node, position }] of entriesOf(root, 'configs'))
    checkFile(
      node,
      { path: ['configs', name], position },
      ['file', 'environment', 'content'],
      problems,
    );
  for (const [name, { node, position }] of entriesOf(root, 'secrets'))
    checkFile(node, { path: ['secrets', name], position }, ['file', 'environment'], problems);
  for (const [name, { node }] of entriesOf(root, 'services')) {
    checkMounts(node, name, problems);
    checkPorts(node, name, problems);
    checkDevices(node, name, problems);
  }
}

/** What is external is not made here: nothing but its name may be said of it. */
function checkVolume(node: RawNode, name: string, problems: Problems): void {
  if (node.kind !== 'map' || !isTrue(findChild(node, 'external'))) return;
  for (const [key, { position }] of node.entries) {
    if (key === 'name' || key === 'external' || key.startsWith('x-')) continue;
    const message = `conflicting parameters "external" and ${JSON.stringify(key)} specified`;
    problems.error({ position, path: ['volumes', name] }, message);
  }
}

function checkFile(
  node: RawNode,
  place: { path: readonly string[]; position: RawNode['position'] },
  keys: readonly string[],
  problems: Problems,
): void {
  if (node.kind !== 'map') return;
  const present = keys.filter((key) => node.entries.has(key));
  if (present.length > 1) {
    problems.error(place, `${keys.join('|')} attributes are mutually exclusive`);
    return;
  }
  const isElsewhere = node.entries.has('driver') || node.entries.has('external');
  if (present.length === 0 && !isElsewhere && !problems.hasErrorBelow(place.path)) {
    problems.error(place, `one of ${keys.join('|')} must be set`);
  }
}

function checkMounts(service: RawNode, name: string, problems: Problems): void {
  for (const [index, mount] of itemsOf(service, 'volumes').entries()) {
    const place = { position: mount.position, path: ['services', name, 'volumes', index] };
    if (mount.kind !== 'map') continue;
    if (findText(mount, 'target') === undefined)
      problems.error(place, `service volume is missing a mount target`);
    if (findText(mount, 'type') === 'bind' && findText(mount, 'source') === undefined)
      problems.error(place, 'invalid mount config for type "bind": field Source must not be empty');
  }
}

function checkPorts(service: RawNode, name: string, problems: Problems): void {
  for (const [index, port] of itemsOf(service, 'ports').entries()) {
    const place = { position: port.position, path: ['services', name, 'ports', index] };
    const target = findChild(port, 'target');
    const number = target?.kind === 'scalar' ? Number(target.value) : undefined;
    if (port.kind === 'map' && target === undefined)
      problems.error(place, 'service ports is missing a target port', {
        hint: 'add `target:`, the port in the container',
      });
    else if (number !== undefined && number < 0)
      problems.error(place, `invalid target port: ${number}`);
    const host = findText(port, 'host_ip');
    if (host !== undefined && host !== '' && isIP(host) === 0)
      problems.error(place, `invalid ip address: ${host}`);
  }
}

function checkDevices(service: RawNode, name: string, problems: Problems): void {
  for (const [index, device] of itemsOf(service, 'devices').entries()) {
    if (device.kind !== 'map' || findText(device, 'target') !== undefined) continue;
    const place = { position: device.position, path: ['services', name, 'devices', index] };
    problems.error(place, 'service device is missing a mount target', {
      hint: 'add `target:`, the path in the container',
    });
  }
  const resources = findChild(findChild(service, 'deploy'), 'resources');
  const reserved = itemsOf(findChild(resources, 'reservations'), 'devices');
  const path = ['services', name, 'deploy', 'resources', 'reservations', 'devices'];
  for (const [index, device] of reserved.entries()) checkCount(device, [...path, index], problems);
  for (const [index, device] of itemsOf(service, 'gpus').entries())
    checkCount(device, ['services', name, 'gpus', index], problems);
}

function checkCount(device: RawNode, path: Path, problems: Problems): void {
  if (findChild(device, 'count') === undefined || findChild(device, 'device_ids') === undefined)
    return;
  const message = '"count" and "device_ids" attributes are exclusive';
  problems.error({ position: device.position, path }, message);
}
