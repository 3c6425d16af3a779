import { join } from 'node:path';
import { type PathState, compilePaths } from './path-table.ts';
import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findMap,
  findText,
  scalar,
  withEntry,
} from './raw-tree.ts';

/** What relative paths become. */
export interface PathBase {
  /** Put in front of relative paths. */
  readonly folder: string;
  /** What `~` stands for; a name behind it is a folder in it, as docker compose has it, not a user. */
  readonly home: string;
}

/**
 * The canonical tree `root` with its relative paths below `base.folder`. Addresses of remote sources stay.
 *
 * @see compose-spec 02-model.md, 05-services.md#volumes
 */
export function resolvePaths(root: RawMap, base: PathBase): RawMap {
  const made = resolveNode(root, base, RESOLVERS);
  return made.kind === 'map' ? made : root;
}

/** `path` below the folder of `base`, unless it is absolute or starts with `~`. */
export function resolvePath(path: string, base: PathBase): string {
  if (
    path === '' ||
    path.startsWith('/') ||
    /^[A-Za-z]:[\\/]/.test(path) ||
    path.startsWith('\\\\')
  )
    return path;
  if (path.startsWith('~')) return clean(join(base.home, path.slice(1)));
  return clean(join(base.folder, path));
}

/** Without a slash at the end. */
function clean(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

type Resolver = (node: RawNode, base: PathBase) => RawNode;

const RESOLVERS: PathState<Resolver> = compilePaths<Resolver>({
  'services.*.build.context': contextPath,
  'services.*.build.additional_contexts.*': contextPath,
  'services.*.build.ssh.*': textPath,
  'services.*.env_file.*.path': textPath,
  'services.*.label_file.*': textPath,
  'services.*.extends.file': textPath,
  'services.*.develop.watch.*.path': textPath,
  'services.*.image': imagePath,
  'services.*.pre_start.*.image': imagePath,
  'services.*.volumes.*': mountPath,
  'configs.*.file': filePath,
  'secrets.*.file': filePath,
  'volumes.*': volumeDevice,
});

function resolveNode(
  node: RawNode,
  base: PathBase,
  state: PathState<Resolver> | undefined,
): RawNode {
  if (state === undefined) return node;
  if (state.rule !== undefined) return state.rule(node, base);
  switch (node.kind) {
    case 'scalar':
      return node;
    case 'list':
      return {
        ...node,
        items: node.items.map((item, i) => resolveNode(item, base, state.next(i))),
      };
    case 'map': {
      const entries = new Map<string, RawEntry>();
      for (const [key, entry] of node.entries) {
        const made = resolveNode(entry.node, base, state.next(key));
        entries.set(key, made === entry.node ? entry : { ...entry, node: made });
      }
      return { ...node, entries };
    }
  }
}

function textPath(node: RawNode, base: PathBase): RawNode {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return node;
  return { ...node, value: resolvePath(node.value, base) };
}

/** Nothing is the folder itself. */
function filePath(node: RawNode, base: PathBase): RawNode {
  const isEmpty = node.kind === 'scalar' && node.value === '';
  return isEmpty ? { ...node, value: clean(base.folder) } : textPath(node, base);
}

/** Remote contexts and other kinds of them are no paths. */
function contextPath(node: RawNode, base: PathBase): RawNode {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return node;
  const isElsewhere = /^(?:[a-z][a-z0-9+.-]*:\/\/|service:|git@|github\.com\/)/.test(node.value);
  return isElsewhere ? node : textPath(node, base);
}

/** @see containers-transports(5) */
function imagePath(node: RawNode, base: PathBase): RawNode {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return node;
  const match = /^(oci|oci-archive|docker-archive|rootfs):(.+)$/s.exec(node.value);
  if (match === null) return node;
  const [, transport = '', path = ''] = match;
  return { ...node, value: `${transport}:${resolvePath(path, base)}` };
}

function mountPath(node: RawNode, base: PathBase): RawNode {
  const source = findChild(node, 'source');
  if (node.kind !== 'map' || source === undefined || findText(node, 'type') !== 'bind') return node;
  return withEntry(node, 'source', textPath(source, base));
}

/** A local volume with `o: bind` is a folder of the host. */
function volumeDevice(node: RawNode, base: PathBase): RawNode {
  const options = findMap(node, 'driver_opts');
  const device = findText(options, 'device');
  if (node.kind !== 'map' || options === undefined || device === undefined) return node;
  if (findText(node, 'driver') !== 'local' || findText(options, 'o') !== 'bind') return node;
  const path = scalar(resolvePath(device === '' ? '.' : device, base), options.position);
  return withEntry(node, 'driver_opts', withEntry(options, 'device', path));
}
