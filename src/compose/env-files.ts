import { resolve } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { type DotenvEntry, parseDotenv, parseRawEnv } from './dotenv.ts';
import { type Variables, reportFault } from './environment.ts';
import type { Place, Problems } from './problems.ts';
import {
  type RawEntry,
  type RawMap,
  type RawNode,
  findChild,
  findMap,
  findText,
  itemsOf,
  scalar,
  withEntry,
  withoutEntry,
} from './raw-tree.ts';
import { isTrue } from './normalise.ts';
import type { SourceFiles } from './source-files.ts';
import type { Lookup } from './template.ts';

/** What reading the files of services needs. */
export interface EnvFileReading {
  readonly files: SourceFiles;
  readonly problems: Problems;
  readonly variables: Variables;
  /** Paths that have not been resolved are below it. */
  readonly projectDir: string;
}

/**
 * `root` with the variables of each service's `env_file` in its `environment`, and the labels of its
 * `label_file` in its `labels`; what the service sets itself wins. Each keeps the line that set it.
 *
 * @see compose-spec 05-services.md#env_file, 05-services.md#label_file
 */
export async function resolveEnvFiles(root: RawMap, reading: EnvFileReading): Promise<RawMap> {
  const services = findMap(root, 'services');
  if (services === undefined) return root;
  const cache = new FileCache(reading.files);
  const entries = new Map(services.entries);
  for (const [name, entry] of services.entries) {
    const { node } = entry;
    if (node.kind !== 'map' || !(node.entries.has('env_file') || node.entries.has('label_file')))
      continue;
    const path = ['services', name];
    const withVariables = await resolveEnvironment(node, path, { ...reading, cache });
    const made = await resolveLabels(withVariables, path, { ...reading, cache });
    entries.set(name, { ...entry, node: made });
  }
  return withEntry(root, 'services', { ...services, entries });
}

type CachedReading = EnvFileReading & { readonly cache: FileCache };

async function resolveEnvironment(
  service: RawMap,
  path: readonly string[],
  reading: CachedReading,
): Promise<RawMap> {
  const own = toEntries(findChild(service, 'environment'));
  const found = new Map<string, RawEntry>();
  const textOf = (entry: RawEntry | undefined): string | undefined =>
    entry?.node.kind === 'scalar' && typeof entry.node.value === 'string'
      ? entry.node.value
      : undefined;
  const lookup: Lookup = (name) =>
    reading.variables.get(name) ?? textOf(own.get(name)) ?? textOf(found.get(name));
  for (const [index, item] of itemsOf(service, 'env_file').entries()) {
    const file = resolve(reading.projectDir, findText(item, 'path') ?? '');
    const place = { position: item.position, path: [...path, 'env_file', index] };
    const text = await reading.cache.read(file, place, reading.problems);
    if (text === undefined) {
      if (isTrue(findChild(item, 'required')))
        reading.problems.error(place, `env file ${file} not found`, {
          hint: 'make the file, or set `required: false`',
          code: 'E_COMPOSE_READ',
        });
      continue;
    }
    const format = findText(item, 'format');
    if (format !== undefined && format !== '' && format !== 'raw') {
      reading.problems.error(place, `unsupported env_file format ${JSON.stringify(format)}`, {
        hint: 'leave `format` out, or set it to `raw`',
      });
      continue;
    }
    const parsed = format === 'raw' ? parseRawEnv(text, lookup) : parseDotenv(text, lookup);
    reportFault(file, parsed, reading.problems);
    for (const entry of parsed.entries) found.set(entry.name, asEntry(entry, file));
  }
  for (const [name, entry] of own) found.set(name, entry);
  const rest = withoutEntry(service, 'env_file');
  if (found.size === 0) return rest;
  return withEntry(rest, 'environment', {
    kind: 'map',
    entries: found,
    position: service.position,
  });
}

async function resolveLabels(
  service: RawMap,
  path: readonly string[],
  reading: CachedReading,
): Promise<RawMap> {
  const own = toEntries(findChild(service, 'labels'));
  const found = new Map<string, RawEntry>();
  for (const [index, item] of itemsOf(service, 'label_file').entries()) {
    const name = item.kind === 'scalar' && typeof item.value === 'string' ? item.value : '';
    const file = resolve(reading.projectDir, name);
    const place = { position: item.position, path: [...path, 'label_file', index] };
    const text = await reading.cache.read(file, place, reading.problems);
    if (text === undefined) {
      reading.problems.error(place, `label file ${file} not found`, { code: 'E_COMPOSE_READ' });
      continue;
    }
    const parsed = parseDotenv(text, (name) => reading.variables.get(name));
    reportFault(file, parsed, reading.problems);
    for (const entry of parsed.entries) found.set(entry.name, asEntry(entry, file));
  }
  for (const [name, entry] of own) found.set(name, entry);
  const rest = withoutEntry(service, 'label_file');
  if (found.size === 0) return rest;
  return withEntry(rest, 'labels', { kind: 'map', entries: found, position: service.position });
}

function asEntry({ name: _, value, line }: DotenvEntry, file: string): RawEntry {
  const position = { file, line, column: 1 };
  return { position, node: scalar(value, position) };
}

/** `environment` or `labels` by name; `K` without a value is null. */
export function toEntries(node: RawNode | undefined): ReadonlyMap<string, RawEntry> {
  if (node?.kind === 'map') return node.entries;
  const entries = new Map<string, RawEntry>();
  if (node?.kind !== 'list') return entries;
  for (const item of node.items) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') continue;
    const { value, position } = item;
    const equals = value.indexOf('=');
    const name = equals < 0 ? value : value.slice(0, equals);
    entries.set(name, {
      position,
      node: scalar(equals < 0 ? null : value.slice(equals + 1), position),
    });
  }
  return entries;
}

/** Many services share the same file; what cannot be read is told where it is named. */
class FileCache {
  private readonly files: SourceFiles;
  private readonly texts = new Map<string, Promise<string | undefined>>();

  constructor(files: SourceFiles) {
    this.files = files;
  }

  async read(path: string, place: Place, problems: Problems): Promise<string | undefined> {
    const known = this.texts.get(path) ?? this.files.read(path);
    this.texts.set(path, known);
    try {
      return await known;
    } catch (error) {
      problems.error(place, `failed to read ${path}: ${messageOf(error)}`, {
        code: 'E_COMPOSE_READ',
      });
      return '';
    }
  }
}
