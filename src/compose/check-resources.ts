import { isIP } from 'node:net';
import { findBoolean } from './interpolate.ts';
import { isText } from './long-forms.ts';
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
  scalarText,
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
    checkEnvironments(node, name, problems);
    checkTypes(node, name, problems);
  }
}

/** A blank in front of the `=` is no part of any name that a program looks for. */
function checkEnvironments(service: RawNode, name: string, problems: Problems): void {
  const places: readonly [node: RawNode | undefined, path: Path][] = [
    [findChild(service, 'environment'), ['environment']],
    [findChild(findChild(service, 'build'), 'args'), ['build', 'args']],
    ...HOOKS.flatMap((hooks) =>
      itemsOf(service, hooks).map((hook, index): [RawNode | undefined, Path] => [
        findChild(hook, 'environment'),
        [hooks, index, 'environment'],
      ]),
    ),
  ];
  for (const [node, path] of places) {
    for (const [index, item] of (node?.kind === 'list' ? node.items : []).entries()) {
      const [variable = '', value] =
        item.kind === 'scalar' ? scalarText(item.value).split('=') : [];
      // An argument of a build that only names a variable is none where the variable is not set.
      if (!/\s$/.test(variable) || (value === undefined && path[0] === 'build')) continue;
      const place = { position: item.position, path: ['services', name, ...path, index] };
      const message = `environment variable ${variable} is declared with a trailing space`;
      problems.error(place, message, { hint: 'write no space in front of the `=`' });
    }
  }
}

const HOOKS = ['post_start', 'pre_stop'];

/** What the schema lets be a text because it may have been a variable. */
function checkTypes(service: RawNode, name: string, problems: Problems): void {
  const refuse = (node: RawNode, path: Path, what: string): void => {
    problems.error({ position: node.position, path: ['services', name, ...path] }, what);
  };
  for (const [index, mount] of itemsOf(service, 'volumes').entries()) {
    const mode = findChild(findChild(mount, 'tmpfs'), 'mode');
    if (isText(mode))
      refuse(mode, ['volumes', index, 'tmpfs', 'mode'], 'must be a number, without quotes');
  }
  for (const [index, file] of itemsOf(service, 'env_file').entries()) {
    const required = findChild(file, 'required');
    if (isText(required) && findBoolean(required.value) === undefined)
      refuse(required, ['env_file', index, 'required'], `invalid boolean: '${required.value}'`);
  }
  for (const [key, { node }] of entriesOf(service, 'storage_opt')) {
    const isScalar = node.kind === 'scalar' && typeof node.value !== 'boolean';
    if (!isScalar || (typeof node.value === 'number' && !Number.isInteger(node.value)))
      refuse(node, ['storage_opt', key], 'must be a string');
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
    if (host !== undefined && isIP(host) === 0)
      problems.error(place, `invalid ip address: ${host === '' ? '""' : host}`);
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
