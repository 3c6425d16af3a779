import { type ErrorCode, messageOf, OcupError } from './errors.ts';

/**
 * Checks that a JSON value has the form of `T` and gives it back as `T`: every key is there (`undefined`
 * where JSON has none) and no key is unknown. `path` names the place for the error.
 */
export type Shape<T> = (value: unknown, path: string) => T;

/** @throws OcupError `code` saying which part of `name` is wrong */
export function parseShape<T>(
  shape: Shape<T>,
  value: unknown,
  as: { readonly code: ErrorCode; readonly name: string },
): T {
  try {
    return shape(value, '');
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    const place = `${as.name}${error.path}`;
    throw new OcupError(as.code, `${place} ${error.problem}`, { cause: error });
  }
}

export const text: Shape<string> = (value, path) => {
  if (typeof value === 'string') return value;
  throw new Mismatch(path, 'is not a string');
};

export const count: Shape<number> = (value, path) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new Mismatch(path, 'is not a number');
};

export const flag: Shape<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw new Mismatch(path, 'is neither true nor false');
};

/** One of the given strings. */
export function oneOf<const T extends string>(...known: readonly T[]): Shape<T> {
  return (value, path) => {
    for (const item of known) if (item === value) return item;
    throw new Mismatch(path, `is not one of ${known.join(', ')}`);
  };
}

/** This very value, such as a version. */
export function exactly<const T extends string | number>(known: T): Shape<T> {
  return (value, path) => {
    if (value === known) return known;
    throw new Mismatch(path, `is not ${JSON.stringify(known)}`);
  };
}

/** A string of a narrower type, made by its own parser. */
export function parsedBy<T>(parse: (value: string) => T): Shape<T> {
  return (value, path) => {
    const written = text(value, path);
    try {
      return parse(written);
    } catch (cause) {
      throw new Mismatch(path, `is not valid: ${messageOf(cause)}`);
    }
  };
}

/** Missing or `null` is `undefined`. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, path) => (value === undefined || value === null ? undefined : shape(value, path));
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === null ? null : shape(value, path));
}

export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Mismatch(path, 'is not a list');
    return value.map((item: unknown, index) => shape(item, `${path}[${index}]`));
  };
}

/** An object whose keys are data. */
export function mapOf<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    const entries = Object.entries(fieldsOf(value, path));
    return Object.fromEntries(
      entries.map(([key, item]) => [key, shape(item, `${path}.${key}`)] as const),
    );
  };
}

type Fields<T> = { readonly [K in keyof T]-?: Shape<T[K]> };

/** An object with exactly these keys; the compiler holds them against `T`. */
export function objectOf<T extends object>(fields: Fields<T>): Shape<T> {
  const shapes = new Map<string, Shape<unknown>>(Object.entries(fields));
  return function parseObject(value, path) {
    const source = fieldsOf(value, path);
    for (const key of Object.keys(source)) {
      if (!shapes.has(key)) throw new Mismatch(`${path}.${key}`, 'is not a known field');
    }
    const result: Record<string, unknown> = {};
    for (const [key, shape] of shapes) result[key] = shape(source[key], `${path}.${key}`);
    return result as T;
  };
}

type Variant<T, Tag extends keyof T, Value> = Extract<T, { readonly [K in Tag]: Value }>;

/** A union told apart by the string in `tag`. */
export function unionOf<T extends object, Tag extends keyof T & string>(
  tag: Tag,
  variants: { readonly [Value in T[Tag] & string]: Shape<Variant<T, Tag, Value>> },
): Shape<T> {
  const shapes = new Map<string, Shape<T>>(Object.entries<Shape<T>>(variants));
  return (value, path) => {
    const found = shapes.get(String(fieldsOf(value, path)[tag]));
    if (found !== undefined) return found(value, path);
    throw new Mismatch(`${path}.${tag}`, `is not one of ${[...shapes.keys()].join(', ')}`);
  };
}

class Mismatch extends Error {
  readonly path: string;
  readonly problem: string;

  constructor(path: string, problem: string) {
    super(`${path} ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

function fieldsOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Mismatch(path, 'is not an object');
}
