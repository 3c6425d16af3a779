import { execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import type { TestBundle } from '../../support/bundle.ts';
import { OURS, RuntimeLab } from '../../support/runtime.ts';
import { SWAPPER } from '../../support/swapper.ts';

// Positive controls of attacks.test.ts, races.test.ts and own-executable.test.ts: each attack reaches its end where the
// step that it aims at is done without protection, by a path in the root and in a mount namespace of its own. A test of
// the runtime that passes has seen an attack that works.

/** Any program, as long as it is nobody's. */
const PROBE = resolve(import.meta.dirname, '../../../build/Release/ocup-probe');

let lab: RuntimeLab;
let bundle: TestBundle;
let outside: string;
beforeEach(() => {
  lab = new RuntimeLab(OURS);
  bundle = lab.bundle();
  outside = join(bundle.folder, 'outside');
  mkdirSync(outside);
});
afterEach(async () => {
  expect(await lab.close()).toEqual([]);
});

/** What a shell script says, whose mounts are gone with it. `$root` is the root file system. */
function unprotected(...lines: string[]): string {
  const env = { ...process.env, root: bundle.rootfs, outside };
  const script = ['set -e', ...lines].join('\n');
  return execFileSync('unshare', ['-m', 'sh', '-c', script], { env, encoding: 'utf8' });
}

function plantLink(path: string, target: string): void {
  rmSync(join(bundle.rootfs, path), { recursive: true, force: true });
  symlinkSync(target, join(bundle.rootfs, path));
}

describe('without protection', () => {
  test('CVE-2019-16884: a volume at /proc is what the container sees of proc', async () => {
    writeFileSync(join(outside, 'keys'), 'not the real one');
    bundle.spec.mounts.push({ destination: '/proc', source: outside, options: ['bind'] });
    // With nothing to be masked there is nothing to protect.
    bundle.spec.linux.maskedPaths = [];
    bundle.spec.linux.readonlyPaths = [];
    const { code, stdout } = await lab.run(bundle.script('cat /proc/keys'));
    expect([code, stdout]).toEqual([0, 'not the real one']);
  });

  test.each(['proc', 'sys'])('CVE-2019-19921: a mount at /%s lands behind the link', (name) => {
    mkdirSync(join(bundle.rootfs, 'evil'));
    plantLink(name, 'evil');
    const mounts = unprotected(`mount -t tmpfs planted $root/${name}`, 'cat /proc/self/mounts');
    expect(mounts).toContain(`planted ${bundle.rootfs}/evil `);
  });

  test('CVE-2023-27561: a mask at /proc hits the file of a volume', () => {
    mkdirSync(join(outside, 'proc'));
    writeFileSync(join(outside, 'proc/keys'), 'of the volume');
    mkdirSync(join(bundle.rootfs, 'volume'));
    plantLink('proc', 'volume/proc');
    const said = unprotected(
      'mount --bind $outside $root/volume',
      'mount --bind /dev/null $root/proc/keys',
      'cat $outside/proc/keys $root/volume/proc/keys',
      'grep -c "$root/volume/proc/keys" /proc/self/mounts',
    );
    expect(said).toBe('of the volume1\n');
  });

  test('CVE-2022-29162: an inheritable capability is seen', async () => {
    bundle.spec.process.capabilities['inheritable'] = ['CAP_CHOWN'];
    const id = await lab.start(bundle);
    const { stdout } = await lab.succeed(['exec', id, 'cat', '/proc/self/status']);
    expect(stdout).toMatch(/CapInh:\t0000000000000001/);
  });

  test('CVE-2023-25809: a cgroup that is not mounted read-only takes another one', async () => {
    for (const mount of bundle.spec.mounts) {
      if (mount.type === 'cgroup') mount.options = ['nosuid', 'noexec', 'nodev'];
    }
    const script =
      'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x 2> /dev/null && echo $d; done; true';
    expect((await lab.run(bundle.script(script))).stdout).toContain('/sys/fs/cgroup');
  });

  test('CVE-2024-21626: a leaked descriptor of the host is a way out of the root', () => {
    const said = unprotected(
      'mount -t proc proc $root/proc',
      'exec 7< /',
      'chroot $root /bin/sh -c "cd /proc/self/fd/7 && ls"',
    );
    expect(said).toMatch(/^usr$/m);
  });

  test.each([
    ['an absolute link', 'link/made', () => outside],
    ['a link that is the file', 'link', () => join(outside, 'made')],
    ['a relative link', 'link/made', () => `../../../../../../../..${outside}`],
  ])('CVE-2024-45310: %s has a file made on the host', (_name, path, target) => {
    plantLink('link', target());
    writeFileSync(join(bundle.rootfs, path), '');
    expect(readdirSync(outside)).toEqual(['made']);
  });

  test('CVE-2025-31133: a /dev/null of the image’s own does not mask', () => {
    bundle.write('etc/hidden', 'secret');
    bundle.write('dev/null', 'a file instead of a device');
    const said = unprotected(
      'mount --bind $root/dev/null $root/etc/hidden',
      'cat $root/etc/hidden',
    );
    expect(said).toBe('a file instead of a device');
    plantLink('dev/null', '../etc/passwd');
    const led = unprotected('mount --bind $root/dev/null $root/etc/hidden', 'cat $root/etc/hidden');
    expect(led).toContain('worker:x:1000');
  });

  test('CVE-2025-52565: a link in the place of the console leads a mount outside', () => {
    writeFileSync(join(outside, 'file'), '');
    plantLink('dev/console', `../../../../../../../..${outside}/file`);
    const mounts = unprotected('mount --bind /dev/null $root/dev/console', 'cat /proc/self/mounts');
    expect(mounts).toContain(` ${outside}/file `);
  });

  test('CVE-2025-52881: a write to proc ends in a volume, or in another file of proc', () => {
    const name = 'ip_unprivileged_port_start';
    const mounted = [
      'mount -t proc proc $root/proc',
      'mount --bind $outside $root/proc/sys/net/ipv4',
    ];
    writeFileSync(join(outside, name), 'untouched');
    unprotected(...mounted, `echo 77 > $root/proc/sys/net/ipv4/${name}`);
    expect(readFileSync(join(outside, name), 'utf8')).toBe('77\n');
    rmSync(join(outside, name));
    symlinkSync('/proc/sys/kernel/hostname', join(outside, name));
    const args = ['-m', '--uts', 'sh', '-c'];
    const script = [...mounted, `echo led > $root/proc/sys/net/ipv4/${name}`, 'uname -n'];
    const env = { ...process.env, root: bundle.rootfs, outside };
    const said = execFileSync('unshare', [...args, script.join('\n')], { env, encoding: 'utf8' });
    expect(said).toBe('led\n');
  });

  test('CVE-2021-30465: a folder that becomes a link meanwhile has one made outside', async () => {
    const place = join(bundle.folder, 'volume/a');
    mkdirSync(place, { recursive: true });
    const swapper = spawn(process.execPath, ['-e', SWAPPER, place, outside], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = new Promise<unknown>((done) => swapper.once('exit', done));
    try {
      await new Promise((done) => swapper.stdout.once('data', done));
      await eventually(
        () => {
          for (let round = 0; round < 200; round += 1) attempt(() => mkdirSync(join(place, 'b')));
          return readdirSync(outside).length > 0;
        },
        20_000,
        'a folder outside',
      );
    } finally {
      swapper.stdin.end();
      expect(await ended).toBe(0);
    }
  });

  test('CVE-2019-5736: the executable of a process that died can be written to', async () => {
    for (const set of Object.values(bundle.spec.process.capabilities)) set.push('CAP_SYS_PTRACE');
    copyFileSync(PROBE, join(bundle.rootfs, 'bin/ocup-decoy'));
    const id = await lab.start(bundle);
    const script = [
      '/bin/ocup-decoy wait > /dev/null & victim=$!',
      'until grep -q ocup-decoy /proc/$victim/comm; do sleep 0.01; done',
      'exec 9< /proc/$victim/exe || exit 3',
      'kill -9 $victim; wait $victim 2> /dev/null',
      'until (: >> /proc/self/fd/9) 2> /tmp/said || ! grep -q busy /tmp/said; do sleep 0.01; done',
      'echo overwritten > /proc/self/fd/9',
    ];
    await lab.succeed(['exec', id, 'sh', '-c', script.join('\n')]);
    expect(existsSync(join(bundle.rootfs, 'bin/ocup-decoy'))).toBe(true);
    expect(readFileSync(join(bundle.rootfs, 'bin/ocup-decoy'), 'utf8')).toBe('overwritten\n');
  });
});

/** What is missing at this moment may be there at the next. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Tried again.
  }
}
