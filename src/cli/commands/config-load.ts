import { formatPlain, formatProject } from '../../compose/format.ts';
import type { Model } from '../../compose/load-model.ts';
import { loadModel } from '../../compose/load-project.ts';
import { findVariables, type Variable } from '../../compose/template.ts';
import type { Json, JsonObject } from '../../model/project.ts';
import { formatTable } from '../format/table.ts';
import { loadOptions, warningsOf } from '../load.ts';
import type { RawOptions } from '../raw-options.ts';
import type { Session } from '../session.ts';
import { narrowed, objectOf, sectionOf } from './narrow-config.ts';

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
  canonical: JsonObject,
  services: readonly string[],
  options: RawOptions,
): string {
  const format = options.choice('format', ['yaml', 'json']) ?? 'yaml';
  const shown = narrowed(canonical, services);
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

/**
 * The variables that the files mention, as a table or JSON. `model` was loaded without replacing them.
 * @throws E_USAGE
 */
export function variablesText({ canonical }: Model, options: RawOptions): string {
  const found = new Map<string, Variable>();
  for (const text of textsOf(canonical)) {
    for (const variable of findVariables(text)) {
      const known = found.get(variable.name);
      if (known === undefined || isBare(known)) found.set(variable.name, variable);
    }
  }
  const variables = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (options.choice('format', ['table', 'json', 'yaml']) === 'json') return jsonOf(variables);
  const rows = variables.map((item) => [
    item.name,
    String(item.isRequired),
    item.defaultValue ?? '',
    item.alternateValue ?? '',
  ]);
  const heads = ['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'];
  return formatTable([heads, ...rows], { minWidth: 20, padding: 3 });
}

/** Whether it says nothing but the name; another mention of the name may say more. */
function isBare({ isRequired, defaultValue, alternateValue }: Variable): boolean {
  return !isRequired && defaultValue === undefined && alternateValue === undefined;
}

/** In docker compose's words. */
function jsonOf(variables: readonly Variable[]): string {
  const items = variables.map((item) => [
    item.name,
    {
      Name: item.name,
      DefaultValue: item.defaultValue ?? '',
      PresenceValue: item.alternateValue ?? '',
      Required: item.isRequired,
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(items), undefined, 4)}\n`;
}

/** The image of each service; one that is built is named after project and service. */
export function imagesOf({ canonical, name }: Model, services: readonly string[]): string[] {
  return [...sectionOf(narrowed(canonical, services), 'services')].map(([key, service]) => {
    const { image } = objectOf(service);
    return typeof image === 'string' && image !== '' ? image : `${name}-${key}`;
  });
}

/** What the models are called where they come from. */
export function modelsOf(canonical: JsonObject): string[] {
  return [...sectionOf(canonical, 'models').values()].flatMap((model) => {
    const name = objectOf(model)['model'];
    return typeof name === 'string' ? [name] : [];
  });
}

function* textsOf(value: Json): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) yield* textsOf(child);
  }
}
