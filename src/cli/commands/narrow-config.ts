import type { Json, JsonObject } from '../../model/project.ts';
import { noSuchService } from '../../plan/selection.ts';

/**
 * The model with only the named services, what they depend on, and the resources that those use; without names as
 * it is.
 * @throws E_USAGE_NO_SUCH_SERVICE
 */
export function narrowed(canonical: JsonObject, names: readonly string[]): JsonObject {
  if (names.length === 0) return canonical;
  const services = sectionOf(canonical, 'services');
  const kept = new Map<string, JsonObject>();
  const keep = (name: string): void => {
    const service = services.get(name);
    if (service === undefined) throw noSuchService(name, [...services.keys()]);
    if (kept.has(name)) return;
    kept.set(name, objectOf(service));
    Object.keys(objectOf(objectOf(service)['depends_on'])).forEach(keep);
  };
  names.forEach(keep);
  const made = new Map(Object.entries(canonical));
  for (const [section, usedBy] of Object.entries(RESOURCES)) {
    const used = new Set([...kept.values()].flatMap(usedBy));
    const entries = [...sectionOf(canonical, section)].filter(([name]) => used.has(name));
    if (entries.length > 0) made.set(section, Object.fromEntries(entries));
    else made.delete(section);
  }
  const entries = [...services].filter(([name]) => kept.has(name));
  made.set('services', Object.fromEntries(entries));
  return Object.fromEntries(made);
}

/** What a service uses of each section. */
const RESOURCES: Readonly<Record<string, (service: JsonObject) => readonly string[]>> = {
  networks: (service) => Object.keys(objectOf(service['networks'])),
  volumes: (service) =>
    itemsOf(service['volumes']).flatMap((item) =>
      item['type'] === 'volume' ? sourceOf(item) : [],
    ),
  secrets: (service) =>
    [...itemsOf(service['secrets']), ...itemsOf(objectOf(service['build'])['secrets'])].flatMap(
      sourceOf,
    ),
  configs: (service) => itemsOf(service['configs']).flatMap(sourceOf),
  models: (service) => Object.keys(objectOf(service['models'])),
};

/** A map of the model by key: its services, volumes, … */
export function sectionOf(canonical: JsonObject, key: string): ReadonlyMap<string, Json> {
  return new Map(Object.entries(objectOf(canonical[key])));
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !isList(value) ? value : {};
}

function itemsOf(value: Json | undefined): readonly JsonObject[] {
  return value !== undefined && isList(value) ? value.map(objectOf) : [];
}

function sourceOf({ source }: JsonObject): string[] {
  return typeof source === 'string' ? [source] : [];
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
