import type { Position } from '../model/project.ts';
import { findClosest } from './did-you-mean.ts';
import type { Problems } from './problems.ts';
import {
  type Path,
  type RawEntry,
  type RawList,
  type RawMap,
  type RawNode,
  type RawScalar,
  fingerprint,
  scalarText,
} from './raw-tree.ts';
import { type Schema, type SchemaType, composeSchema } from './schema.ts';

/**
 * Holds a file against the schema of compose files. Everything that does not fit goes to `problems`, and is
 * missing in the tree that comes back: what is left can be read without another look at its types.
 *
 * @see schemas/compose.schema.json
 */
export function validate(root: RawMap, problems: Problems): RawMap {
  const schema = composeSchema();
  const made = new Validation(schema, problems).node(root, schema, [], root.position);
  return made?.kind === 'map' ? made : { ...root, entries: new Map() };
}

/** Holds an entry of `include` against the schema; undefined if it does not fit. */
export function validateInclude(
  node: RawNode,
  path: Path,
  problems: Problems,
): RawNode | undefined {
  const root = composeSchema();
  return new Validation(root, problems).node(
    node,
    { $ref: '#/$defs/include' },
    path,
    node.position,
  );
}

/** Where people look for an attribute that belongs elsewhere. */
const MISPLACED: ReadonlyMap<string, string> = new Map([
  ['memory', 'use `mem_limit`, or `deploy.resources.limits.memory`'],
  ['replicas', 'use `scale`, or `deploy.replicas`'],
  ['dockerfile', 'put `dockerfile` under `build:`'],
  ['args', 'put `args` under `build:`'],
  ['context', 'put `context` under `build:`'],
  ['resources', 'put `resources` under `deploy:`'],
  ['net', 'use `network_mode`'],
  ['log_driver', 'use `logging.driver`'],
  ['log_opt', 'use `logging.options`'],
  ['env', 'use `environment`'],
  ['envfile', 'use `env_file`'],
  ['cmd', 'use `command`'],
  ['condition', 'put `condition` under `depends_on.SERVICE:`'],
]);

const PATTERN_HINTS: ReadonlyMap<string | number, string> = new Map([
  ['container_name', 'use at least two letters, digits, `_`, `.` or `-`, a letter or digit first'],
  ['gpus', 'use `all`, or a list of devices'],
  ['pull_policy', 'use always, never, missing, build, daily, weekly or every_ with a duration'],
]);

const DURATIONS: ReadonlySet<string | number> = new Set([
  'delay',
  'interval',
  'monitor',
  'start_interval',
  'start_period',
  'stop_grace_period',
  'timeout',
  'window',
]);

/** A number where a text belongs wants quotes, one of a duration a unit. */
function quotingHint(node: RawNode, path: Path): string | undefined {
  if (node.kind !== 'scalar' || node.value === null) return undefined;
  const text = scalarText(node.value);
  if (DURATIONS.has(path.at(-1) ?? '')) return `write it with a unit: ${text}s`;
  return `put it in quotes: ${JSON.stringify(text)}`;
}

const NOUNS: Readonly<Record<SchemaType, string>> = {
  null: 'null',
  boolean: 'boolean',
  integer: 'integer',
  number: 'number',
  string: 'string',
  array: 'list',
  object: 'mapping',
};

class Validation {
  private readonly root: Schema;
  private readonly problems: Problems;

  constructor(root: Schema, problems: Problems) {
    this.root = root;
    this.problems = problems;
  }

  node(node: RawNode, schema: Schema, path: Path, position: Position): RawNode | undefined {
    const { $ref } = schema;
    if ($ref !== undefined) return this.node(node, this.resolve($ref), path, position);
    if (!this.hasType(node, schema, path, position)) return undefined;
    switch (node.kind) {
      case 'scalar':
        return this.scalar(node, schema, path, position);
      case 'list':
        return this.list(node, schema, path);
      case 'map':
        return this.map(node, schema, path, position);
    }
  }

  private resolve(ref: string): Schema {
    const definition = this.root.$defs?.[ref.replace('#/$defs/', '')];
    if (definition === undefined) throw new Error(`the schema has no ${ref}`);
    return definition;
  }

  private hasType(node: RawNode, schema: Schema, path: Path, position: Position): boolean {
    const { type } = schema;
    if (type === undefined) return true;
    const types = typeof type === 'string' ? [type] : type;
    if (types.some((one) => isOfType(node, one))) return true;
    const hint = types.includes('string') ? quotingHint(node, path) : undefined;
    this.problems.error({ position, path }, `must be ${formatTypes(types)}`, { hint });
    return false;
  }

