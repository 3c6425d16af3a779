/** What a registry asks for before it answers. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Keys in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/y;
const SEPARATOR = /[ \t,]*/y;

/**
 * The challenges in the values of `WWW-Authenticate`. One value may hold several, and quoted strings may hold
 * commas. What cannot be read ends its value.
 * @see RFC 9110, section 11.6.1
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  return values.flatMap(parseValue);
}

function parseValue(value: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(value);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  for (match(SEPARATOR); at < value.length; match(SEPARATOR)) {
    const parameter = match(PARAMETER);
    const current = challenges.at(-1);
    if (parameter !== null && current !== undefined) {
      const [, key = '', quoted, plain = ''] = parameter;
      current.parameters[key.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain;
      continue;
    }
    const scheme = parameter === null ? match(TOKEN) : null;
    if (scheme === null) break;
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters: {} });
  }
  return challenges;
}
