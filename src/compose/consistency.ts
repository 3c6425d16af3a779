import { findBytes } from '../base/units.ts';
import { checkCycles } from './check-cycles.ts';
import { findClosest } from './did-you-mean.ts';
import { isTrue } from './normalise.ts';
import type { Problems } from './problems.ts';
import {
  type Path,
  type RawMap,
  type RawNode,
  entriesOf,
  findChild,
  findMap,
  findText,
  itemsOf,
  scalarText,
} from './raw-tree.ts';

/**
 * Tells what does not fit together in a canonical project: names that are not declared, attributes that
 * exclude each other or say different things, dependency cycles. `disabled` are services that exist but take
 * no part.
 */
export function checkConsistency(
  root: RawMap,
  problems: Problems,
  disabled: readonly string[],
): void {
  const check = new Check(root, problems, disabled);
  for (const [name, { node, position }] of entriesOf(root, 'services'))
    if (node.kind === 'map') check.service(node, name, position);
  check.containerNames();
  check.secrets();
  checkCycles(root, problems);
}

/** What a value is called in the limits of `deploy.resources`. */
const TWICE = [
  ['cpus', ['limits', 'cpus']],
  ['mem_limit', ['limits', 'memory']],
  ['mem_reservation', ['reservations', 'memory']],
  ['pids_limit', ['limits', 'pids']],
] as const;

class Check {
  private readonly root: RawMap;
  private readonly problems: Problems;
  private readonly disabled: ReadonlySet<string>;

  constructor(root: RawMap, problems: Problems, disabled: readonly string[]) {
    this.root = root;
    this.problems = problems;
    this.disabled = new Set(disabled);
  }

  service(node: RawMap, name: string, position: RawNode['position']): void {
    const path: Path = ['services', name];
    const has = (key: string): boolean => {
      const child = findChild(node, key);
      return (
        child !== undefined &&
        !(child.kind === 'scalar' && (child.value === null || child.value === ''))
      );
    };
    const isNamed = has('image') || has('build') || has('provider');
    // What is wrong with the service may be just that its image is written wrongly.
    if (!isNamed && !this.problems.hasErrorBelow(path)) {
      this.problems.error(
        { position, path },
        `service ${JSON.stringify(name)} has neither an image nor a build context specified: invalid compose project`,
        { hint: 'add `image:`' },
      );
    }
    this.build(node, name);
    this.networks(node, name);
    this.dependencies(node, name);
    this.healthcheck(node, path);
    this.resources(node, name);
    this.scale(node, name);
    this.references(node, name);
    this.mounts(node, name);
    this.watch(node, name);
  }

  /** Containers of all projects share their names: two services cannot have the same. */
  containerNames(): void {
    const taken = new Map<string, string>();
    for (const [name, { node }] of entriesOf(this.root, 'services')) {
      const container = findChild(node, 'container_name');
      const text = container === undefined ? undefined : textOf(container);
      if (container === undefined || text === undefined || text === '') continue;
      const other = taken.get(text);
      taken.set(text, other ?? name);
      if (other === undefined) continue;
      const message = `container name ${JSON.stringify(text)} is already in use by service ${other}`;
      const place = { position: container.position, path: ['services', name, 'container_name'] };
      this.problems.error(place, message, { hint: 'leave `container_name` out of one of them' });
    }
  }

  /** A driver alone brings no content to a container. */
  secrets(): void {
    for (const [name, { node, position }] of entriesOf(this.root, 'secrets')) {
      if (node.kind !== 'map' || isTrue(findChild(node, 'external'))) continue;
      const source = findText(node, 'environment') ?? '';
      if (node.entries.has('file') || source !== '') continue;
      const message = `secret ${JSON.stringify(name)} must declare either \`file\` or \`environment\`: invalid compose project`;
      const path = ['secrets', name];
      if (!this.problems.hasErrorBelow(path)) this.problems.error({ position, path }, message);
    }
  }

