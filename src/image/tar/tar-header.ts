const BLOCK_BYTES = 512;
const MAX_OCTAL_SIZE = 0o77777777777;
const MAX_OCTAL_ID = 0o7777777;

export type TarType =
  'file' | 'hard-link' | 'symbolic-link' | 'character-device' | 'block-device' | 'folder' | 'fifo';

const TYPE_FLAGS: Readonly<Record<TarType, string>> = {
  file: '0',
  'hard-link': '1',
  'symbolic-link': '2',
  'character-device': '3',
  'block-device': '4',
  folder: '5',
  fifo: '6',
};

/** A member of an archive. Names are strings of bytes (`latin1`), since a name need not be UTF-8. */
export interface TarMember {
  /** Relative, without a slash at the end. */
  readonly path: string;
  readonly type: TarType;
  /** Permission bits only. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number };
  /** Bytes that follow; 0 for all but files. */
  readonly size: number;
  readonly link?: string;
  readonly device?: { readonly major: number; readonly minor: number };
  /** Extended attributes by name. */
  readonly attributes?: readonly (readonly [name: string, value: Buffer])[];
}

/** What is kept the same in archives that describe content and not a moment. */
export const PLAIN_MEMBER = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
} as const;

/**
 * The blocks in front of a member's content: one of ustar, and an extended header before it where ustar cannot say
 * it all. The same member always gives the same bytes: numeric owners, no times but the one of change.
 * @see POSIX pax, "ustar Interchange Format"
 */
export function formatTarHeader(member: TarMember): Buffer {
  const records = extendedRecords(member);
  const header = formatBlock(member, TYPE_FLAGS[member.type]);
  if (records.length === 0) return header;
  const body = Buffer.concat(records.map(([key, value]) => formatRecord(key, value)));
  const { uid, gid } = PLAIN_MEMBER;
  const about: TarMember = {
    ...PLAIN_MEMBER,
    uid,
    gid,
    path: 'PaxHeader',
    type: 'file',
    size: body.length,
  };
  return Buffer.concat([formatBlock(about, 'x'), padToBlock(body), header]);
}

/** Zeros up to the next block behind `size` bytes of content. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** What ends an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

function extendedRecords(member: TarMember): [string, Buffer][] {
  const { mtime } = member;
  const records: [string, Buffer][] = [];
  const add = (key: string, value: string): number => records.push([key, latin1(value)]);
  if (latin1(writtenPath(member)).length > 100) add('path', writtenPath(member));
  if (latin1(member.link ?? '').length > 100) add('linkpath', member.link ?? '');
  if (member.size > MAX_OCTAL_SIZE) add('size', String(member.size));
  if (member.uid > MAX_OCTAL_ID) add('uid', String(member.uid));
  if (member.gid > MAX_OCTAL_ID) add('gid', String(member.gid));
  const isWhole = mtime.nanoseconds === 0 && mtime.seconds >= 0 && mtime.seconds <= MAX_OCTAL_SIZE;
  if (!isWhole) add('mtime', formatTime(mtime));
  for (const [name, value] of [...(member.attributes ?? [])].sort(byName)) {
    records.push([`SCHILY.xattr.${name}`, value]);
  }
  return records;
}

function byName([a]: readonly [string, Buffer], [b]: readonly [string, Buffer]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Before 1970 the nanoseconds still count forward, the decimal fraction backward. */
function formatTime({ seconds, nanoseconds }: TarMember['mtime']): string {
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  const size = total < 0n ? -total : total;
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const whole = `${total < 0n ? '-' : ''}${size / 1_000_000_000n}`;
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function formatRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([latin1(` ${key}=`), value, latin1('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return Buffer.concat([latin1(String(length)), rest]);
}

function formatBlock(member: TarMember, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const { device } = member;
  const { seconds } = member.mtime;
  latin1(writtenPath(member)).copy(block, 0, 0, 100);
  writeOctal(block, member.mode & 0o7777, 100, 8);
  writeOctal(block, Math.min(member.uid, MAX_OCTAL_ID), 108, 8);
  writeOctal(block, Math.min(member.gid, MAX_OCTAL_ID), 116, 8);
  writeOctal(block, Math.min(member.size, MAX_OCTAL_SIZE), 124, 12);
  writeOctal(block, Math.min(Math.max(seconds, 0), MAX_OCTAL_SIZE), 136, 12);
  block.write(flag, 156, 1, 'latin1');
  latin1(member.link ?? '').copy(block, 157, 0, 100);
  block.write('ustar\0' + '00', 257, 8, 'latin1');
  writeOctal(block, device?.major ?? 0, 329, 8);
  writeOctal(block, device?.minor ?? 0, 337, 8);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return block;
}

function writtenPath({ path, type }: TarMember): string {
  return type === 'folder' ? `${path}/` : path;
}

function writeOctal(block: Buffer, value: number, offset: number, length: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, length, 'latin1');
}

function padToBlock(content: Buffer): Buffer {
  return Buffer.concat([content, tarPadding(content.length)]);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
