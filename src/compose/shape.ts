/**
 * The canonical form of a compose file, described as data: which attributes there are, in which order they are
 * printed, of which type each is, and when it is left out. `decode.ts` reads files by it, `format.ts` prints by it.
 */
export type Shape =
  | ScalarShape
  | { readonly kind: 'list'; readonly items: Shape }
  /** A string or a list of them. */
  | { readonly kind: 'texts' }
  /** A command line: words, or a text to be split into words. `wrap` keeps a text whole. */
  | { readonly kind: 'command'; readonly wrap: readonly string[] | undefined }
  /** `K=V` pairs or a map of them; a missing value is empty, or null when `isNullable`. */
  | { readonly kind: 'mapping'; readonly isNullable: boolean }
  /** A map whose values are lists of strings. */
  | { readonly kind: 'lists' }
  /** `NAME=ADDRESS` pairs or a map of them, printed as sorted pairs. */
  | { readonly kind: 'hosts' }
  /** `ID=PATH` pairs, printed as such. */
  | { readonly kind: 'ssh' }
  /** One number, or `soft` and `hard`. */
  | { readonly kind: 'ulimit' }
  /** Names chosen by the user, sorted. */
  | {
      readonly kind: 'record';
      readonly values: Shape;
      /** What stands for a name without a value. */
      readonly empty: 'null' | 'object';
    }
  | ObjectShape
  /** Kept as it is. */
  | { readonly kind: 'any' };

/** One value. */
export interface ScalarShape {
  readonly kind: 'scalar';
  readonly type: ScalarType;
}

export type ScalarType =
  | 'text'
  | 'boolean'
  | 'integer'
  /** A number with the precision of 32 bits. */
  | 'float'
  /** Printed as a string of digits. */
  | 'bytes'
  /** Printed as `1m30s`. */
  | 'duration'
  /** Permissions, printed in octal with a leading zero. */
  | 'mode'
  /** A number of devices, `all` being -1. */
  | 'count';

export interface ObjectShape {
  readonly kind: 'object';
  readonly fields: Readonly<Record<string, Field>>;
}

export interface Field {
  readonly shape: Shape;
  /** Printed although it is zero, false, or an object without anything in it. */
  readonly keepsZero: boolean;
  /** What JSON shows when it is missing. */
  readonly json: 'null' | 'object' | undefined;
  /** Another name in JSON. */
  readonly jsonName: string | undefined;
}

export const text: ScalarShape = { kind: 'scalar', type: 'text' };
export const boolean: ScalarShape = { kind: 'scalar', type: 'boolean' };
export const integer: ScalarShape = { kind: 'scalar', type: 'integer' };
export const float: ScalarShape = { kind: 'scalar', type: 'float' };
export const bytes: ScalarShape = { kind: 'scalar', type: 'bytes' };
export const duration: ScalarShape = { kind: 'scalar', type: 'duration' };
export const mode: ScalarShape = { kind: 'scalar', type: 'mode' };
export const count: ScalarShape = { kind: 'scalar', type: 'count' };
export const texts: Shape = { kind: 'texts' };
export const command: Shape = { kind: 'command', wrap: undefined };
export const probe: Shape = { kind: 'command', wrap: ['CMD-SHELL'] };
export const labels: Shape = { kind: 'mapping', isNullable: false };
export const variables: Shape = { kind: 'mapping', isNullable: true };
export const lists: Shape = { kind: 'lists' };
export const hosts: Shape = { kind: 'hosts' };
export const ssh: Shape = { kind: 'ssh' };
export const ulimit: Shape = { kind: 'ulimit' };
export const any: Shape = { kind: 'any' };

export function listOf(items: Shape): Shape {
  return { kind: 'list', items };
}

/** `NAME:` alone stays null. */
export function recordOf(values: Shape): Shape {
  return { kind: 'record', values, empty: 'null' };
}

/** `NAME:` alone is `NAME: {}`. */
export function resourcesOf(values: Shape): Shape {
  return { kind: 'record', values, empty: 'object' };
}

/** An object; a field that is just a shape is left out when it is zero. */
export function objectOf(fields: Readonly<Record<string, Shape | Field>>): ObjectShape {
  const made: Record<string, Field> = {};
  for (const [name, field] of Object.entries(fields)) made[name] = asField(field);
  return { kind: 'object', fields: made };
}

/** Printed even when it is zero, false or empty. */
export function kept(shape: Shape | Field): Field {
  return { ...asField(shape), keepsZero: true };
}

/** In JSON never missing. */
export function inJson(shape: Shape | Field, json: 'null' | 'object'): Field {
  return { ...asField(shape), json };
}

/** Called `jsonName` in JSON. */
export function renamed(shape: Shape | Field, jsonName: string): Field {
  return { ...asField(shape), jsonName };
}

function asField(field: Shape | Field): Field {
  return 'shape' in field
    ? field
    : { shape: field, keepsZero: false, json: undefined, jsonName: undefined };
}