  private build(node: RawMap, name: string): void {
    const build = findMap(node, 'build');
    if (build === undefined) return;
    const path = ['services', name, 'build'];
    const inline = findChild(build, 'dockerfile_inline');
    if (findText(build, 'dockerfile') !== undefined && inline !== undefined)
      this.invalid(
        inline,
        path,
        `service ${JSON.stringify(name)} declares mutually exclusive dockerfile and dockerfile_inline`,
      );
    for (const [index, grant] of itemsOf(build, 'secrets').entries())
      this.declared(grant, findText(grant, 'source') ?? '', [...path, 'secrets', index], {
        service: name,
        section: 'secrets',
        noun: 'build secret',
      });
    const platform = findText(node, 'platform');
    const platforms = itemsOf(build, 'platforms').map(textOf);
    if (platform !== undefined && platforms.length > 0 && !platforms.includes(platform))
      this.invalid(
        build,
        [...path, 'platforms'],
        `service.build.platforms MUST include service.platform ${JSON.stringify(platform)}`,
      );
    for (const [key, { node: context, position }] of entriesOf(build, 'additional_contexts')) {
      const target = textOf(context)?.match(/^service:(.*)$/)?.[1];
      if (target === undefined) continue;
      const other = findChild(findMap(this.root, 'services'), target);
      const fault =
        other === undefined
          ? 'unknown'
          : findMap(other, 'build') === undefined
            ? 'non-buildable'
            : undefined;
      if (fault !== undefined)
        this.problems.error(
          { position, path: [...path, 'additional_contexts', key] },
          `service ${JSON.stringify(name)} declares ${fault} service ${JSON.stringify(target)} as additional contexts ${key}`,
        );
    }
  }

  private networks(node: RawMap, name: string): void {
    const mode = findChild(node, 'network_mode');
    const networks = findMap(node, 'networks');
    const isModeSet = (findText(node, 'network_mode') ?? '') !== '';
    if (isModeSet && mode !== undefined && (networks?.entries.size ?? 0) > 0)
      this.invalid(
        mode,
        ['services', name, 'network_mode'],
        `service ${name} declares mutually exclusive \`network_mode\` and \`networks\``,
      );
    const shared = findText(node, 'network_mode')?.match(/^service:(.*)$/)?.[1];
    const isKnown =
      shared === undefined ||
      findMap(node, 'depends_on')?.entries.has(shared) === true ||
      findMap(this.root, 'services')?.entries.has(shared) === true;
    if (!isKnown && mode !== undefined)
      this.problems.error(
        { position: mode.position, path: ['services', name, 'network_mode'] },
        `service ${JSON.stringify(shared)} not found for network_mode 'service:${shared}'`,
      );
    for (const [network, { position }] of networks?.entries ?? [])
      this.declared({ position }, network, ['services', name, 'networks', network], {
        service: name,
        section: 'networks',
        noun: 'network',
      });
  }

  private dependencies(node: RawMap, name: string): void {
    const services = findMap(this.root, 'services');
    for (const [other, { node: dependency, position }] of entriesOf(node, 'depends_on')) {
      if (services?.entries.has(other) === true) continue;
      if (this.problems.hasErrorBelow(['services', other])) continue;
      const isDisabled = this.disabled.has(other);
      if (isDisabled && !isTrue(findChild(dependency, 'required'))) continue;
      const closest = isDisabled ? undefined : findClosest(other, services?.entries.keys() ?? []);
      const hint = isDisabled
        ? `no active profile enables \`${other}\`: activate one with --profile`
        : closest === undefined
          ? undefined
          : `did you mean \`${closest}\`?`;
      this.problems.error(
        { position, path: ['services', name, 'depends_on', other] },
        `service ${JSON.stringify(name)} depends on undefined service ${JSON.stringify(other)}: invalid compose project`,
        { hint },
      );
    }
  }

  private healthcheck(node: RawMap, path: Path): void {
    const test = findChild(findMap(node, 'healthcheck'), 'test');
    const [first] = test?.kind === 'list' ? test.items : [];
    const word = first === undefined ? undefined : textOf(first);
    if (first === undefined || ['CMD', 'CMD-SHELL', 'NONE'].includes(word ?? '')) return;
    const message = 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"';
    const hint = 'put CMD in front, or write the test as one text for a shell';
    this.problems.error(
      { position: first.position, path: [...path, 'healthcheck', 'test'] },
      message,
      { hint },
    );
  }

  /** Both `cpus` and `deploy.resources.limits.cpus` may stand, if they say the same. */
  private resources(node: RawMap, name: string): void {
    for (const [key, [group, below]] of TWICE) {
      const own = findChild(node, key);
      const limits = findMap(findMap(findMap(node, 'deploy'), 'resources'), group);
      if (own === undefined || sizeOf(own) === 0 || limits === undefined) continue;
      if (sizeOf(own) === sizeOf(findChild(limits, below))) continue;
      this.invalid(
        own,
        ['services', name],
        `can't set distinct values on '${key}' and 'deploy.resources.${group}.${below}'`,
      );
    }
  }

