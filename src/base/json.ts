/**
 * JSON on one line, as `JSON.stringify` writes it, but for a `bigint`, which becomes a number with all
 * its digits. What is `undefined` is left out of objects and is `null` in lists.
 */
export function formatJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => formatJson(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${JSON.stringify(key)}:${formatJson(item)}`);
  return `{${members.join(',')}}`;
}
