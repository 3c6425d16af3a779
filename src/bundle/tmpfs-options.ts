import { OcupError } from '../base/errors.ts';

/** Flags that may be set for a tmpfs; those in one row take each other's place. @see mount(8) */
const FLAG_ROWS: readonly (readonly string[])[] = [
  ['exec', 'noexec'],
  ['suid', 'nosuid'],
  ['dev', 'nodev'],
  ['ro', 'rw'],
  ['sync', 'async'],
  ['atime', 'noatime', 'relatime', 'strictatime', 'norelatime', 'nostrictatime'],
  ['diratime', 'nodiratime'],
  ['dirsync'],
  ['mand', 'nomand'],
  ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave', 'unbindable', 'runbindable'],
];

/** What a value must look like. @see tmpfs(5) */
const VALUES: Readonly<Record<string, RegExp>> = {
  size: /^\d+[kmgKMG%]?$/,
  mode: /^[0-7]{1,4}$/,
  uid: /^\d+$/,
  gid: /^\d+$/,
  nr_inodes: /^\d+[kmgKMG]?$/,
  nr_blocks: /^\d+[kmgKMG]?$/,
  mpol: /^\S+$/,
};

/**
 * The options of a tmpfs: `noexec`, `nosuid` and `nodev` unless the opposite is asked for, then what was
 * written, where a later option takes the place of an earlier one on the same matter.
 *
 * @throws E_BUNDLE_INVALID for an option that tmpfs does not have
 */
export function tmpfsOptions(written: readonly string[], isReadOnly: boolean): string[] {
  const chosen = new Map<string, string>();
  const all = ['noexec', 'nosuid', 'nodev', ...written, ...(isReadOnly ? ['ro'] : [])];
  for (const option of all) chosen.set(matterOf(option), option);
  return [...chosen.values()];
}

/** What an option is about: the first flag of its row, or the key of its value. */
function matterOf(option: string): string {
  const [key = '', ...rest] = option.split('=');
  if (rest.length > 0 && VALUES[key]?.test(rest.join('=')) === true) return key;
  const row = rest.length > 0 ? undefined : FLAG_ROWS.find((flags) => flags.includes(option));
  const matter = row?.[0];
  if (matter !== undefined) return matter;
  throw new OcupError('E_BUNDLE_INVALID', `unknown tmpfs option ${JSON.stringify(option)}`, {
    hint: 'Write flags such as exec, or size, mode, uid, gid and nr_inodes with a value.',
  });
}
