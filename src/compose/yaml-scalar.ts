import type { ScalarValue } from './raw-tree.ts';

/** A date written without quotes: no attribute takes one. */
export const TIMESTAMP = Symbol('timestamp');

const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const DATE =
  /^\d{4}-\d{1,2}-\d{1,2}(?:$|(?:[Tt]|\s+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:\s*Z|[-+]\d{2}:\d{2})?$)/;
const WORDS: ReadonlyMap<string, ScalarValue> = new Map<string, ScalarValue>([
  ['', null],
  ['~', null],
  ['null', null],
  ['Null', null],
  ['NULL', null],
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['false', false],
  ['False', false],
  ['FALSE', false],
  ['.nan', NaN],
  ['.NaN', NaN],
  ['.NAN', NaN],
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word): [string, number] => [
    word,
    Infinity,
  ]),
  ...['-.inf', '-.Inf', '-.INF'].map((word): [string, number] => [word, -Infinity]),
]);

/**
 * What a plain scalar means. The core schema of YAML 1.2, and what compose files in the wild rely on beside
 * it: `0440` is octal, `0b11` binary, `1_000` a number. `yes` and `on` are strings.
 */
export function resolvePlainScalar(text: string): ScalarValue | typeof TIMESTAMP {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  const first = text.charCodeAt(0);
  const isDigit = first >= 0x30 && first <= 0x39;
  if (!isDigit && first !== 0x2b && first !== 0x2d && first !== 0x2e) return text;
  if (isDigit && DATE.test(text)) return TIMESTAMP;
  const digits = text.replaceAll('_', '');
  return (first === 0x2e ? undefined : findInteger(digits)) ?? findFloat(digits) ?? text;
}

const OLD_BOOLEAN = /^(?:y|yes|on|n|no|off)$/i;
const SEXAGESIMAL = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/**
 * Whether `text` written without quotes would not be read as that text: by us, or by readers of YAML 1.1,
 * for which `no` is a boolean and `22:22` a number.
 */
export function hasPlainMeaning(text: string): boolean {
  return resolvePlainScalar(text) !== text || OLD_BOOLEAN.test(text) || SEXAGESIMAL.test(text);
}

/** The whole number that `text` writes in base 2, 8, 10 or 16. */
export function findInteger(text: string): number | bigint | undefined {
  const match = /^([-+]?)(?:0x([0-9a-fA-F]+)|0b([01]+)|0o?([0-7]+)|(0|[1-9][0-9]*))$/i.exec(text);
  if (match === null) return undefined;
  const [, sign, hex, binary, octal, decimal] = match;
  let value: bigint;
  if (hex !== undefined) value = BigInt(`0x${hex}`);
  else if (binary !== undefined) value = BigInt(`0b${binary}`);
  else if (octal !== undefined) value = BigInt(`0o${octal}`);
  else value = BigInt(decimal ?? '0');
  if (sign === '-') value = -value;
  if (value >= 1n << 64n || value < -(1n << 63n)) return undefined;
  const isSafe =
    value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER);
  return isSafe ? Number(value) : value;
}

function findFloat(text: string): number | undefined {
  return FLOAT.test(text) ? Number(text) : undefined;
}
