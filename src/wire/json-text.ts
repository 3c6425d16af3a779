/** Texts of frozen objects: what is in them does not change, and lists of many are asked for again and again. */
const texts = new WeakMap<object, string>();

/** The JSON of what a call gives; frozen objects in its lists are put into words once. */
export function jsonText(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value ?? null);
  }
  if (!Object.values(value).some(isFrozenList)) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${JSON.stringify(key)}:${memberText(member)}`);
  return `{${members.join(',')}}`;
}

function memberText(member: unknown): string {
  return isFrozenList(member) ? `[${member.map(frozenText).join(',')}]` : JSON.stringify(member);
}

function isFrozenList(value: unknown): value is readonly object[] {
  return Array.isArray(value) && value.length > 0 && value.every(isFrozenObject);
}

function isFrozenObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.isFrozen(value);
}

function frozenText(value: object): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}
