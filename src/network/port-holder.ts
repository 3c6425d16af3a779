import { readFile, readdir, readlink } from 'node:fs/promises';

/** A process that holds a port. */
export interface PortHolder {
  readonly pid: number;
  readonly name: string;
}

const LISTENING: Readonly<Record<'tcp' | 'udp', string>> = { tcp: '0A', udp: '07' };

/**
 * A process that listens on the port, on whatever address; undefined when it cannot be told, as when it
 * belongs to another user. Reads `/proc` from end to end: only for wording an error.
 *
 * @see man 5 proc_pid_net
 */
export async function findPortHolder(
  protocol: 'tcp' | 'udp',
  port: number,
): Promise<PortHolder | undefined> {
  const tables = await Promise.all(
    [protocol, `${protocol}6`].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const inodes = new Set(tables.flatMap((table) => listenerInodes(table, protocol, port)));
  if (inodes.size === 0) return undefined;
  for (const entry of await readdir('/proc')) {
    if (/^\d+$/.test(entry) && (await hasSocket(entry, inodes))) {
      const name = await readFile(`/proc/${entry}/comm`, 'utf8').catch(() => '');
      return { pid: Number(entry), name: name.trim() };
    }
  }
  return undefined;
}

/** The inodes of sockets that listen on `port` in the text of `/proc/net/tcp` or its like. */
export function listenerInodes(
  table: string,
  protocol: 'tcp' | 'udp',
  port: number,
): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, local, , state, , , , , , inode] = fields;
    const isMatch = local?.endsWith(suffix) === true && state === LISTENING[protocol];
    return isMatch && inode !== undefined ? [inode] : [];
  });
}

async function hasSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const target = await readlink(`${folder}/${name}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}
