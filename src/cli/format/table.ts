/** How wide columns are, in the terms of Go's text/tabwriter. */
export interface TableLayout {
  /** The least width of a column, its padding among it. */
  readonly minWidth: number;
  readonly padding: number;
}

/** What docker's list commands print with. */
export const LIST_LAYOUT: TableLayout = { minWidth: 10, padding: 3 };

/** Rows of cells as lines; every cell but a row's last one is padded. */
export function formatTable(rows: readonly (readonly string[])[], layout = LIST_LAYOUT): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.slice(0, -1).entries()) {
      const width = Math.max(layout.minWidth, widthOf(cell) + layout.padding);
      widths[index] = Math.max(widths[index] ?? 0, width);
    }
  }
  return rows
    .map((row) => `${row.map((cell, index) => pad(cell, row, index, widths)).join('')}\n`)
    .join('');
}

function pad(
  cell: string,
  row: readonly string[],
  index: number,
  widths: readonly number[],
): string {
  if (index === row.length - 1) return cell;
  return cell + ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(cell)));
}

/** How many characters a text has. */
export function widthOf(text: string): number {
  return Array.from(text).length;
}

/** The first `width` characters, the last one `…` if there were more. */
export function ellipsis(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length <= width) return text;
  return `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}
