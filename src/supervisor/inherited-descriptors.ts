import { closeSync, readdirSync, readFileSync } from 'node:fs';

const O_CLOEXEC = 0o2000000;

/**
 * Closes what this process inherited beyond its standard streams and `keep`: a shell that starts a command with a
 * lock or pipe open would else have the daemon hold it for as long as containers run. Called before anything is
 * opened; what Node.js opened itself is marked to be closed on exec, and so told apart.
 *
 * @see man 5 proc_pid_fdinfo
 */
export function closeInherited(keep: readonly number[]): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd <= 2 || keep.includes(fd) || !isInherited(fd)) continue;
    closeSync(fd);
  }
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    return false; // the descriptor of the listing itself
  }
}
