/** What `SRC:DST[:opts]` says. */
export type VolumeSpec =
  | {
      readonly kind: 'volume';
      readonly type: 'bind' | 'volume';
      readonly source: string | undefined;
      readonly target: string;
      readonly isReadOnly: boolean;
      readonly noCopy: boolean;
      readonly propagation: string | undefined;
      readonly selinux: string | undefined;
      /** Options that mean nothing here. */
      readonly ignored: readonly string[];
    }
  | { readonly kind: 'invalid'; readonly reason: string };

const PROPAGATIONS = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']);

/**
 * Reads the short form of a service's volume. A source that starts with `.`, `/`, `~` or a drive letter is a
 * path on the host, any other word a volume.
 *
 * @see compose-spec 05-services.md#short-syntax-5
 */
export function parseVolumeSpec(text: string): VolumeSpec {
  if (text === '') return { kind: 'invalid', reason: 'invalid empty volume spec' };
  if (text.length <= 2) return volume(undefined, text, []);
  const fields = splitFields(text);
  if (fields.some((field) => field === '')) return invalid(text, 'empty section between colons');
  const [first = '', target, options, extra] = fields;
  if (extra !== undefined) return invalid(text, 'too many colons');
  if (target === undefined) return volume(undefined, first, []);
  return volume(first, target, options?.split(',') ?? []);
}

/** Whether a volume's source is a path on the host. */
export function isHostPath(source: string): boolean {
  return /^(?:[./~]|\\\\|\p{L}:)/u.test(source);
}

/** At colons, but not at that of a drive letter nor inside `${…}`. */
function splitFields(text: string): readonly string[] {
  const fields: string[] = [];
  let field = '';
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === '$' && text[i + 1] === '{') depth += 1;
    else if (char === '}' && depth > 0) depth -= 1;
    if (char === ':' && depth === 0 && !/^\p{L}$/u.test(field)) {
      fields.push(field);
      field = '';
    } else field += char;
  }
  fields.push(field);
  return fields;
}

function volume(
  source: string | undefined,
  target: string,
  options: readonly string[],
): VolumeSpec {
  let isReadOnly = false;
  let noCopy = false;
  let propagation: string | undefined;
  let selinux: string | undefined;
  const ignored: string[] = [];
  for (const option of options) {
    if (option === 'ro') isReadOnly = true;
    else if (option === 'rw') isReadOnly = false;
    else if (option === 'nocopy') noCopy = true;
    else if (option === 'z' || option === 'Z') selinux = option;
    else if (PROPAGATIONS.has(option)) propagation = option;
    else ignored.push(option);
  }
  const type = source !== undefined && isHostPath(source) ? 'bind' : 'volume';
  return {
    kind: 'volume',
    type,
    source,
    target,
    isReadOnly,
    noCopy,
    propagation,
    selinux,
    ignored,
  };
}

function invalid(text: string, reason: string): VolumeSpec {
  return { kind: 'invalid', reason: `invalid spec: ${text}: ${reason}` };
}
