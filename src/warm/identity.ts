import { statSync } from 'node:fs';
import type { HostIdentity } from './refusal.ts';

/** What this process is, in the words of the launcher's requests. @see native/launcher/request.cc */
export function readIdentity(program: string): HostIdentity {
  const { size, mtimeNs } = statSync(program, { bigint: true });
  const second = 1_000_000_000n;
  return {
    build: `${program}:${size}:${mtimeNs / second}.${mtimeNs % second}`,
    view: `${fileIdentity('/proc/self/ns/mnt')} ${fileIdentity('/')}`,
    user: `${process.geteuid?.() ?? 0}:${[process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])].join()}`,
    timeZone: process.env['TZ'],
  };
}

function fileIdentity(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}
