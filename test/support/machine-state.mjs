// What ocup may leave on a machine, as a list of words: interfaces, mounts, cgroups, processes, network
// namespaces, firewall tables, sockets and folders. Two lists taken before and after show what was left.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @returns {string[]} sorted; only what can belong to ocup or to a test of it */
export function machineState() {
  return [
    ...interfaces(),
    ...mounts(),
    ...cgroups(),
    ...processes(),
    ...firewallTables(),
    ...folders(),
  ].sort();
}

/** @returns {string[]} what is in `after` and was not in `before` */
export function stateDifference(before, after) {
  const known = new Set(before);
  return after.filter((item) => !known.has(item));
}

function interfaces() {
  return readdirSync('/sys/class/net').map((name) => `interface ${name}`);
}

function mounts() {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `mount ${line.split(' ')[4] ?? ''}`);
}

/**
 * All of the first level, and of the second what is below a cgroup named after ocup: whatever ocup makes hangs there,
 * while other programs of the machine make cgroups in their own at any time.
 */
function cgroups() {
  const root = '/sys/fs/cgroup';
  if (!existsSync(root)) return [];
  const found = [];
  const walk = (folder, depth) => {
    for (const entry of entriesOf(folder)) {
      if (!entry.isDirectory()) continue;
      const path = join(folder, entry.name);
      if (depth > 0) found.push(`cgroup ${path}`);
      if (depth === 0 || (depth === 1 && entry.name.includes('ocup'))) walk(path, depth + 1);
    }
  };
  walk(root, existsSync(join(root, 'cgroup.controllers')) ? 1 : 0);
  return found;
}

/** Of a cgroup that went away meanwhile: none. */
function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENODEV') return [];
    throw error;
  }
}

function processes() {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const comm = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const isOurs =
        comm.startsWith('ocup') || /supervisor\.cjs|start\.cjs. ?(supervisor|warm)/.test(args);
      if (isOurs) found.push(`process ${pid} ${args.slice(0, 80)}`);
    } catch {
      // it ended meanwhile
    }
  }
  return found;
}

function firewallTables() {
  try {
    const text = execFileSync('nft', ['list', 'tables'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `firewall ${line}`);
  } catch {
    return []; // no nft here: the tests that need it say so themselves
  }
}

function folders() {
  const found = [];
  for (const path of ['/run/ocup', '/var/lib/ocup/containers', '/run/netns']) {
    if (!existsSync(path)) continue;
    for (const name of readdirSync(path)) found.push(`folder ${path}/${name}`);
  }
  return found;
}
