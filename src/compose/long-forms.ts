import { posix } from 'node:path';
import { parsePortSpec } from './port-spec.ts';
import type { Problems } from './problems.ts';
import { type Path, type RawNode, type RawScalar, mapOf, scalar, scalarText } from './raw-tree.ts';
import { parseVolumeSpec } from './volume-spec.ts';

/* The long forms of devices, volumes and ports. */

/** How to take what cannot be read. */
export interface CanonicalOptions {
  readonly problems: Problems;
  /** Variables have not been replaced: what cannot be read because of them stays as it is. */
  readonly keepsVariables: boolean;
}

/** `SOURCE[:TARGET[:PERMISSIONS]]`. */
export function device(
  node: RawNode,
  path: Path,
  { problems, keepsVariables }: CanonicalOptions,
): RawNode | undefined {
  if (!isText(node)) return node;
  const [source = '', target, permissions, extra] = node.value.split(':');
  if (extra !== undefined) {
    if (keepsVariables && hasVariable(node)) return node;
    const message = `confusing device mapping, please use long syntax: ${node.value}`;
    problems.error({ position: node.position, path }, message);
    return undefined;
  }
  const text = (value: string): RawScalar => scalar(value, node.position);
  return mapOf(
    {
      source: text(source),
      target: text(target ?? source),
      permissions: text(permissions ?? 'rwm'),
    },
    node.position,
  );
}

/** `[SOURCE:]TARGET[:OPTIONS]`. */
export function volume(
  node: RawNode,
  path: Path,
  { problems, keepsVariables }: CanonicalOptions,
): RawNode | undefined {
  if (!isText(node)) return node;
  const { position } = node;
  const spec = parseVolumeSpec(node.value);
  if (spec.kind === 'invalid') {
    if (keepsVariables && hasVariable(node)) return node;
    problems.error({ position, path }, spec.reason, {
      hint: 'write it as SOURCE:TARGET[:OPTIONS]',
    });
    return undefined;
  }
  const text = (value: string): RawScalar => scalar(value, position);
  const yes = scalar(true, position);
  const bind: Record<string, RawNode> = {};
  if (spec.propagation !== undefined) bind['propagation'] = text(spec.propagation);
  if (spec.selinux !== undefined) bind['selinux'] = text(spec.selinux);
  if (spec.type === 'bind') bind['create_host_path'] = yes;
  const isShortest = node.value.length <= 2;
  const hasVolume = spec.noCopy || (spec.type === 'volume' && !isShortest);
  for (const option of spec.ignored) {
    if (!['cached', 'delegated', 'consistent'].includes(option))
      problems.warning(
        { position, path },
        `volume option ${JSON.stringify(option)} is not known and ignored`,
      );
  }
  return mapOf(
    {
      type: text(spec.type),
      ...(spec.source === undefined ? {} : { source: text(spec.source) }),
      target: text(isShortest ? spec.target : cleanPath(spec.target)),
      ...(spec.isReadOnly ? { read_only: yes } : {}),
      ...(Object.keys(bind).length > 0 ? { bind: mapOf(bind, position) } : {}),
      ...(hasVolume ? { volume: mapOf(spec.noCopy ? { nocopy: yes } : {}, position) } : {}),
    },
    position,
  );
}

/** `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, a port each. */
export function ports(node: RawNode, path: Path, options: CanonicalOptions): RawNode {
  if (node.kind !== 'list') return node;
  const made: RawNode[] = [];
  for (const [index, item] of node.items.entries()) {
    const reason = item.kind === 'scalar' ? portFault(item) : undefined;
    if (reason !== undefined) {
      // A range may be hidden in a variable: then no port of the list is certain.
      if (options.keepsVariables && hasVariable(item)) return node;
      options.problems.error({ position: item.position, path: [...path, index] }, reason, {
        hint: 'write it as [[IP:]HOST:]CONTAINER[/PROTOCOL], in quotes',
      });
    } else if (item.kind === 'scalar') made.push(...portsOf(item));
    else made.push(item);
  }
  return { ...node, items: made };
}

function hasVariable(node: RawNode): boolean {
  return node.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('$');
}

const MAX_PORT = 65535;
const NO_TARGET = 'service ports is missing a target port';

function portFault({ value }: RawScalar): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value)) {
    if (value < 0 || value > MAX_PORT) return `Invalid containerPort: ${value}`;
    return value === 0 ? NO_TARGET : undefined;
  }
  const specs = parsePortSpec(scalarText(value));
  if (specs.kind === 'invalid') return specs.reason;
  if (specs.ports.some(({ target }) => target === 0)) return NO_TARGET;
  return typeof value === 'string' ? undefined : 'is not a port';
}

function portsOf(item: RawScalar): readonly RawNode[] {
  const { position, value } = item;
  if (typeof value === 'number') return [mapOf({ target: item }, position)];
  const specs = parsePortSpec(scalarText(value));
  if (specs.kind === 'invalid') return [];
  return specs.ports.map(({ hostIp, target, published, protocol }) =>
    mapOf(
      {
        mode: scalar('ingress', position),
        ...(hostIp === undefined ? {} : { host_ip: scalar(hostIp, position) }),
        target: scalar(target, position),
        ...(published === undefined ? {} : { published: scalar(published, position) }),
        protocol: scalar(protocol, position),
      },
      position,
    ),
  );
}

/** Whether `node` is a string. */
export function isText(node: RawNode | undefined): node is RawScalar & { readonly value: string } {
  return node?.kind === 'scalar' && typeof node.value === 'string';
}

/** A path in a container, without detours and without a slash at its end. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}