  private scale(node: RawMap, name: string): void {
    const path = ['services', name];
    const scale = findChild(node, 'scale');
    const replicas = findChild(findMap(node, 'deploy'), 'replicas');
    const count = numberOf(scale) ?? numberOf(replicas) ?? 1;
    if (scale !== undefined && replicas !== undefined && numberOf(scale) !== numberOf(replicas))
      this.invalid(scale, path, "can't set distinct values on 'scale' and 'deploy.replicas'");
    const key = scale === undefined ? 'deploy.replicas' : 'scale';
    const counted = scale ?? replicas;
    if (count < 0 && counted !== undefined)
      this.invalid(counted, [...path, key], 'must be greater than or equal to 0');
    const container = findChild(node, 'container_name');
    if (count > 1 && container !== undefined)
      this.invalid(
        container,
        path,
        `can't set container_name and ${key} as container name must be unique`,
      );
  }

  private references(node: RawMap, name: string): void {
    const volumes = itemsOf(node, 'volumes');
    for (const [index, mount] of volumes.entries()) {
      if (findText(mount, 'type') !== 'volume') continue;
      const source = findText(mount, 'source');
      if (source !== undefined && source !== '')
        this.declared(mount, source, ['services', name, 'volumes', index], {
          service: name,
          section: 'volumes',
          noun: 'volume',
        });
    }
    for (const section of ['configs', 'secrets']) {
      for (const [index, grant] of itemsOf(node, section).entries())
        this.declared(grant, findText(grant, 'source') ?? '', ['services', name, section, index], {
          service: name,
          section,
          noun: section.slice(0, -1),
        });
    }
    for (const [model, { position }] of entriesOf(node, 'models'))
      this.declared({ position }, model, ['services', name, 'models', model], {
        service: name,
        section: 'models',
        noun: 'model',
      });
  }

  private declared(
    { position }: Pick<RawNode, 'position'>,
    name: string,
    path: Path,
    { service, section, noun }: { service: string; section: string; noun: string },
  ): void {
    const resources = findMap(this.root, section)?.entries;
    if (resources?.has(name) === true) return;
    // What is wrong with the declaration has been told.
    if (this.problems.hasErrorBelow([section, name])) return;
    const closest = findClosest(name, resources?.keys() ?? []);
    const declare = `${noun} \`${name}\` is not declared: add it under the top-level \`${section}:\``;
    const correct = closest === undefined ? declare : `did you mean \`${closest}\`?`;
    const hint = name === '' ? 'name it with `source:`' : correct;
    const message = `service ${JSON.stringify(service)} refers to undefined ${noun} ${name}: invalid compose project`;
    this.problems.error({ position, path }, message, { hint });
  }

  private mounts(node: RawMap, name: string): void {
    const taken = new Map<string, string>();
    const take = (target: string, item: RawNode, path: Path, place: string): void => {
      const other = taken.get(target);
      if (other === undefined) taken.set(target, place);
      else
        this.problems.error(
          { position: item.position, path },
          `target ${target} already mounted as ${other}`,
        );
    };
    for (const key of ['tmpfs', 'volumes']) {
      for (const [index, item] of itemsOf(node, key).entries()) {
        const target = key === 'tmpfs' ? textOf(item)?.split(':', 1)[0] : findText(item, 'target');
        if (target !== undefined)
          take(target, item, ['services', name, key, index], `services.${name}.${key}[${index}]`);
      }
    }
  }

  private watch(node: RawMap, name: string): void {
    const path = ['services', name, 'develop', 'watch'];
    for (const [index, rule] of itemsOf(findMap(node, 'develop'), 'watch').entries()) {
      if (findText(rule, 'path') === '')
        this.invalid(rule, [...path, index, 'path'], "value can't be blank");
      const action = findText(rule, 'action');
      if (findText(rule, 'target') !== undefined || action?.startsWith('sync') !== true) continue;
      this.invalid(rule, [...path, index], 'target is required for non-rebuild actions');
    }
  }

  private invalid({ position }: RawNode, path: Path, message: string): void {
    this.problems.error({ position, path }, `${message}: invalid compose project`);
  }
}

function textOf(node: RawNode): string | undefined {
  return node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

function numberOf(node: RawNode | undefined): number | undefined {
  if (node?.kind !== 'scalar' || node.value === null || node.value === '') return undefined;
  const value = Number(node.value);
  return Number.isNaN(value) ? undefined : value;
}

/** A number or a number of bytes; what is not there is 0. */
function sizeOf(node: RawNode | undefined): number | string {
  const text = node?.kind === 'scalar' ? scalarText(node.value) : '';
  return numberOf(node) ?? findBytes(text) ?? (text === '' ? 0 : text);
}
