/** RFC 3339 brought to UTC with nine digits, so that texts compare as times do; undefined if it is not one. */
export function findComparableTime(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  if (match === null) return undefined;
  const [, date = '', fraction = '', zone = 'Z'] = match;
  const ms = Date.parse(`${date}${zone.toUpperCase()}`);
  if (Number.isNaN(ms)) return undefined;
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}
