import { OcupError } from '../base/errors.ts';

/** Whom a process runs as. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Ascending, `gid` among them. */
  readonly additionalGids: readonly number[];
  /** Absolute; `/` where it is not known. */
  readonly home: string;
}

/** The content of `/etc/passwd` and `/etc/group` in the root file system; undefined where missing. */
export interface UserFiles {
  readonly passwd?: string | undefined;
  readonly group?: string | undefined;
}

/**
 * Looks up `user[:group]`, both a name or a number; empty is root. A number is an id whether or not it has
 * an entry; the entry gives its group, home and further groups. A group that is written down is the only
 * one but for `groupAdd`. The first entry that matches wins, and lines that cannot be read are passed over.
 *
 * @throws E_BUNDLE_USER for a name without an entry, and for an id beyond 2^31 - 1
 */
export function resolveUser(
  files: UserFiles,
  user: string,
  groupAdd: readonly string[],
): ResolvedUser {
  const colon = user.indexOf(':');
  const userText = colon < 0 ? user : user.slice(0, colon);
  const groupText = colon < 0 ? '' : user.slice(colon + 1);
  const groups = parseGroups(files.group);
  const entry = findUser(parseUsers(files.passwd), userText);
  const gid = groupText === '' ? (entry.gid ?? 0) : findGid(groups, groupText);
  const further = groupText !== '' || entry.name === undefined ? [] : groupsOf(groups, entry.name);
  const added = groupAdd.map((group) => findGid(groups, group));
  return {
    uid: entry.uid,
    gid,
    additionalGids: [...new Set([gid, ...further, ...added])].sort((a, b) => a - b),
    home: entry.home,
  };
}

const MAX_ID = 2 ** 31 - 1;

interface UserEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** A user that may have no entry. */
type FoundUser = Pick<UserEntry, 'uid' | 'home'> & Partial<Pick<UserEntry, 'name' | 'gid'>>;

function findUser(users: readonly UserEntry[], text: string): FoundUser {
  const uid = text === '' ? 0 : parseId(text);
  const entry = users.find((user) => (uid === undefined ? user.name === text : user.uid === uid));
  if (entry !== undefined) return entry;
  if (uid !== undefined) return { uid, home: '/' };
  throw new OcupError(
    'E_BUNDLE_USER',
    `unable to find user ${text}: no matching entries in passwd file`,
    { hint: 'Name a user of the image, or give a number.' },
  );
}

function findGid(groups: readonly GroupEntry[], text: string): number {
  const gid = parseId(text) ?? groups.find((group) => group.name === text)?.gid;
  if (gid !== undefined) return gid;
  throw new OcupError(
    'E_BUNDLE_USER',
    `unable to find group ${text}: no matching entries in group file`,
    { hint: 'Name a group of the image, or give a number.' },
  );
}

function groupsOf(groups: readonly GroupEntry[], name: string): number[] {
  return groups.filter((group) => group.members.includes(name)).map((group) => group.gid);
}

/** The number that `text` is, or undefined for a name. @throws E_BUNDLE_USER out of range */
function parseId(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id >= 0 && id <= MAX_ID) return id;
  throw new OcupError('E_BUNDLE_USER', `uids and gids must be in range 0-${MAX_ID}: ${text}`);
}

/** @see passwd(5) */
function parseUsers(text: string | undefined): UserEntry[] {
  return parseLines(text).flatMap(([name = '', , uid = '', gid = '', , home = '']) =>
    name !== '' && isId(uid) && isId(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid), home: home.startsWith('/') ? home : '/' }]
      : [],
  );
}

/** @see group(5) */
function parseGroups(text: string | undefined): GroupEntry[] {
  return parseLines(text).flatMap(([name = '', , gid = '', members = '']) =>
    name !== '' && isId(gid)
      ? [{ name, gid: Number(gid), members: members.split(',').map((member) => member.trim()) }]
      : [],
  );
}

function parseLines(text: string | undefined): string[][] {
  return (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':').map((field) => field.trim()));
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= MAX_ID;
}
