import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** A root file system of busybox with all its names, for images of other programs' tests. */
export function writeRootFilesystem(rootfs: string): void {
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'root', 'data']) {
    mkdirSync(join(rootfs, name), { recursive: true });
  }
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of applets) {
    if (name !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', name));
  }
  // Sleeps for as long as the pod lives.
  writeFileSync(join(rootfs, 'bin/pause'), '#!/bin/sh\nexec sleep 100000\n', { mode: 0o755 });
  writeFileSync(
    join(rootfs, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000::/tmp:/bin/sh\n',
  );
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nworker:x:1000:\n');
}
