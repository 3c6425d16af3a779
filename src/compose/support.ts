import { type PathState, compilePaths } from './path-table.ts';
import type { Problems } from './problems.ts';
import { type Path, type RawMap, type RawNode } from './raw-tree.ts';

/** How far ocup acts on an attribute. What the table does not name is acted on as the specification says. */
export interface Support {
  /** `ignored`: nothing comes of it. `degraded`: not all that the specification says. */
  readonly kind: 'ignored' | 'degraded';
  readonly reason: string;
  /** Values that ask for nothing special. */
  readonly harmless: readonly (string | boolean)[];
}

function ignored(reason: string, ...harmless: readonly (string | boolean)[]): Support {
  return { kind: 'ignored', reason, harmless };
}

function degraded(reason: string, ...harmless: readonly (string | boolean)[]): Support {
  return { kind: 'degraded', reason, harmless };
}

const windows = ignored('it concerns Windows only');
const CLUSTER = 'it concerns clusters only';
const LATER = 'ocup does not support it yet';
const swarm = ignored(CLUSTER);
const later = ignored(LATER);

/** Attributes of services and resources that ocup does not act on, or not fully. */
export const SUPPORT: Readonly<Record<string, Support>> = {
  'services.*.blkio_config.device_read_bps': later,
  'services.*.blkio_config.device_read_iops': later,
  'services.*.blkio_config.device_write_bps': later,
  'services.*.blkio_config.device_write_iops': later,
  'services.*.blkio_config.weight_device': later,
  'services.*.cpu_count': windows,
  'services.*.cpu_percent': windows,
  'services.*.cpu_rt_period': later,
  'services.*.cpu_rt_runtime': later,
  'services.*.credential_spec': windows,
  'services.*.deploy.endpoint_mode': swarm,
  'services.*.deploy.labels': swarm,
  'services.*.deploy.mode': ignored(CLUSTER, 'replicated'),
  'services.*.deploy.placement': swarm,
  'services.*.deploy.resources.reservations.cpus': swarm,
  'services.*.deploy.resources.reservations.devices': later,
  'services.*.deploy.resources.reservations.generic_resources': swarm,
  'services.*.deploy.restart_policy.delay': later,
  'services.*.deploy.restart_policy.window': later,
  'services.*.deploy.rollback_config': swarm,
  'services.*.deploy.update_config': swarm,
  'services.*.develop.watch.*.action': degraded(
    'ocup cannot build images yet: a change is only told of',
    'restart',
    'sync',
    'sync+exec',
    'sync+restart',
  ),
  'services.*.external_links': later,
  'services.*.gpus': later,
  'services.*.isolation': windows,
  'services.*.logging.driver': degraded(
    'ocup keeps all output in its own log',
    'json-file',
    'local',
    'journald',
    'none',
  ),
  'services.*.models': later,
  'services.*.networks.*.driver_opts': later,
  'services.*.networks.*.interface_name': later,
  'services.*.networks.*.link_local_ips': later,
  'services.*.storage_opt': later,
  'services.*.use_api_socket': ignored('there is no engine whose socket could be mounted'),
  'services.*.userns_mode': later,
  'services.*.volumes.*.bind.selinux': ignored('files are not relabelled'),
  'services.*.volumes.*.volume.labels': later,
  'services.*.volumes_from': degraded('volumes that only the image declares are not shared'),
  'networks.*.enable_ipv4': ignored(LATER, true),
  'networks.*.ipam.driver': ignored(LATER, 'default'),
  'configs.*.template_driver': swarm,
  'secrets.*.template_driver': swarm,
};

const TABLE: PathState<Support> = compilePaths(SUPPORT);

/** An attribute in use that ocup does not act on as the specification says. */
export interface SupportFinding {
  readonly path: Path;
  readonly position: RawNode['position'];
  readonly support: Support;
}

/** The attributes of `root` that are ignored or degraded, in the order of the files. */
export function findUnsupported(root: RawMap): readonly SupportFinding[] {
  const found: SupportFinding[] = [];
  visit(root, [], { state: TABLE, position: root.position, found });
  return found;
}

/** A warning for each attribute of `root` that is ignored or degraded. */
export function reportSupport(root: RawMap, problems: Problems): void {
  for (const { path, position, support } of findUnsupported(root)) {
    const verb = support.kind === 'ignored' ? 'is ignored' : 'is not fully supported';
    problems.warning({ position, path }, `${verb}: ${support.reason}`, { topic: 'unsupported' });
  }
}

interface Visit {
  readonly state: PathState<Support>;
  readonly position: RawNode['position'];
  readonly found: SupportFinding[];
}

function visit(node: RawNode, path: Path, { state, position, found }: Visit): void {
  const { rule } = state;
  if (rule !== undefined) {
    if (!isHarmless(node, rule)) found.push({ path, position, support: rule });
    return;
  }
  const below = (step: string | number, child: RawNode, at: RawNode['position']): void => {
    const next = state.next(step);
    if (next !== undefined) visit(child, [...path, step], { state: next, position: at, found });
  };
  if (node.kind === 'list')
    for (const [index, item] of node.items.entries()) below(index, item, item.position);
  if (node.kind === 'map')
    for (const [key, entry] of node.entries) below(key, entry.node, entry.position);
}

/** What is empty or off asks for nothing. */
function isHarmless(node: RawNode, { harmless }: Support): boolean {
  if (node.kind === 'list') return node.items.length === 0;
  if (node.kind === 'map') return node.entries.size === 0;
  const { value } = node;
  if (value === null || value === false || value === '' || value === 0) return true;
  return (typeof value === 'string' || typeof value === 'boolean') && harmless.includes(value);
}
