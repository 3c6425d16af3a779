import { describe, expect, test } from '@jest/globals';
import { buildMounts, type BundleMount, type MountsInput } from '../../../src/bundle/mounts.ts';
import { tmpfsOptions } from '../../../src/bundle/tmpfs-options.ts';
import { specHost } from '../../support/spec-values.ts';

type Changes = Partial<Omit<MountsInput, 'config'>> & { config?: Partial<MountsInput['config']> };

function build({ config, ...changes }: Changes = {}) {
  return buildMounts({
    config: {
      isReadOnly: false,
      isPrivileged: false,
      shmSizeBytes: undefined,
      hasInit: false,
      ...config,
    },
    host: specHost(),
    mounts: [],
    etcFiles: undefined,
    shmPath: undefined,
    initPath: undefined,
    hasWritableCgroup: false,
    ...changes,
  });
}

function bind(target: string, changes: Partial<BundleMount & { kind: 'bind' }> = {}): BundleMount {
  return {
    kind: 'bind',
    source: '/host',
    target,
    isReadOnly: false,
    propagation: undefined,
    isRecursive: true,
    ...changes,
  };
}

const ETC = { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' };
const OWN = ['/proc', '/dev', '/dev/pts', '/sys', '/sys/fs/cgroup', '/dev/mqueue', '/dev/shm'];

describe('the mounts of a container', () => {
  test('begin with Docker’s in its order', () => {
    expect(build().map((mount) => mount.destination)).toEqual(OWN);
  });

  test('a user’s mounts come after ours by depth, so that none hides another', () => {
    const mounts = [bind('/a/b/c'), bind('/z'), bind('/a'), bind('/a/b')];
    const targets = build({ mounts }).map((mount) => mount.destination);
    expect(targets.slice(OWN.length)).toEqual(['/a', '/z', '/a/b', '/a/b/c']);
  });

  test('the files of /etc lie on a mount of /etc', () => {
    const targets = build({ mounts: [bind('/etc')], etcFiles: ETC }).map((m) => m.destination);
    expect(targets.slice(OWN.length)).toEqual([
      '/etc',
      '/etc/hostname',
      '/etc/hosts',
      '/etc/resolv.conf',
    ]);
  });

  test('a user’s /etc/hosts takes the place of ours', () => {
    const mounts = build({ mounts: [bind('/etc/hosts')], etcFiles: ETC });
    expect(mounts.filter((mount) => mount.destination === '/etc/hosts')).toEqual([
      { destination: '/etc/hosts', type: 'bind', source: '/host', options: ['rbind', 'rprivate'] },
    ]);
  });

  test('a user’s /dev/shm takes the place of ours', () => {
    const mounts = build({ mounts: [bind('/dev/shm')] });
    expect(mounts.filter((mount) => mount.destination === '/dev/shm')).toHaveLength(1);
  });

  test('a user’s /dev takes the place of all below it', () => {
    const targets = build({ mounts: [bind('/dev/')] }).map((mount) => mount.destination);
    expect(targets).toEqual(['/proc', '/sys', '/sys/fs/cgroup', '/dev']);
  });

  test('a read-only bind reaches mounts below it where the kernel can', () => {
    const mounts = [bind('/a', { isReadOnly: true })];
    expect(build({ mounts }).at(-1)?.options).toEqual(['rbind', 'ro', 'rro', 'rprivate']);
    const host = specHost({ kernelVersion: '5.11.22-generic' });
    expect(build({ mounts, host }).at(-1)?.options).toEqual(['rbind', 'ro', 'rprivate']);
  });

  test('a bind that is not recursive is not made read-only below', () => {
    const mounts = [bind('/a', { isReadOnly: true, isRecursive: false, propagation: 'rslave' })];
    expect(build({ mounts }).at(-1)?.options).toEqual(['bind', 'ro', 'rslave']);
  });

  test('a read-only root makes the files of /etc read-only, but not a user’s mounts', () => {
    const config = { isReadOnly: true };
    const mounts = build({ config, mounts: [bind('/data')], etcFiles: ETC });
    const options = new Map(mounts.map((mount) => [mount.destination, mount.options]));
    expect(options.get('/etc/hosts')).toEqual(['rbind', 'rprivate', 'ro']);
    expect(options.get('/data')).toEqual(['rbind', 'rprivate']);
  });

  test('the size of /dev/shm is 64 MiB unless it is set', () => {
    const sizeOf = (shmSizeBytes: number | undefined) =>
      build({ config: { shmSizeBytes } })
        .find((mount) => mount.destination === '/dev/shm')
        ?.options.at(-1);
    expect(sizeOf(undefined)).toBe('size=67108864');
    expect(sizeOf(1024)).toBe('size=1024');
  });

  test('a shared /dev/shm is a bind', () => {
    const shm = build({ shmPath: '/dev/shm' }).find((m) => m.destination === '/dev/shm');
    expect(shm).toMatchObject({ type: 'bind', source: '/dev/shm' });
  });

  test('a privileged container may write to /sys and its control groups', () => {
    const mounts = build({ config: { isPrivileged: true } });
    expect(mounts.filter((mount) => mount.options.includes('ro'))).toEqual([]);
  });

  test('writable control groups leave /sys read-only', () => {
    const mounts = build({ hasWritableCgroup: true });
    expect(mounts.filter((m) => m.options.includes('ro')).map((m) => m.destination)).toEqual([
      '/sys',
    ]);
  });

  test('a machine without control groups has no mount of them', () => {
    const host = specHost({ cgroupVersion: undefined });
    expect(build({ host }).map((mount) => mount.destination)).not.toContain('/sys/fs/cgroup');
  });

  test('the init program is mounted read-only', () => {
    expect(build({ initPath: '/opt/ocup-init' }).at(-1)).toEqual({
      destination: '/sbin/docker-init',
      type: 'bind',
      source: '/opt/ocup-init',
      options: ['bind', 'ro'],
    });
  });

  test.each(['relative', '', '/', '/..', '/a\0b'])('a target %j is refused', (target) => {
    expect(() => build({ mounts: [bind(target)] })).toThrow(/mount/);
  });

  test('two mounts on one target are refused', () => {
    expect(() => build({ mounts: [bind('/a'), bind('/b/../a/')] })).toThrow(
      'duplicate mount point: /a',
    );
  });
});

describe('the options of a tmpfs', () => {
  test('are Docker’s unless the opposite is asked for', () => {
    expect(tmpfsOptions([], false)).toEqual(['noexec', 'nosuid', 'nodev']);
    expect(tmpfsOptions(['exec', 'size=64m', 'mode=1777'], false)).toEqual([
      ...['exec', 'nosuid', 'nodev', 'size=64m', 'mode=1777'],
    ]);
  });

  test('the last one on a matter counts', () => {
    expect(tmpfsOptions(['size=1m', 'exec', 'size=2m', 'noexec'], true)).toEqual([
      ...['noexec', 'nosuid', 'nodev', 'size=2m', 'ro'],
    ]);
  });

  test.each(['size=big', 'mode=999', 'upperdir=/etc', 'exec=1', '', 'loop'])(
    '%j is refused',
    (option) => {
      expect(() => tmpfsOptions([option], false)).toThrow('unknown tmpfs option');
    },
  );
});
