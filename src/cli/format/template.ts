import { OcupError } from '../../base/errors.ts';
import { executeTemplate, UnknownField } from './go-template/execute.ts';
import { FUNCTIONS, type Functions } from './go-template/functions.ts';
import { type Node, TemplateError } from './go-template/nodes.ts';
import { parseTemplate } from './go-template/parse.ts';
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
 * Go's language (`go-template/`) with docker's functions, `.Label "key"` among them.
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
  const template = new RowTemplate(unescape(isTable ? format.slice('table '.length) : format));
  const lines = rows.map((row) => template.row(row));
  if (!isTable) return lines.map((line) => `${line}\n`).join('');
  return formatTable(
    [template.header(list, rows), ...lines].map((line) => line.split('\t')),
    layout,
  );
}

/** A header is no value that could be written as JSON. */
const HEADER_FUNCTIONS: Functions = new Map([...FUNCTIONS, ['json', (value: unknown) => value]]);

/** Renders rows, and header lines from the headers in the place of values. */
class RowTemplate {
  private readonly template: string;
  private readonly nodes: readonly Node[];

  /** @throws E_USAGE */
  constructor(template: string) {
    this.template = template;
    try {
      this.nodes = parseTemplate(template);
    } catch (error) {
      throw this.failure(error);
    }
  }

  row(row: Row): string {
    return this.render({ ...row, Label: (key: unknown) => labelValue(row, fieldText(key)) }, row);
  }

  header(list: ListFormat, rows: readonly Row[]): string {
    const columns = list.columns.map(({ field }) => field);
    const fields = [...Object.keys(rows[0] ?? {}), ...Object.keys(list.headers ?? {}), ...columns];
    const headers = Object.fromEntries(fields.map((field) => [field, headerOf(field, list)]));
    const known = { ...headers, Label: (key: unknown) => fieldText(key) };
    const data = rows.length > 0 ? known : anyField(known);
    return this.render(data, rows[0], HEADER_FUNCTIONS);
  }

  private render(data: object, row: Row | undefined, functions = FUNCTIONS): string {
    try {
      return executeTemplate(this.nodes, data, functions);
    } catch (error) {
      throw this.failure(error, row);
    }
  }

  private failure(error: unknown, row?: Row): unknown {
    if (!(error instanceof TemplateError)) return error;
    const hint =
      error instanceof UnknownField && row !== undefined
        ? `use one of ${Object.keys(row).join(', ')}`
        : undefined;
    const message = `invalid template ${JSON.stringify(this.template)}: ${error.message}`;
    return new OcupError('E_USAGE', message, { hint });
  }
}

/** Without a row nobody knows which fields there are. */
function anyField(known: Readonly<Record<string, unknown>>): object {
  return new Proxy(
    { ...known },
    {
      getOwnPropertyDescriptor: (target, key) =>
        Reflect.getOwnPropertyDescriptor(target, key) ?? {
          configurable: true,
          enumerable: true,
          value: '',
        },
      get: (target, key) => target[String(key)] ?? String(key).toUpperCase(),
    },
  );
}

/** `Labels` is a comma list, as docker prints it. */
function labelValue(row: Row, key: string): string {
  const labels = fieldText(row['Labels']).split(',');
  return labels.find((item) => item.startsWith(`${key}=`))?.slice(key.length + 1) ?? '';
}

function headerOf(field: string, list: ListFormat): string {
  const column = list.columns.find((item) => item.field === field);
  return list.headers?.[field] ?? column?.header ?? field.toUpperCase();
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

function unescape(text: string): string {
  return text.replace(/\\([tn])/g, (_, letter: string) => (letter === 't' ? '\t' : '\n'));
}
