import { TemplateError } from './nodes.ts';

export type Functions = ReadonlyMap<string, (...args: readonly unknown[]) => unknown>;

/** Go's own functions and those that docker's commands add. */
export const FUNCTIONS: Functions = new Map<string, (...args: readonly unknown[]) => unknown>([
  ['and', (...args) => decisive(args, (item) => !isTrue(item))],
  ['or', (...args) => decisive(args, isTrue)],
  ['not', (value) => !isTrue(value)],
  ['len', (value) => lengthOf(value)],
  ['index', (value, ...keys) => keys.reduce(item, value)],
  ['eq', (first, ...others) => others.some((other) => first === other)],
  ['ne', (first, second) => first !== second],
  ['lt', (first, second) => compare(first, second) < 0],
  ['le', (first, second) => compare(first, second) <= 0],
  ['gt', (first, second) => compare(first, second) > 0],
  ['ge', (first, second) => compare(first, second) >= 0],
  ['print', (...args) => args.map(printed).join('')],
  ['println', (...args) => `${args.map(printed).join(' ')}\n`],
  ['printf', (format, ...args) => formatted(printed(format), args)],
  ['json', (value) => JSON.stringify(value ?? null)],
  ['lower', (value) => printed(value).toLowerCase()],
  ['upper', (value) => printed(value).toUpperCase()],
  ['title', (value) => printed(value).replace(/\b\w/g, (letter) => letter.toUpperCase())],
  ['split', (value, separator) => printed(value).split(printed(separator))],
  ['join', (value, separator) => listOf(value).map(printed).join(printed(separator))],
  ['truncate', (value, length) => printed(value).slice(0, Number(length))],
  [
    'pad',
    (value, before, after) => {
      const text = printed(value);
      return text === '' ? '' : `${' '.repeat(Number(before))}${text}${' '.repeat(Number(after))}`;
    },
  ],
]);

/** Whether it is not empty: false, 0, nothing, and what has no length are. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0) return false;
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

/** As Go prints a value: lists in square brackets, structures in braces. */
export function printed(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return `[${value.map(printed).join(' ')}]`;
  if (typeof value === 'object') return `{${Object.values(value).map(printed).join(' ')}}`;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** The first argument that decides, which may be nothing; else the last one. */
function decisive(args: readonly unknown[], decides: (item: unknown) => boolean): unknown {
  const at = args.findIndex(decides);
  return args.at(at);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw new TemplateError(`${printed(value)} has no length`);
}

function item(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const at = Number(key);
    if (at >= 0 && at < value.length) return value[at];
    throw new TemplateError(`index out of range: ${printed(key)}`);
  }
  if (typeof value === 'object' && value !== null) {
    const found: unknown = Reflect.get(value, printed(key));
    return found;
  }
  throw new TemplateError(`cannot index ${printed(value)}`);
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TemplateError(`${printed(value)} is no list`);
}

function compare(first: unknown, second: unknown): number {
  if (typeof first === 'number' && typeof second === 'number') return first - second;
  if (typeof first === 'string' && typeof second === 'string') {
    return first < second ? -1 : first > second ? 1 : 0;
  }
  throw new TemplateError(`cannot compare ${printed(first)} with ${printed(second)}`);
}

const VERB = /%(?<flags>[-+#0 ]*)(?<width>\d+)?(?:\.(?<digits>\d+))?(?<verb>[a-zA-Z%])/g;

/** The verbs of Go's fmt that make sense for texts, numbers and truth values. */
function formatted(format: string, args: readonly unknown[]): string {
  const left = [...args];
  return format.replace(VERB, (...match) => {
    const groups = match.at(-1) as Readonly<Record<string, string | undefined>>;
    const { flags = '', width, digits, verb = '' } = groups;
    if (verb === '%') return '%';
    if (left.length === 0) return `%!${verb}(MISSING)`;
    const text = verbText(verb, left.shift(), digits === undefined ? undefined : Number(digits));
    const pad = Number(width ?? '0');
    if (flags.includes('-')) return text.padEnd(pad);
    return text.padStart(pad, flags.includes('0') && verb !== 's' ? '0' : ' ');
  });
}

function verbText(verb: string, value: unknown, digits: number | undefined): string {
  switch (verb) {
    case 'q':
      return JSON.stringify(printed(value));
    case 'f':
      return Number(value).toFixed(digits ?? 6);
    case 'x':
      return typeof value === 'number'
        ? value.toString(16)
        : Buffer.from(printed(value)).toString('hex');
    case 's':
    case 'v':
    case 'd':
    case 't':
      return digits === undefined ? printed(value) : printed(value).slice(0, digits);
    default:
      throw new TemplateError(`%${verb} is not known here`);
  }
}
