import type { Json } from '../model/project.ts';
import { isList, isObject } from './fields.ts';
import type { Shape } from './shape.ts';
import { compareNaturally } from './natural-order.ts';
import { hasPlainMeaning } from './yaml-scalar.ts';

/**
 * `value` as block YAML, with a newline at its end, laid out and quoted as docker compose does it: two columns
 * a level, texts plain where they read back as texts, texts of several lines as literal blocks. Attributes
 * of the specification stand in the order of `shape`, names in natural order (`web2` before `web10`).
 */
export function writeYaml(value: Json, shape: Shape | undefined): string {
  const writer = new Writer();
  writer.node(value, shape, { indent: 0, isInline: false });
  return writer.text();
}

interface Place {
  readonly indent: number;
  /** Whether something stands on the line already: `- ` or `KEY:`. */
  readonly isInline: boolean;
}

/** Longer keys are written with `? `. */
const MAX_SIMPLE_KEY = 128;

class Writer {
  private readonly parts: string[] = [];

  text(): string {
    return this.parts.join('');
  }

  node(value: Json, shape: Shape | undefined, place: Place): void {
    if (isList(value) && value.length > 0) this.list(value, shape, place);
    else if (isObject(value) && Object.keys(value).length > 0) this.map(value, shape, place);
    else if (isList(value)) this.parts.push('[]\n');
    else if (isObject(value)) this.parts.push('{}\n');
    else this.parts.push(`${scalarText(value, place.indent)}\n`);
  }

  private list(items: readonly Json[], shape: Shape | undefined, place: Place): void {
    const below = shape?.kind === 'list' ? shape.items : undefined;
    const pad = ' '.repeat(place.indent);
    for (const [index, item] of items.entries()) {
      this.parts.push(index === 0 && place.isInline ? '- ' : `${pad}- `);
      this.node(item, below, { indent: place.indent + 2, isInline: true });
    }
  }

  private map(value: Exclude<Json, null | string>, shape: Shape | undefined, place: Place): void {
    const pad = ' '.repeat(place.indent);
    let isFirst = true;
    for (const [key, item, below] of entriesInOrder(value, shape)) {
      if (!(isFirst && place.isInline)) this.parts.push(pad);
      isFirst = false;
      const isSimple = key.length <= MAX_SIMPLE_KEY && !/[\n\r]/.test(key);
      if (isSimple) this.parts.push(`${keyText(key)}:`);
      else this.parts.push(`? ${scalarText(key, place.indent + 2)}\n${pad}:`);
      this.value(item, below, { place, isSimple });
    }
  }

  /** What stands behind `KEY:`. */
  private value(
    item: Json,
    shape: Shape | undefined,
    { place, isSimple }: { place: Place; isSimple: boolean },
  ): void {
    const indent = place.indent + 2;
    const isBlock = (isList(item) || isObject(item)) && Object.keys(item).length > 0;
    // Behind a key of several lines a list or map starts on the line of the colon.
    this.parts.push(isBlock && isSimple ? '\n' : ' ');
    this.node(item, shape, { indent, isInline: isBlock && !isSimple });
  }
}

function* entriesInOrder(
  value: Json,
  shape: Shape | undefined,
): Generator<[string, Json, Shape | undefined]> {
  if (!isObject(value)) return;
  if (shape?.kind === 'object') {
    for (const [key, item] of Object.entries(value)) yield [key, item, shape.fields[key]?.shape];
    return;
  }
  const below = shape?.kind === 'record' ? shape.values : undefined;
  const keys = Object.keys(value);
  // The two limits of a ulimit are attributes too: they stand as they are.
  if (shape?.kind !== 'ulimit') keys.sort(compareNaturally);
  for (const key of keys) yield [key, value[key] ?? null, below];
}

function scalarText(value: Json, indent: number): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'string') return JSON.stringify(value);
  if (value.includes('\n')) return canBeLiteral(value) ? literal(value, indent) : quoted(value);
  return keyText(value);
}

/** A text on one line. */
function keyText(text: string): string {
  if (hasPlainMeaning(text) || !canBeSingle(text)) return quoted(text);
  if (text !== '' && canBePlain(text)) return text;
  return text === '' ? '""' : `'${text.replaceAll("'", "''")}'`;
}

function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  const magnitude = Math.abs(value);
  const text = magnitude < 1e-4 || magnitude >= 1e6 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Signs that mean something at the start of a plain text, or inside of it. */
const INDICATORS = /^[#,[\]{}&*!|>'"%@`]|^(?:---|\.\.\.)|^[-?:](?:[ \t]|$)|:(?:[ \t]|$)|[ \t]#/;

function canBePlain(text: string): boolean {
  return !/^ | $/.test(text) && !INDICATORS.test(text);
}

/** What cannot be shown as it is needs escapes. */
const UNPRINTABLE = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]/;

function canBeSingle(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

function canBeLiteral(text: string): boolean {
  return !UNPRINTABLE.test(text.replaceAll('\t', '')) && !/ \n| $/.test(text);
}

function literal(text: string, indent: number): string {
  const hint = /^[ \n]/.test(text) ? '2' : '';
  const chomp = text.endsWith('\n') ? (/^\n$|\n\n$/.test(text) ? '+' : '') : '-';
  const pad = ' '.repeat(indent);
  const lines = text.replace(/\n$/, '').split('\n');
  const body = lines.map((line) => (line === '' ? '' : pad + line)).join('\n');
  return `|${hint}${chomp}\n${body}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\x85': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

function quoted(text: string): string {
  let made = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (ESCAPES[char] !== undefined) made += ESCAPES[char];
    else if (!UNPRINTABLE.test(char)) made += char;
    else if (code < 0x100) made += `\\x${hex(code, 2)}`;
    else made += code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  }
  return `"${made}"`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).toUpperCase().padStart(digits, '0');
}
