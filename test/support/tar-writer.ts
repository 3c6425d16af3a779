/** A member of an archive, written as it is told, also where that is wrong. */
export interface TarMember {
  readonly path: string;
  /** The type flag: `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` folder, `6` FIFO. Default by content. */
  readonly type?: string;
  readonly content?: Buffer | string;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds. */
  readonly mtime?: number;
  readonly device?: readonly [major: number, minor: number];
  /** Records of an extended header in front of it. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** What the header says where it is not the length of the content. */
  readonly size?: number;
}

const BLOCK = 512;

/** An archive of these members in ustar form, with pax headers where they are given; names beyond 100 bytes get one. */
export function writeTar(members: readonly TarMember[], options: { end?: boolean } = {}): Buffer {
  const parts = members.flatMap(writeMember);
  if (options.end !== false) parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

/** `LENGTH KEY=VALUE\n` for each record. */
export function writePaxRecords(records: Readonly<Record<string, string | Buffer>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
      let length = rest.length + 1;
      while (String(length).length + rest.length !== length) {
        length = String(length).length + rest.length;
      }
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

/** A header block alone, its checksum right. */
export function writeHeader(member: TarMember, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const type = member.type ?? '0';
  header.write(member.path, 0, 100, 'utf8');
  writeOctal(header, member.mode ?? (type === '5' ? 0o755 : 0o644), 100, 8);
  writeOctal(header, member.uid ?? 0, 108, 8);
  writeOctal(header, member.gid ?? 0, 116, 8);
  writeOctal(header, size, 124, 12);
  writeOctal(header, member.mtime ?? 1_700_000_000, 136, 12);
  header.write(type, 156, 1, 'latin1');
  header.write(member.link ?? '', 157, 100, 'utf8');
  header.write('ustar\0' + '00', 257, 8, 'latin1');
  const [major, minor] = member.device ?? [0, 0];
  writeOctal(header, major, 329, 8);
  writeOctal(header, minor, 337, 8);
  return withChecksum(header);
}

export function withChecksum(header: Buffer): Buffer {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(sum.toString(8).padStart(6, '0') + '\0 ', 148, 8, 'latin1');
  return header;
}

/** Content up to the next block. */
export function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

function writeMember(member: TarMember): Buffer[] {
  const content = Buffer.from(member.content ?? '');
  const long: Record<string, string> = {};
  if (Buffer.byteLength(member.path) > 100) long['path'] = member.path;
  if (Buffer.byteLength(member.link ?? '') > 100) long['linkpath'] = member.link ?? '';
  const records = { ...long, ...member.pax };
  const parts: Buffer[] = [];
  if (Object.keys(records).length > 0) {
    const text = writePaxRecords(records);
    parts.push(writeHeader({ path: 'PaxHeader', type: 'x' }, text.length), padded(text));
  }
  parts.push(writeHeader(member, member.size ?? content.length), padded(content));
  return parts;
}

function writeOctal(header: Buffer, value: number, offset: number, length: number): void {
  header.write(value.toString(8).padStart(length - 1, '0') + '\0', offset, length, 'latin1');
}
