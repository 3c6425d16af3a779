import { posix } from 'node:path';
import type { Mount, Propagation } from '../model/container.ts';
import type { JsonObject } from '../model/project.ts';
import { type Conversion, refuse, refuseUnsupported } from './conversion.ts';
import { booleanAt, bytesAt, numberAt, objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import type { Path } from './raw-tree.ts';

/**
 * Everything that a service has mounted: its volumes, those of `volumes_from`, tmpfs, configs and secrets.
 *
 * @see compose-spec 05-services.md#volumes, 08-configs.md, 09-secrets.md
 */
export function toMounts(
  service: JsonObject,
  name: string,
  conversion: Conversion,
): readonly Mount[] {
  const path: Path = ['services', name];
  const own = volumeMounts(service, path, conversion);
  const taken = new Set(own.map((mount) => mount.target));
  const borrowed = borrowedMounts(service, path, conversion);
  return [
    ...own,
    ...borrowed.filter((mount) => !taken.has(mount.target)),
    ...textsAt(service, 'tmpfs').map(tmpfsMount),
    ...fileMounts(service, 'configs', path, conversion),
    ...fileMounts(service, 'secrets', path, conversion),
  ];
}

function volumeMounts(service: JsonObject, path: Path, conversion: Conversion): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const [index, mount] of objectsAt(service, 'volumes').entries()) {
    const made = volumeMount(mount, [...path, 'volumes', index], conversion);
    if (made !== undefined) mounts.push(made);
  }
  return mounts;
}

function volumeMount(mount: JsonObject, path: Path, conversion: Conversion): Mount | undefined {
  const target = textAt(mount, 'target') ?? '';
  const isReadOnly = booleanAt(mount, 'read_only');
  if (!posix.isAbsolute(target)) {
    const hint = target.includes(':')
      ? 'one letter before a colon counts as a drive: give the volume a longer name'
      : 'start the target with /';
    refuseUnsupported(conversion, path, `target ${target} is not an absolute path`, hint);
    return undefined;
  }
  const type = textAt(mount, 'type') ?? '';
  switch (type) {
    case 'bind':
      return bindMount(mount, { target, isReadOnly });
    case 'volume':
      return {
        kind: 'volume',
        volume: volumeName(textAt(mount, 'source'), conversion),
        target,
        isReadOnly,
        noCopy: booleanAt(objectAt(mount, 'volume'), 'nocopy'),
        subpath: textAt(objectAt(mount, 'volume'), 'subpath'),
      };
    case 'tmpfs': {
      const options = objectAt(mount, 'tmpfs');
      const size = bytesAt(options, 'size');
      const mode = numberAt(options, 'mode');
      return {
        kind: 'tmpfs',
        target,
        isReadOnly,
        options: [
          ...(size === undefined ? [] : [`size=${size}`]),
          ...(mode === undefined ? [] : [`mode=${mode.toString(8)}`]),
        ],
      };
    }
    default:
      refuseUnsupported(conversion, path, `mounts of type ${type} are not supported yet`);
      return undefined;
  }
}

function bindMount(
  mount: JsonObject,
  { target, isReadOnly }: { target: string; isReadOnly: boolean },
): Mount {
  const bind = objectAt(mount, 'bind');
  return {
    kind: 'bind',
    source: textAt(mount, 'source') ?? '',
    target,
    isReadOnly,
    // Left out of the canonical form both when it is false and when it is not said.
    createHostPath: bind === undefined || booleanAt(bind, 'create_host_path'),
    propagation: findPropagation(textAt(bind, 'propagation')),
    isRecursive: textAt(bind, 'recursive') !== 'disabled',
  };
}

/** The final name of the volume `key`; undefined for an anonymous one. */
function volumeName(key: string | undefined, { canonical }: Conversion): string | undefined {
  if (key === undefined) return undefined;
  return textAt(objectAt(objectAt(canonical, 'volumes'), key), 'name') ?? key;
}

