import { messageOf, OcupError } from '../base/errors.ts';
import { RLIMIT_UNLIMITED, type RuntimeSpec } from '../model/runtime-spec.ts';

/**
 * The text of `config.json`: members by name, two spaces an indentation, lists of plain values filled to
 * 100 columns. The same spec gives the same bytes.
 */
export function formatSpec(spec: RuntimeSpec): string {
  return `${formatValue(spec, '')}\n`;
}

/**
 * Reads what `formatSpec` or another tool wrote.
 * @throws E_BUNDLE_INVALID for what is no JSON, and where `process`, `root` or `linux` is missing
 */
export function parseSpec(text: string): RuntimeSpec {
  const value = parseJson(text);
  for (const key of ['process', 'root', 'linux']) {
    if (!isObject(value) || !isObject(value[key])) {
      throw new OcupError('E_BUNDLE_INVALID', `cannot read runtime spec: ${key} is missing`);
    }
  }
  return value as RuntimeSpec;
}

const WIDTH = 100;

function formatValue(value: unknown, indent: string): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return formatList(value, indent);
  if (!isObject(value)) return JSON.stringify(value ?? null);
  return Object.isFrozen(value) ? formatFrozen(value, indent) : formatObject(value, indent);
}

/** Texts of frozen objects with their indentation: what is in them does not change, and is large. */
const frozen = new WeakMap<object, { readonly indent: string; readonly text: string }>();

function formatFrozen(value: Record<string, unknown>, indent: string): string {
  const known = frozen.get(value);
  if (known?.indent === indent) return known.text;
  const text = formatObject(value, indent);
  frozen.set(value, { indent, text });
  return text;
}

function formatObject(value: Record<string, unknown>, indent: string): string {
  const inner = `${indent}  `;
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${inner}${JSON.stringify(key)}: ${formatValue(value[key], inner)}`);
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`;
}

function formatList(list: readonly unknown[], indent: string): string {
  if (list.length === 0) return '[]';
  const inner = `${indent}  `;
  const items = list.map((item) => formatValue(item, inner));
  const isPlain = list.every((item) => typeof item !== 'object' || item === null);
  const lines = isPlain ? fillLines(items, WIDTH - inner.length) : items;
  return `[\n${lines.map((line) => `${inner}${line}`).join(',\n')}\n${indent}]`;
}

function fillLines(items: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last === undefined || last.length + item.length + 3 > width) lines.push(item);
    else lines[lines.length - 1] = `${last}, ${item}`;
  }
  return lines;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, (key, item: unknown) =>
      // JavaScript rounds it to 2^64.
      (key === 'soft' || key === 'hard') && item === 2 ** 64 ? RLIMIT_UNLIMITED : item,
    );
  } catch (cause) {
    throw new OcupError('E_BUNDLE_INVALID', `cannot read runtime spec: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
