import { formatPlain, formatProject } from '../../compose/format.ts';
import type { Model } from '../../compose/load-model.ts';
import { loadModel } from '../../compose/load-project.ts';
import { findVariables, type Variable } from '../../compose/template.ts';
import type { Json, JsonObject } from '../../model/project.ts';
import { noSuchService } from '../../plan/selection.ts';
import { formatTable } from '../format/table.ts';
import { loadOptions, warningsOf } from '../load.ts';
import type { RawOptions } from '../raw-options.ts';
import type { Session } from '../session.ts';

/** The project as `config` is asked to read it; warnings are printed. @throws E_COMPOSE_… */
export async function loadConfig(
  session: Session,
  services: readonly string[],
  options: RawOptions,
): Promise<Model> {
  const { context, globals } = session;
  const model = await loadModel({
    ...loadOptions(context, globals, { services, allProfiles: options.flag('profiles') }),
    interpolate: !options.flag('no-interpolate'),
    normalize: !options.flag('no-normalize'),
    resolvePaths: !options.flag('no-path-resolution'),
    checkConsistency: !options.flag('no-consistency'),
    resolveEnvironment: !options.flag('no-env-resolution'),
  });
  for (const warning of warningsOf(model, context)) session.warn(warning);
  return model;
}

/**
 * The project, or only the named services with what they depend on, as text that can be loaded again.
 * @throws E_USAGE_NO_SUCH_SERVICE
 */
export function formatConfig(
  { canonical }: Model,
  services: readonly string[],
  options: RawOptions,
): string {
  const format = options.choice('format', ['yaml', 'json']) ?? 'yaml';
  const shown = services.length === 0 ? canonical : narrowed(canonical, services);
  if (options.flag('no-interpolate')) return formatPlain(shown, format);
  return formatProject({ canonical: shown }, format);
}

/** `NAME=value` of all that variables in the files are replaced by, sorted. */
export function environmentText({ variables }: Model): string {
  return [...variables]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** A table of the variables that the files mention. `model` was loaded without replacing them. */
export function variablesText({ canonical }: Model): string {
  const found = new Map<string, Variable>();
  for (const text of textsOf(canonical)) {
    for (const variable of findVariables(text)) {
      if (!found.has(variable.name)) found.set(variable.name, variable);
    }
  }
  const rows = [...found.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((item) => [
      item.name,
      String(item.isRequired),
      item.defaultValue ?? '',
      item.alternateValue ?? '',
    ]);
  return formatTable([['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'], ...rows]);
}

/** A map of the model by key: its services, volumes, … */
export function sectionOf(canonical: JsonObject, key: string): ReadonlyMap<string, Json> {
  return new Map(Object.entries(objectOf(canonical[key])));
}

function narrowed(canonical: JsonObject, names: readonly string[]): JsonObject {
  const services = sectionOf(canonical, 'services');
  const kept = new Set<string>();
  const keep = (name: string): void => {
    const service = services.get(name);
    if (service === undefined) throw noSuchService(name, [...services.keys()]);
    if (kept.has(name)) return;
    kept.add(name);
    Object.keys(objectOf(objectOf(service)['depends_on'])).forEach(keep);
  };
  names.forEach(keep);
  const entries = [...services].filter(([name]) => kept.has(name));
  return { ...canonical, services: Object.fromEntries(entries) };
}

function* textsOf(value: Json): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) yield* textsOf(child);
  }
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !isList(value) ? value : {};
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
