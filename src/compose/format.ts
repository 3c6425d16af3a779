import type { Json, JsonObject } from '../model/project.ts';
import { isObject } from './fields.ts';
import type { Shape } from './shape.ts';
import { PROJECT } from './shapes.ts';
import { writeYaml } from './write-yaml.ts';

/**
 * A project as `ocup config` prints it, with a newline at its end. A `$` is written `$$`, so that what is
 * printed can be loaded again.
 */
export function formatProject(
  { canonical }: { readonly canonical: JsonObject },
  format: 'yaml' | 'json',
): string {
  const text = format === 'json' ? jsonText(toJsonForm(canonical)) : writeYaml(canonical, PROJECT);
  return escapeDollars(text);
}

/** A model whose variables were kept: as the files have it, sorted by name, without writing `$` twice. */
export function formatPlain(canonical: JsonObject, format: 'yaml' | 'json'): string {
  return format === 'json' ? jsonText(withNulls(canonical)) : writeYaml(canonical, undefined);
}

/** Lists of a service, and of its `build`, that docker compose prints as `null` in JSON where they are empty. */
const NULL_WHERE_EMPTY = new Set(['args', 'command', 'entrypoint', 'environment', 'label_file']);

function withNulls(canonical: JsonObject): JsonObject {
  const { services } = canonical;
  if (!isObject(services)) return canonical;
  const made = Object.entries(services).map(([name, service]): [string, Json] => {
    if (!isObject(service)) return [name, service];
    const { build } = service;
    const whole = isObject(build) ? { ...service, build: withoutEmpty(build) } : service;
    return [name, withoutEmpty(whole)];
  });
  return { ...canonical, services: Object.fromEntries(made) };
}

function withoutEmpty(values: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]): [string, Json] => {
      const isEmpty = Array.isArray(value) && value.length === 0;
      return [key, isEmpty && NULL_WHERE_EMPTY.has(key) ? null : value];
    }),
  );
}

function jsonText(value: Json): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** The JSON of docker compose: other top-level order, no extensions of services, some zero values shown. */
export function toJsonForm(canonical: JsonObject): Json {
  const made: Record<string, Json> = {};
  for (const key of Object.keys(canonical).sort()) {
    const value = canonical[key];
    if (value === undefined || key === 'models') continue;
    const field = PROJECT.fields[key];
    made[key] = field === undefined ? nullWhereEmpty(value) : jsonValue(value, field.shape);
  }
  return made;
}

/** The value of an extension, with `null` for each list that is empty. */
function nullWhereEmpty(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.length === 0 ? null : value.map(nullWhereEmpty);
  const entries = Object.entries(value).map(([key, item]) => [key, nullWhereEmpty(item)] as const);
  return Object.fromEntries(entries);
}

function jsonValue(value: Json, shape: Shape): Json {
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) {
    return shape.kind === 'list' ? value.map((item) => jsonValue(item, shape.items)) : value;
  }
  if (shape.kind === 'record') {
    const entries = Object.entries(value).map(([key, item]): [string, Json] => [
      key,
      jsonValue(item, shape.values),
    ]);
    return Object.fromEntries(entries);
  }
  if (shape.kind === 'ulimit')
    return Object.fromEntries(Object.entries(value).filter(([, limit]) => limit !== 0));
  if (shape.kind !== 'object') return value;
  const made: Record<string, Json> = {};
  for (const [name, field] of Object.entries(shape.fields)) {
    const below = value[name] ?? missing(field.json);
    if (below !== undefined) made[field.jsonName ?? name] = jsonValue(below, field.shape);
  }
  return made;
}

function missing(json: 'null' | 'object' | undefined): Json | undefined {
  if (json === undefined) return undefined;
  return json === 'null' ? null : {};
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}

/** `text` with every `$` written twice. */
export function escapeDollars(text: string): string {
  return text.replaceAll('$', '$$$$');
}
