import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Case, configOf, stepsOf } from './case.ts';

const PROBE = resolve(import.meta.dirname, '../../../build/Release/ocup-probe');
const APPLETS = ['sh', 'true', 'sleep', 'dd', 'cat', 'echo'];

/** The folder name of a case, by which results are found again. */
export function folderOf(index: number): string {
  return String(index).padStart(3, '0');
}

/** Writes the cases and the root file system that each gets a copy of, as run-corpus.sh takes them. */
export function writeCorpus(corpus: string, cases: readonly Case[]): void {
  // Containers with users of their own have to reach it.
  for (const folder of [corpus, dirname(corpus)]) chmodSync(folder, 0o755);
  writeRootfs(join(corpus, 'rootfs'));
  for (const name of ['work', 'out', 'cases']) mkdirSync(join(corpus, name));
  for (const [index, item] of cases.entries()) {
    const folder = join(corpus, 'cases', folderOf(index));
    mkdirSync(folder);
    writeFileSync(join(folder, 'config.json'), configOf(item));
    writeFileSync(join(folder, 'steps.sh'), stepsOf(item));
    writeFileSync(join(folder, 'prepare.sh'), `${item.prepare ?? ':'}\n`);
    writeFileSync(join(folder, 'cleanup.sh'), `${item.cleanup ?? ':'}\n`);
  }
}

/** Has run-corpus.sh leave out a case where it runs `name`. */
export function passOver(corpus: string, index: number, name: string): void {
  writeFileSync(join(corpus, 'cases', folderOf(index), `not-${name}`), '');
}

function writeRootfs(rootfs: string): void {
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'root']) {
    mkdirSync(join(rootfs, name), { recursive: true });
  }
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  copyFileSync(PROBE, join(rootfs, 'bin/probe'));
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  for (const name of APPLETS) symlinkSync('busybox', join(rootfs, 'bin', name));
  const users = 'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/home/worker:/bin/sh\n';
  writeFileSync(join(rootfs, 'etc/passwd'), users);
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nworker:x:1000:\n');
}
