import type { Json, JsonObject } from '../model/project.ts';

/* Reading canonical JSON, whose types the shapes have made sure of. */

export function textAt(node: JsonObject | undefined, key: string): string | undefined {
  const value = node?.[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberAt(node: JsonObject | undefined, key: string): number | undefined {
  const value = node?.[key];
  return typeof value === 'number' ? value : undefined;
}

/** A number printed as a string of digits. */
export function bytesAt(node: JsonObject | undefined, key: string): number | undefined {
  const text = textAt(node, key);
  return text === undefined ? undefined : Number(text);
}

export function booleanAt(node: JsonObject | undefined, key: string): boolean {
  return node?.[key] === true;
}

export function textsAt(node: JsonObject | undefined, key: string): readonly string[] {
  const value = node?.[key];
  return isList(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** The list of texts at `key`, if there is one: an empty one says something too. */
export function findTexts(node: JsonObject, key: string): readonly string[] | undefined {
  return isList(node[key]) ? textsAt(node, key) : undefined;
}

export function objectAt(node: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = node?.[key];
  return isObject(value) ? value : undefined;
}

export function objectsAt(node: JsonObject | undefined, key: string): readonly JsonObject[] {
  const value = node?.[key];
  return isList(value) ? value.filter(isObject) : [];
}

/** The texts of the map at `key` by name. */
export function mappingAt(
  node: JsonObject | undefined,
  key: string,
): Readonly<Record<string, string>> {
  const found: [string, string][] = [];
  for (const [name, value] of Object.entries(objectAt(node, key) ?? {}))
    if (typeof value === 'string') found.push([name, value]);
  return Object.fromEntries(found);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