function findPropagation(text = ''): Propagation | undefined {
  switch (text) {
    case 'private':
    case 'rprivate':
    case 'shared':
    case 'rshared':
    case 'slave':
    case 'rslave':
      return text;
    default:
      return undefined;
  }
}

/** `/run:size=64m,mode=1777`. */
function tmpfsMount(text: string): Mount {
  const [target = '', ...rest] = text.split(':');
  const options = rest
    .join(':')
    .split(',')
    .filter((option) => option !== '');
  return { kind: 'tmpfs', target, isReadOnly: options.includes('ro'), options };
}

/** The volumes of other services: those with names, and folders of the host. */
function borrowedMounts(service: JsonObject, path: Path, conversion: Conversion): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const [index, text] of textsAt(service, 'volumes_from').entries()) {
    const place = [...path, 'volumes_from', index];
    if (text.startsWith('container:')) {
      const hint = 'name the volumes under `volumes:`, and mount them in both';
      refuseUnsupported(conversion, place, 'volumes_from a container is not supported yet', hint);
      continue;
    }
    const [other = '', access] = text.split(':');
    const source = objectAt(objectAt(conversion.canonical, 'services'), other);
    if (source === undefined) continue;
    for (const mount of volumeMounts(source, ['services', other], conversion)) {
      if (mount.kind === 'volume' && mount.volume === undefined) {
        const message = `the anonymous volume at ${mount.target} of ${other} cannot be shared yet`;
        refuseUnsupported(conversion, place, message, 'give the volume a name');
      } else if (mount.kind !== 'file') {
        mounts.push({ ...mount, isReadOnly: mount.isReadOnly || access === 'ro' });
      }
    }
  }
  return mounts;
}

function fileMounts(
  service: JsonObject,
  section: 'configs' | 'secrets',
  path: Path,
  conversion: Conversion,
): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const [index, grant] of objectsAt(service, section).entries()) {
    const made = fileMount(grant, section, [...path, section, index], conversion);
    if (made !== undefined) mounts.push(made);
  }
  return mounts;
}

function fileMount(
  grant: JsonObject,
  section: 'configs' | 'secrets',
  path: Path,
  conversion: Conversion,
): Mount | undefined {
  const key = textAt(grant, 'source') ?? '';
  const noun = section.slice(0, -1);
  const resource = objectAt(objectAt(conversion.canonical, section), key);
  if (resource === undefined) return undefined;
  const folder = section === 'secrets' ? '/run/secrets' : '/';
  const target = posix.resolve(folder, textAt(grant, 'target') ?? key);
  if (booleanAt(resource, 'external') || textAt(resource, 'driver') !== undefined) {
    refuseUnsupported(
      conversion,
      path,
      `unsupported external ${noun} ${key}`,
      `give the ${noun} a \`file\``,
    );
    return undefined;
  }
  const file = textAt(resource, 'file');
  if (file !== undefined) {
    return {
      kind: 'bind',
      source: file,
      target,
      isReadOnly: true,
      createHostPath: false,
      propagation: undefined,
      isRecursive: true,
    };
  }
  const content = contentOf(resource, `${section}.${key}`, conversion);
  if (content === undefined) {
    const variable = textAt(resource, 'environment') ?? '';
    const message = `environment variable ${JSON.stringify(variable)} required by ${noun} ${JSON.stringify(key)} is not set`;
    if (!conversion.allowsUnsupported) refuse(conversion, path, message);
    return undefined;
  }
  return {
    kind: 'file',
    target,
    content,
    mode: parseInt(textAt(grant, 'mode') ?? '0444', 8),
    uid: parseId(textAt(grant, 'uid')),
    gid: parseId(textAt(grant, 'gid')),
  };
}

function contentOf(
  resource: JsonObject,
  key: string,
  { contents }: Conversion,
): string | undefined {
  if (textAt(resource, 'environment') !== undefined) return contents.get(key);
  const content = resource['content'];
  return typeof content === 'string' ? content : '';
}

/** Names of users are not known outside the container: the file is root's then. */
function parseId(text: string | undefined): number {
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : 0;
}
