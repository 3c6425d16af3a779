import { OcupError } from '../../base/errors.ts';
import { formatTable, LIST_LAYOUT, type TableLayout } from './table.ts';

/** A line of a list as templates and `--format json` see it. */
export type Row = Readonly<Record<string, unknown>>;

export interface Column {
  readonly header: string;
  /** The field of the row that it shows. */
  readonly field: string;
}

export interface ListFormat {
  readonly columns: readonly Column[];
  /** Headers of `table {{.Field}}` where they are not the field's name in capitals. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether `json` is one array and not an object a line. */
  readonly isJsonArray?: boolean;
  readonly layout?: TableLayout;
}

/**
 * Rows in the format that `--format` names: `table` (undefined too), `json`, `table TEMPLATE` or a TEMPLATE in
 * the part of Go's language that scripts use: `{{.Field}}`, `{{json .}}`, `{{.Label "key"}}`, `upper`, `lower`.
 *
 * @throws E_USAGE for a template that cannot be read or names an unknown field
 */
export function formatRows(
  rows: readonly Row[],
  format: string | undefined,
  list: ListFormat,
): string {
  const layout = list.layout ?? LIST_LAYOUT;
  if (format === undefined || format === '' || format === 'table') {
    const cells = rows.map((row) => list.columns.map(({ field }) => fieldText(row[field])));
    return formatTable([list.columns.map(({ header }) => header), ...cells], layout);
  }
  if (format === 'json') {
    if (list.isJsonArray === true) return `${JSON.stringify(rows)}\n`;
    return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  }
  const isTable = format.startsWith('table ');
  const parts = parseTemplate(unescape(isTable ? format.slice('table '.length) : format));
  const lines = rows.map((row) => parts.map((part) => renderPart(part, row)).join(''));
  if (!isTable) return lines.map((line) => `${line}\n`).join('');
  const header = parts.map((part) => headerOf(part, list)).join('');
  return formatTable(
    [header, ...lines].map((line) => line.split('\t')),
    layout,
  );
}

type Part =
  | { readonly kind: 'text'; readonly text: string }
  /** `path` empty: the whole row. */
  | {
      readonly kind: 'field';
      readonly path: readonly string[];
      readonly argument: string | undefined;
      readonly functions: readonly TemplateFunction[];
    };

const FUNCTIONS = {
  json: (value: unknown) => JSON.stringify(value),
  upper: (value: unknown) => fieldText(value).toUpperCase(),
  lower: (value: unknown) => fieldText(value).toLowerCase(),
  println: (value: unknown) => `${fieldText(value)}\n`,
} as const;
type TemplateFunction = keyof typeof FUNCTIONS;

function isFunction(word: string): word is TemplateFunction {
  return Object.hasOwn(FUNCTIONS, word);
}

function parseTemplate(template: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of template.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/g)) {
    if (match.index > end) parts.push({ kind: 'text', text: template.slice(end, match.index) });
    parts.push(parseAction(match[1] ?? ''));
    end = match.index + match[0].length;
  }
  const rest = template.slice(end);
  if (rest.includes('{{')) throw invalid(template, 'an action is not closed');
  if (rest !== '') parts.push({ kind: 'text', text: rest });
  return parts;
}

function parseAction(action: string): Part {
  const literal = /^"((?:[^"\\]|\\.)*)"$/.exec(action);
  if (literal !== null) return { kind: 'text', text: literal[1] ?? '' };
  const functions: TemplateFunction[] = [];
  let path: readonly string[] | undefined;
  let argument: string | undefined;
  for (const step of action.split('|').map((item) => item.trim())) {
    for (const word of step.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []) {
      if (isFunction(word)) functions.unshift(word);
      else if (word.startsWith('"') && path !== undefined) argument = word.slice(1, -1);
      else if (/^(?:\.|(?:\.\w+)+)$/.test(word)) path = word.split('.').filter((key) => key !== '');
      else throw invalid(action, `${word} is not known here`);
    }
  }
  if (path === undefined) throw invalid(action, 'it names no field');
  return { kind: 'field', path, argument, functions };
}

function renderPart(part: Part, row: Row): string {
  if (part.kind === 'text') return part.text;
  const value = part.functions.reduceRight<unknown>(
    (result, name) => FUNCTIONS[name](result),
    fieldValue(part, row),
  );
  return fieldText(value);
}

function fieldValue(part: Part & { kind: 'field' }, row: Row): unknown {
  const [first, ...rest] = part.path;
  if (first === undefined) return row;
  if (first === 'Label' && part.argument !== undefined) return labelValue(row, part.argument);
  if (!Object.hasOwn(row, first)) {
    throw invalid(`{{.${part.path.join('.')}}}`, `there is no field ${first}`, row);
  }
  return rest.reduce<unknown>(
    (value, key) => (isRecord(value) ? value[key] : undefined),
    row[first],
  );
}

/** `Labels` is a comma list, as docker prints it. */
function labelValue(row: Row, key: string): string {
  const labels = fieldText(row['Labels']).split(',');
  return labels.find((item) => item.startsWith(`${key}=`))?.slice(key.length + 1) ?? '';
}

function headerOf(part: Part, list: ListFormat): string {
  if (part.kind === 'text') return part.text;
  const field = part.path[0] ?? '';
  if (field === 'Label') return part.argument ?? '';
  const column = list.columns.find((item) => item.field === field);
  return list.headers?.[field] ?? column?.header ?? field.toUpperCase();
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function unescape(text: string): string {
  return text.replace(/\\([tn])/g, (_, letter: string) => (letter === 't' ? '\t' : '\n'));
}

function invalid(template: string, problem: string, row?: Row): OcupError {
  return new OcupError('E_USAGE', `invalid template ${JSON.stringify(template)}: ${problem}`, {
    hint: row === undefined ? undefined : `use one of ${Object.keys(row).join(', ')}`,
  });
}
