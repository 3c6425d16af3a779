import { dirname, resolve } from 'node:path';
import { canonicalise } from './canonicalise.ts';
import { findClosest } from './did-you-mean.ts';
import { readDocuments } from './read-documents.ts';
import { type Loading, canonicalOptions, rebase } from './loading.ts';
import { mergeFiles, mergeService } from './merge.ts';
import { resolvePaths } from './paths.ts';
import type { Place } from './problems.ts';
import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findMap,
  findText,
  withEntry,
  withoutEntry,
} from './raw-tree.ts';
import { dropRepeated } from './unique.ts';

/**
 * `root` with each service that extends another put on top of that one. Relative paths of services in other
 * files are made relative to the project. Circles and missing services go to the problems.
 *
 * @see compose-spec 05-services.md#extends
 */
export async function applyExtends(root: RawMap, file: string, loading: Loading): Promise<RawMap> {
  const services = findMap(root, 'services');
  if (services === undefined) return root;
  const extension = new Extension(loading);
  let made: Map<string, RawEntry> | undefined;
  for (const [name, entry] of services.entries) {
    if (findChild(entry.node, 'extends') === undefined) continue;
    const node = await extension.resolve({ name, services, file }, []);
    made ??= new Map(services.entries);
    made.set(name, { ...entry, node });
  }
  return made === undefined ? root : withEntry(root, 'services', { ...services, entries: made });
}

/** A service and where it stands. */
interface Reference {
  readonly name: string;
  readonly services: RawMap;
  readonly file: string;
}

interface Target {
  readonly service: string;
  readonly file: string | undefined;
}

class Extension {
  private readonly loading: Loading;
  private readonly resolved = new Map<string, RawNode>();
  private readonly loaded = new Map<string, RawMap>();

  constructor(loading: Loading) {
    this.loading = loading;
  }

  async resolve(reference: Reference, chain: readonly Reference[]): Promise<RawNode> {
    const { name, services, file } = reference;
    const key = `${file}\0${name}`;
    const known = this.resolved.get(key);
    if (known !== undefined) return known;
    const service = findChild(services, name);
    if (service?.kind !== 'map') return service ?? emptyMap(services);
    const made = await this.extend(service, reference, chain);
    this.resolved.set(key, made);
    return made;
  }

  private async extend(
    service: RawMap,
    reference: Reference,
    chain: readonly Reference[],
  ): Promise<RawNode> {
    const own = withoutEntry(service, 'extends');
    const entry = service.entries.get('extends');
    if (entry === undefined) return service;
    const place = { position: entry.position, path: ['services', reference.name, 'extends'] };
    const circle = chain.findIndex((one) => isSame(one, reference));
    if (circle >= 0) {
      this.loading.problems.error(place, describeCircle([...chain.slice(circle), reference]));
      return own;
    }
    const target = findTarget(entry.node);
    if (target === undefined) {
      this.loading.problems.error(place, `extends.${reference.name}.service is required`);
      return own;
    }
    const base = await this.base(target, reference, place);
    if (base === undefined) return own;
    const resolved = await this.resolve(base, [...chain, reference]);
    if (resolved.kind !== 'map') return own;
    return mergeService(resolved, own, reference.name, this.loading.problems);
  }

  /** The service that `target` names, as it stands in its file. */
  private async base(
    target: Target,
    reference: Reference,
    place: Place,
  ): Promise<Reference | undefined> {
    const { projectDir, problems } = this.loading;
    const file = target.file === undefined ? reference.file : resolve(projectDir, target.file);
    const services =
      target.file === undefined ? reference.services : await this.services(file, place);
    if (services === undefined) return undefined;
    if (services.entries.has(target.service)) return { name: target.service, services, file };
    const others = [...services.entries.keys()].filter((name) => name !== reference.name);
    const closest = findClosest(target.service, others);
    const message = `cannot extend service ${JSON.stringify(reference.name)} in ${reference.file}: service ${JSON.stringify(target.service)} not found`;
    const inFile = target.file === undefined ? '' : ` in ${target.file}`;
    problems.error(place, message + inFile, {
      hint: closest === undefined ? undefined : `did you mean \`${closest}\`?`,
    });
    return undefined;
  }

  /** The services of another file, canonical, with paths that are right from the project's folder. */
  private async services(file: string, place: Place): Promise<RawMap | undefined> {
    const known = this.loaded.get(file);
    if (known !== undefined) return known;
    const { problems } = this.loading;
    const errors = problems.errorCount;
    let merged: RawMap | undefined;
    for (const document of await readDocuments(file, this.loading, place))
      merged = mergeFiles(merged, document, { problems, keepsTags: false });
    const missing = `cannot extend a service in ${file}: no services section`;
    if (merged === undefined) {
      if (problems.errorCount === errors) problems.error(place, missing);
      return undefined;
    }
    const canonical = canonicalise(dropRepeated(merged), canonicalOptions(this.loading));
    const based = resolvePaths(canonical, rebase(this.loading, dirname(file)));
    const services = findMap(based, 'services');
    if (services === undefined) {
      problems.error(place, missing);
      return undefined;
    }
    this.loaded.set(file, services);
    return services;
  }
}

function findTarget(node: RawNode): Target | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'string')
    return { service: node.value, file: undefined };
  const service = findText(node, 'service');
  return service === undefined ? undefined : { service, file: findText(node, 'file') };
}

function isSame(a: Reference, b: Reference): boolean {
  return a.file === b.file && a.name === b.name;
}

function describeCircle(circle: readonly Reference[]): string {
  const [first, ...others] = circle.map(({ name, file }) => `${name} in ${file}`);
  return `Circular reference:\n  ${first ?? ''}${others.map((other) => `\n  extends ${other}`).join('')}`;
}

function emptyMap({ position }: RawMap): RawMap {
  return { kind: 'map', entries: new Map(), position };
}
