import type { Position } from '../model/project.ts';

/** Longer lines are cut on both sides of the place that is meant. */
const MAX_WIDTH = 100;

/**
 * The line of `position` with a caret below the column, or undefined if there is no such line:
 *
 *     3 |     imge: nginx
 *       |     ^
 */
export function formatFrame(
  lines: readonly string[] | undefined,
  { line, column }: Position,
): string | undefined {
  const text = lines?.[line - 1]?.trimEnd();
  if (text === undefined || text === '') return undefined;
  const start = text.length <= MAX_WIDTH ? 0 : Math.max(0, column - 1 - MAX_WIDTH / 2);
  const shown = visible(text.slice(start, start + MAX_WIDTH));
  const before = visible(text.slice(start, Math.max(start, column - 1)));
  const number = String(line);
  return [
    `  ${number} | ${shown}`,
    `  ${' '.repeat(number.length)} | ${before.replaceAll(/[^\t]/g, ' ')}^`,
  ].join('\n');
}

/** A file may hold anything: what would move the cursor does not reach the terminal. */
function visible(text: string): string {
  return text.replaceAll(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, '·');
}