  private scalar(
    node: RawScalar,
    schema: Schema,
    path: Path,
    position: Position,
  ): RawNode | undefined {
    const { value } = node;
    const place = { position, path };
    if (schema.enum !== undefined && !schema.enum.includes(value)) {
      const words = schema.enum.map((word) => String(word));
      const closest = typeof value === 'string' ? findClosest(value, words) : undefined;
      const hint = closest === undefined ? undefined : `did you mean \`${closest}\`?`;
      this.problems.error(place, `must be one of ${words.join(', ')}`, { hint });
      return undefined;
    }
    if (
      typeof value === 'string' &&
      schema.pattern !== undefined &&
      !regExp(schema.pattern).test(value)
    ) {
      this.problems.error(place, `'${value}' does not match pattern '${schema.pattern}'`, {
        hint: PATTERN_HINTS.get(path.at(-1) ?? ''),
      });
      return undefined;
    }
    if (typeof value === 'number' || typeof value === 'bigint') {
      const { minimum = -Infinity, maximum = Infinity } = schema;
      if (value < minimum || value > maximum) {
        const bounds =
          maximum === Infinity ? `at least ${minimum}` : `between ${minimum} and ${maximum}`;
        this.problems.error(place, `must be ${bounds}`);
        return undefined;
      }
    }
    return node;
  }

  private list(node: RawList, schema: Schema, path: Path): RawNode {
    const items: RawNode[] = [];
    const seen = new Map<string, number>();
    const isUnique = schema.uniqueItems === true;
    for (const [index, item] of node.items.entries()) {
      if (isUnique && this.isRepeated(item, { index, seen, path })) continue;
      const itemPath = [...path, index];
      const made =
        schema.items === undefined ? item : this.node(item, schema.items, itemPath, item.position);
      if (made !== undefined) items.push(made);
    }
    return { ...node, items };
  }

  private isRepeated(
    item: RawNode,
    { index, seen, path }: { index: number; seen: Map<string, number>; path: Path },
  ): boolean {
    const key = fingerprint(item);
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, index);
      return false;
    }
    const message = `items at ${first} and ${index} are equal`;
    this.problems.error({ position: item.position, path: [...path, index] }, message, {
      hint: 'remove one of them',
    });
    return true;
  }

  private map(node: RawMap, schema: Schema, path: Path, position: Position): RawNode | undefined {
    for (const name of schema.required ?? []) {
      if (node.entries.has(name)) continue;
      this.problems.error({ position, path }, `missing property '${name}'`);
      return undefined;
    }
    const entries = new Map<string, RawEntry>();
    for (const [key, entry] of node.entries) {
      const below = findProperty(schema, key);
      if (below === undefined) {
        if (schema.additionalProperties === false) this.unknownKey(schema, key, entry, path);
        else entries.set(key, entry);
        continue;
      }
      const made = this.node(entry.node, below, [...path, key], entry.position);
      if (made !== undefined)
        entries.set(key, made === entry.node ? entry : { ...entry, node: made });
    }
    return { ...node, entries };
  }

  private unknownKey(schema: Schema, key: string, entry: RawEntry, path: Path): void {
    const { properties } = schema;
    const place = { position: entry.position, path };
    if (properties === undefined) {
      const message = `additional property ${key} is not allowed`;
      this.problems.error(place, message, {
        hint: 'names hold only letters, digits, `.`, `_` and `-`',
      });
      return;
    }
    const closest = findClosest(key, Object.keys(properties));
    const meant = closest === undefined ? MISPLACED.get(key) : `did you mean \`${closest}\`?`;
    const hint = meant ?? (path.length === 0 ? this.topLevelHint(key) : undefined);
    this.problems.error(place, `additional property ${key} is not allowed`, { hint });
  }

  /** Files of the first format had services at the top. */
  private topLevelHint(key: string): string {
    const attributes = this.root.$defs?.['service']?.properties ?? {};
    return key in attributes
      ? `\`${key}\` belongs to a service: put it below \`services.NAME:\``
      : 'call it `x-…` if it is an extension';
  }
}

function findProperty(schema: Schema, key: string): Schema | undefined {
  const { properties, patternProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key];
  for (const [pattern, below] of Object.entries(patternProperties ?? {})) {
    if (regExp(pattern).test(key)) return below;
  }
  return undefined;
}

function isOfType(node: RawNode, type: SchemaType): boolean {
  if (node.kind === 'list') return type === 'array';
  if (node.kind === 'map') return type === 'object';
  const { value } = node;
  switch (type) {
    case 'null':
      return value === null;
    case 'integer':
      return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
    case 'number':
      return typeof value === 'bigint' || typeof value === 'number';
    case 'boolean':
    case 'string':
      return typeof value === type;
    case 'array':
    case 'object':
      return false;
  }
}

/** `a string`, `a boolean, null or a number`. */
function formatTypes(types: readonly SchemaType[]): string {
  const words = types.map((type) => {
    const noun = NOUNS[type];
    if (type === 'null') return noun;
    return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
  });
  const last = words.pop() ?? '';
  return words.length === 0 ? last : `${words.join(', ')} or ${last}`;
}

const compiled = new Map<string, RegExp>();

function regExp(pattern: string): RegExp {
  let made = compiled.get(pattern);
  if (made === undefined) {
    made = new RegExp(pattern, 'u');
    compiled.set(pattern, made);
  }
  return made;
}
